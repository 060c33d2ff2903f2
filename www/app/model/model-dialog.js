// The dialog about models: a better one in one click, others with their size before anything is loaded, those stored
// on this device, and details about the one in use.

import { Cliplet, DEFAULT_MODEL } from "../../cliplet/index.js";
import { html, nothing, View } from "../core/view.js";
import { size, text } from "../strings/index.js";
import { BETTER_MODEL, HUB, reasonOf } from "./model.js";
import { loadingBar } from "./model-status.js";
import { StoredModels } from "./stored-models.js";

/** Models of the Hub in several sizes, by the names they are published under. */
const SIZES = {
  "CLIP ViT-B/32": "openai/clip-vit-base-patch32",
  "CLIP ViT-B/16": "openai/clip-vit-base-patch16",
  "CLIP ViT-L/14": "openai/clip-vit-large-patch14",
  "CLIP ViT-L/14, 336 px": "openai/clip-vit-large-patch14-336",
};
const SUGGESTED = Object.values(SIZES);

/** Bytes of storage left for this page, as far as the browser tells. */
async function freeSpace() {
  const { quota, usage } = (await navigator.storage?.estimate?.().catch(() => null)) ?? {};
  return quota ? Math.max(0, quota - usage) : null;
}

export class ModelDialog extends View {
  #looking = null;
  #lookingUp = "";
  #offered = null;
  #error = "";
  #stored = new StoredModels(() => this.requestUpdate());

  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("about-model", () => this.#open());
    this.app.addEventListener("offer-model", ({ source }) => this.#offer(source));
  }

  get #dialog() {
    return this.part("dialog");
  }

