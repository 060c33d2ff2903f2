// The labels: one prominent field with chips, or all of them as text; sets, files, and undo.

import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";
import "./advanced-settings.js";
import "./chip-list.js";
import { parse, write } from "./parse.js";

/** Pause after a keystroke in the text before it is taken, in milliseconds. */
const SETTLE = 250;

/** Leaves the focus where it is: labels that were read on blur would move the button before the click arrives. */
const keepFocus = (event) => event.preventDefault();

export class LabelsPanel extends View {
  #asText = false;
  #settling;
  /** The labels that the text was last compared with. */
  #written = null;

  render() {
    const { app } = this;
    const { length } = app.query.labels;
    return html`
      <section class="labels-panel" aria-labelledby="labels-heading">
        <div class="field-head">
          <h2 id="labels-heading"><label for=${this.#asText ? "labels" : "label-input"}>${text.labelsHeading}</label></h2>
          <span class="quiet">
            <span id="labels-count" ?hidden=${length === 0}>${text.labelCount(length)}</span>
            <button type="button" id="labels-clear" class="link" ?hidden=${length === 0} @click=${() => this.#clear()}>${text.clearLabels}</button>
          </span>
        </div>
        <div id="labels-chips" ?hidden=${this.#asText}>
          <cl-chip-list .app=${app}></cl-chip-list>
        </div>
        <div class="field" id="labels-text" ?hidden=${!this.#asText}>
          <textarea id="labels" rows="8" dir="auto" spellcheck="false" autocomplete="off" aria-label=${text.labelsTextLabel} aria-describedby="labels-text-help"
            @input=${() => this.#typed()} @blur=${() => this.#readText()}></textarea>
          <p id="labels-text-help" class="quiet">${text.labelsTextHelp}</p>
        </div>
        <div class="labels-foot">
          <div class="tools-row">
            ${this.#sets()}
            <button type="button" id="set-save" class="small" ?hidden=${length === 0} @click=${() => app.emit("save-set")}>${text.saveSet}</button>
            <button type="button" id="labels-as-text" class="small" aria-expanded=${this.#asText} aria-controls="labels-text"
              @mousedown=${keepFocus} @click=${() => this.#showText(!this.#asText)}>${this.#asText ? text.asChips : text.asText}</button>
            <button type="button" id="labels-import" class="small" title=${text.importTitle} @click=${() => this.part("#labels-file").click()}>${text.importLabels}</button>
            <input id="labels-file" type="file" accept=".txt,.csv,.tsv,.json,text/plain,text/csv" multiple hidden aria-hidden="true" tabindex="-1"
              @change=${({ target }) => this.#files(target)} />
            <button type="button" id="share-open" class="small" ?hidden=${length === 0} @click=${() => app.emit("export")}>${text.shareOpen}</button>
          </div>
          ${this.#message()}
        </div>
        <cl-advanced-settings .app=${app}></cl-advanced-settings>
      </section>`;
  }

  /** The last message, the progress of new labels, or how to begin; at the end of a row, so that it moves nothing. */
  #message() {
    const { classifier, labels, query } = this.app;
    const { progress } = classifier;
    const help = labels.message || progress || query.labels.length > 0;
    return html`<p class="quiet labels-message">
      ${progress ? html`<span id="labels-progress">${text.embeddingLabels(progress.done, progress.total)}</span>` : nothing}
      <span id="labels-message" aria-live="polite">${labels.message}</span>
      <button type="button" id="labels-undo" class="link" ?hidden=${!labels.canUndo} @click=${() => this.#undo()}>${text.undo}</button>
      <span id="labels-help" class=${help ? "unseen" : ""}>${text.labelsHelp}</span>
    </p>`;
  }

  #sets() {
    const { sets } = this.app;
    const option = (value, label) => html`<option value=${value} ?selected=${value === sets.chosen}>${label}</option>`;
    return html`
      <select id="label-set" aria-label=${text.setLabel} .value=${sets.chosen} @change=${({ target }) => sets.use(target.value)}>
        ${option("", text.chooseSet)}
        ${sets.names.length ? html`<optgroup label=${text.ownSets}>${sets.names.map((name) => option(`own:${name}`, name))}</optgroup>` : nothing}
        <optgroup label=${text.presetSets}>${sets.presets.map((key) => option(`preset:${key}`, text.presets[key]))}</optgroup>
      </select>
      <button type="button" id="set-remove" class="small" ?hidden=${!sets.chosenName} @click=${() => this.#removeSet()}>${text.removeSet}</button>`;
  }

  updated() {
    const { labels } = this.app.query;
    const area = this.part("#labels");
    if (labels !== this.#written && document.activeElement !== area) {
      this.#written = labels;
      if (write(parse(area.value)) !== write(labels)) area.value = write(labels);
    }
    // Options that come after the value was set would leave another one chosen.
    this.part("#label-set").value = this.app.sets.chosen;
  }

  #clear() {
    this.app.labels.replace([]);
    this.part("#label-input").focus();
  }

  #removeSet() {
    this.app.sets.remove();
    this.part("#label-set").focus();
  }

  #undo() {
    this.app.labels.undo();
    this.part(this.#asText ? "#labels" : "#label-input").focus();
  }

  async #files(input) {
    const files = [...input.files];
    input.value = "";
    await this.app.labels.importFiles(files);
  }

  // ---- all at once ----

  #showText(visible) {
    if (!visible) {
      this.#readText();
      this.app.labels.endText();
    }
    this.#asText = visible;
    this.focusPart(visible ? "#labels" : "#label-input");
  }

  #typed() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#readText(), SETTLE);
  }

  #readText() {
    clearTimeout(this.#settling);
    const labels = parse(this.part("#labels").value);
    if (write(labels) !== write(this.app.query.labels)) this.app.labels.write(labels);
  }
}
customElements.define("cl-labels-panel", LabelsPanel);

/** Asks for the name under which the labels are saved as a set. */
export class SaveSetDialog extends View {
  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("save-set", () => {
      this.part("#set-name").value = this.app.sets.chosenName;
      this.part("dialog").showModal();
    });
  }

  render() {
    return html`<dialog id="set-dialog" class="small-dialog" aria-labelledby="set-heading">
      <form method="dialog" @submit=${({ submitter }) => submitter?.value === "save" && this.app.sets.save(this.part("#set-name").value.trim())}>
        <h2 id="set-heading">${text.setDialog}</h2>
        <div class="field">
          <label for="set-name">${text.setName}</label>
          <input id="set-name" type="text" dir="auto" autocomplete="off" maxlength="80" />
        </div>
        <div class="tools-row">
          <button value="save" class="primary">${text.save}</button>
          <button value="cancel">${text.cancel}</button>
        </div>
      </form>
    </dialog>`;
  }
}
customElements.define("cl-save-set-dialog", SaveSetDialog);
