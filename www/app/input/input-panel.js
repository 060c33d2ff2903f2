// The way in: on an empty page a large drop target with samples, later a slim bar with the same buttons.

import { html, nothing, View } from "../core/view.js";
import { saysNothing } from "../gallery/bars.js";
import { number, text } from "../strings/index.js";
import { FileInput } from "./files.js";
import { CREDITS, SAMPLES, sampleFile } from "./samples.js";

/** With more pictures than this, nobody needs the samples. */
const SAMPLES_UNTIL = 5;
/** Largest number of tags of the only picture that the status names. */
const SPOKEN_TAGS = 3;
/** Least milliseconds between two messages to screen readers while the queue runs. */
const UPDATE_EVERY = 2500;

export class InputPanel extends View {
  #files;
  #dropping = false;
  #status = "";
  #updatedAt = -Infinity;

  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("focus-add", () => this.part("#add").focus());
    this.#files = new FileInput(this.app.importer, (visible) => {
      this.#dropping = visible;
      this.requestUpdate();
    });
  }

  render() {
    const { app } = this;
    const { size } = app.session.items;
    const compact = size > 0 || app.cameraOn;
    const pick = ({ target }) => this.#files.picked(target);
    const open = (id) => () => this.part(id).click();
    return html`
      <section class="input ${compact ? "compact" : "hero"}" aria-labelledby="pictures-heading">
        <div class="input-words">
          <h2 id="pictures-heading">${compact ? text.picturesHeading : text.dropTitle}</h2>
          ${compact ? nothing : html`<p class="quiet">${text.dropText}</p>`}
          <p id="status" class=${app.session.busy ? "unseen" : "quiet"} role="status" aria-live="polite">${this.#summary()}</p>
        </div>
        <div class="input-buttons">
          <button type="button" id="add" class="primary" @click=${open("#files")}>${text.add}</button>
          <button type="button" id="add-folder" @click=${open("#folder")}>${text.addFolder}</button>
          <button type="button" id="camera-open" ?hidden=${!navigator.mediaDevices?.getUserMedia} @click=${() => app.emit("camera")}>${text.openCamera}</button>
          <button type="button" id="url-open" class="plain" @click=${() => app.emit("add-url")}>${text.addUrl}</button>
          <button type="button" id="clear" class="plain" ?hidden=${size === 0} @click=${() => this.#clear()}>${text.clear}</button>
        </div>
        <input id="files" type="file" accept="image/*,video/*,.heic,.heif,.avif,.svg" multiple hidden aria-hidden="true" tabindex="-1" @change=${pick} />
        <input id="folder" type="file" webkitdirectory hidden aria-hidden="true" tabindex="-1" @change=${pick} />
        ${size > SAMPLES_UNTIL ? nothing : this.#samples(compact)}
      </section>
      <div class="drop-overlay" aria-hidden="true" ?hidden=${!this.#dropping}><p>${text.dropHere}</p></div>`;
  }

  #samples(compact) {
    const one = (sample) => html`<li>
      <button type="button" class="sample" aria-label=${text.sampleName(sample.name)} @click=${() => this.#addSample(sample)}>
        <img src=${sample.address} alt="" width="96" height="72" loading="lazy" decoding="async" />
      </button>
    </li>`;
    return html`<div class="samples">
      <p class="quiet" id="samples-text">${text.samples}</p>
      <ul id="samples" role="list" aria-labelledby="samples-text" title=${text.samplesSource(CREDITS)}>${SAMPLES.map(one)}</ul>
      ${compact ? nothing : html`<p class="samples-source quiet">${text.samplesSource(CREDITS)}</p>`}
    </div>`;
  }

  async #addSample(sample) {
    try {
      const file = await sampleFile(sample);
      this.app.importer.images([{ blob: file, name: file.name }]);
    } catch (error) {
      this.app.notices.add(error.message);
    }
  }

  async #clear() {
    this.app.remove(this.app.session.list);
    this.part("#add").focus();
  }

  /** The queue's progress, announced at a pace that screen readers can follow, or its result. */
  #summary() {
    const { open, items } = this.app.session;
    const now = performance.now();
    const busy = open > 0 && items.size > 0;
    if (busy && this.#status && now < this.#updatedAt + UPDATE_EVERY) return this.#status;
    if (busy) this.#updatedAt = now;
    this.#status = busy ? text.progress(items.size - open, items.size) : this.#result();
    return this.#status;
  }

  /** The answer of the only picture, or the count of all. */
  #result() {
    const { session, classifier, query } = this.app;
    const { counts, items } = session;
    const [only] = items.values();
    if (!only) return "";
    const best = items.size === 1 && classifier.verdict(only);
    if (best && saysNothing(classifier.scale, only.labels)) return text.bestTag(only.name, only.labels[best.index]);
    if (best)
      return text.best(only.name, only.labels[best.index], number(classifier.value(best), query.settings.score));
    if (items.size === 1 && classifier.isNoMatch(only)) return text.bestTag(only.name, text.noMatch);
    if (items.size === 1 && query.labels.length === 0 && only.tags) {
      const words = only.tags
        .slice(0, SPOKEN_TAGS)
        .map(({ word }) => word)
        .join(", ");
      return only.sure ? text.bestTag(only.name, words) : text.guessedTag(only.name, words);
    }
    return text.finished(counts.done, counts.failed, counts.stopped);
  }
}
customElements.define("cl-input-panel", InputPanel);

/** Asks for the address of an image. */
export class UrlDialog extends View {
  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("add-url", () => this.part("dialog").showModal());
  }

  render() {
    return html`<dialog id="url-dialog" class="small-dialog" aria-labelledby="url-heading">
      <form method="dialog" @submit=${(event) => this.#submitted(event)}>
        <h2 id="url-heading">${text.urlHeading}</h2>
        <div class="field">
          <label for="url">${text.urlLabel}</label>
          <input id="url" type="text" inputmode="url" autocomplete="off" spellcheck="false" aria-describedby="url-help" />
          <p id="url-help" class="quiet">${text.urlText}</p>
        </div>
        <div class="tools-row">
          <button value="add" class="primary">${text.urlAdd}</button>
          <button value="cancel">${text.cancel}</button>
        </div>
      </form>
    </dialog>`;
  }

  #submitted({ submitter }) {
    const field = this.part("#url");
    const address = field.value.trim();
    field.value = "";
    if (submitter?.value === "add" && address) this.app.importer.address(address);
  }
}
customElements.define("cl-url-dialog", UrlDialog);