  render() {
    const { model } = this.app;
    const error = this.#error || model.problem;
    return html`<dialog id="model-dialog" aria-labelledby="model-heading" @close=${() => this.#closed()}>
      <form method="dialog" class="dialog-head">
        <h2 id="model-heading">${text.modelHeading}</h2>
        <button class="plain">${text.close}</button>
      </form>
      ${
        error && model.dialogOpen
          ? html`<div class="notice" role="alert"><p dir="auto">${error}</p><button type="button" class="plain small" @click=${() => this.#clearError()}>${text.dismiss}</button></div>`
          : nothing
      }
      ${model.progress && model.dialogOpen ? loadingBar(model) : nothing}
      ${model.isDefault && BETTER_MODEL && !model.progress ? this.#better() : nothing}
      ${this.#offered ? this.#offerBox(this.#offered) : nothing}
      <h3>${text.storedModels}</h3>
      ${this.#stored.render({ info: model.info, load: (source) => this.#load(source), offer: (source) => this.#offer(source), fail: (message) => this.#fail(message) })}
      <button type="button" id="model-default" ?hidden=${model.isDefault} @click=${() => this.#load(DEFAULT_MODEL)}>${text.modelDefault}</button>
      <h3>${text.otherModels}</h3>
      ${this.#others()}
      ${this.#about(model.info)}
    </dialog>`;
  }

  #better() {
    return html`<div class="better">
      <p><strong>${text.betterModel}:</strong> ${text.betterModelOffer}</p>
      <p class="quiet">${text.betterModelWhy}</p>
      <button type="button" id="better-model-get" class="primary" @click=${() => this.#load(BETTER_MODEL)}>${text.betterModelGet}</button>
    </div>`;
  }

  #others() {
    const submit = (source) => (event) => {
      event.preventDefault();
      const asked = source();
      if (asked) this.#offer(asked);
    };
    return html`<div class="model-choices">
      <p id="model-looking-up" class="quiet" role="status">${this.#lookingUp}</p>
      <div class="field" role="group" aria-labelledby="model-sizes-text">
        <div class="choices" id="model-sizes">
          ${Object.entries(SIZES).map(([name, id]) => html`<button type="button" class="small" @click=${() => this.#offer(`hf:${id}`)}>${name}</button>`)}
        </div>
        <p id="model-sizes-text" class="quiet">${text.modelSizes}</p>
      </div>
      <form id="model-hub-form" class="field" method="dialog" @submit=${submit(() => this.part("#model-hub").value.trim())}>
        <label for="model-hub">${text.modelHub}</label>
        <div class="row">
          <input id="model-hub" type="text" spellcheck="false" autocomplete="off" autocapitalize="off" value=${SUGGESTED[0]} list="model-suggestions" aria-describedby="model-hub-help" />
          <select id="model-quant" aria-label=${text.modelQuant}>${Object.entries(text.quants).map(([key, name]) => html`<option value=${key}>${name}</option>`)}</select>
          <button>${text.modelLookUp}</button>
        </div>
        <datalist id="model-suggestions">${SUGGESTED.map((id) => html`<option value=${id}></option>`)}</datalist>
        <p id="model-hub-help" class="quiet">${text.modelHubHelp}</p>
      </form>
      <div class="field">
        <div class="choices"><button type="button" id="model-file-button" aria-describedby="model-file-help" @click=${() => this.part("#model-file").click()}>${text.modelFile}</button></div>
        <input id="model-file" type="file" accept=".gguf,.safetensors,.bin,.json,.model,.txt,.md" multiple hidden aria-hidden="true" tabindex="-1" @change=${({ target }) => this.#files(target)} />
        <p id="model-file-help" class="quiet">${text.modelFileHelp}</p>
      </div>
      <form id="model-url-form" class="field" method="dialog" @submit=${submit(() => this.part("#model-url").value.trim())}>
        <label for="model-url">${text.modelUrl}</label>
        <div class="row">
          <input id="model-url" type="text" inputmode="url" spellcheck="false" autocapitalize="off" placeholder="models/clip-vit-base-patch32-q8.gguf" />
          <button>${text.modelLoad}</button>
        </div>
      </form>
    </div>`;
  }

  #about(info) {
    const value = (key) =>
      key === "bytes"
        ? size(info[key])
        : typeof info[key] === "number"
          ? info[key].toLocaleString(text.language)
          : [info[key]].flat().join(", ");
    const facts = Object.keys(text.facts).filter((key) => ![undefined, null, ""].includes(info?.[key]));
    const warnings = info?.warnings ?? [];
    return html`
      ${warnings.length ? html`<p id="model-warnings" class="model-warnings" dir="auto">${text.modelWarnings(info.name, warnings)}</p>` : nothing}
      <details class="model-card" id="model-card">
        <summary>${text.aboutCard.heading}</summary>
        <ul>${text.aboutCard.points.map((point) => html`<li>${point}</li>`)}</ul>
        ${/^https:/.test(info?.origin ?? "") ? html`<p id="model-source">${text.aboutCard.source(info.name)}<a href=${info.origin} target="_blank" rel="noreferrer">${info.origin}</a></p>` : nothing}
      </details>
      <details id="about-model">
        <summary>${text.aboutModel}</summary>
        <dl id="model-facts" class="facts">${facts.map((key) => html`<dt>${text.facts[key]}</dt><dd data-fact=${key}>${value(key)}</dd>`)}</dl>
        <p id="speed" class="quiet speed">${text.speed(this.app.longTasks)}</p>
      </details>`;
  }

  #offerBox({ about: { name, cached, download, bytes }, free }) {
    const [fetched, stored] = [download, bytes].map((count) => (count === null ? "" : size(count)));
    const words = cached
      ? text.offerStored(name, stored)
      : fetched
        ? text.offer(name, fetched, stored)
        : text.offerUnknown(name);
    const tight = free !== null && !cached && (bytes ?? 0) > free;
    const { source, options } = this.#offered;
    return html`<div id="model-offer" class="offer" role="group" aria-labelledby="model-offer-text">
      <p id="model-offer-text" tabindex="-1">${words}</p>
      <p id="model-offer-space" class="quiet">${free === null || cached ? "" : (tight ? text.offerNoSpace : text.offerSpace)(size(free))}</p>
      <div class="choices">
        <button type="button" id="model-offer-load" class="primary" @click=${() => this.#load(source, options)}>${text.offerLoad(cached ? "" : fetched)}</button>
        <button type="button" id="model-offer-leave" @click=${() => this.#withdraw()}>${text.offerLeave}</button>
      </div>
    </div>`;
  }

  // ---- doing ----

  #open() {
    this.app.model.dialogOpen = true;
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#stored.read();
    this.app.redraw();
  }

  #closed() {
    this.app.model.dialogOpen = false;
    this.#clearError();
    this.#withdraw();
    this.app.redraw();
  }

  #clearError() {
    this.#error = this.app.model.problem = "";
    this.requestUpdate();
  }

  #fail(message) {
    this.#error = message;
    this.requestUpdate();
  }

  /** Loads a model; the dialog stays until it is in use, and where something goes wrong. */
  async #load(source, options) {
    this.#withdraw();
    this.#error = "";
    if (await this.app.model.load(source, options)) this.#dialog.close();
    else this.#stored.read();
  }

  #files(input) {
    const files = [...input.files];
    input.value = "";
    if (files.length) this.#load(files);
  }

  /** Looks up how large a model is and shows that, with the choice to load it. */
  async #offer(source) {
    this.#withdraw();
    this.#open();
    this.#error = "";
    const looking = new AbortController();
    this.#looking = looking;
    const options = { quant: this.part("#model-quant").value };
    this.#lookingUp = text.modelLookingUp(source.replace(/^hf:/, ""));
    try {
      const about = await Cliplet.inspect(source, { ...options, hub: HUB, signal: looking.signal });
      const free = await freeSpace();
      if (looking !== this.#looking) return;
      this.#offered = { source: about.source, options, about, free };
    } catch (error) {
      if (looking === this.#looking && !looking.signal.aborted) this.#error = text.modelFailed(reasonOf(error));
    } finally {
      if (looking === this.#looking) {
        this.#lookingUp = "";
        this.focusPart("#model-offer-text");
      }
    }
  }

  #withdraw() {
    this.#looking?.abort();
    this.#looking = null;
    this.#offered = null;
    this.#lookingUp = "";
    this.requestUpdate();
  }
}
customElements.define("cl-model-dialog", ModelDialog);
