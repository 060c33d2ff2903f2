// The bar at the bottom while pictures are selected, and the dialog that makes a label of them.

import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";

/** Labels offered in the list. */
const OFFERED = 200;

export class SelectionBar extends View {
  render() {
    const { app } = this;
    const { selection, query } = app;
    const { size } = selection;
    if (size === 0) return nothing;
    const labels = query.labels.slice(0, OFFERED);
    const label = ({ target }) => {
      const chosen = labels[target.selectedIndex - 1];
      const none = target.selectedIndex === labels.length + 1;
      if (chosen || none) selection.label(selection.items, none ? null : chosen);
      target.selectedIndex = 0;
    };
    return html`<div id="selection" class="selection-bar" role="region" aria-label=${text.selected(size)}>
      <div class="selection-count">
        <strong aria-live="polite">${text.selected(size)}</strong>
        <button type="button" id="selection-all" class="link" @click=${() => selection.add(app.gallery.list())}>${text.selectAll}</button>
        <button type="button" id="selection-none" class="plain close" aria-label=${text.selectNone} title=${text.selectNone} @click=${() => this.#clear()}>×</button>
      </div>
      <div class="selection-actions">
        <select id="selection-label" aria-label=${text.labelSelected} @change=${label}>
          <option>${text.labelSelected}…</option>
          ${labels.map((one) => html`<option>${one}</option>`)}
          <option>${text.noHandLabel}</option>
        </select>
        ${size === 2 ? html`<button type="button" id="selection-compare" class="small" aria-haspopup="dialog" @click=${() => app.emit("compare", { items: selection.items })}>${text.compare}</button>` : nothing}
        <button type="button" id="selection-learn" class="small" title=${text.learnTitle} @click=${() => app.emit("learn")}>${text.learn}</button>
        <button type="button" id="selection-export" class="small" @click=${() => app.emit("export")}>${text.exportOpen}</button>
        <button type="button" id="selection-remove" class="small" @click=${() => this.#remove()}>${text.removeSelected}</button>
      </div>
    </div>`;
  }

  #remove() {
    this.app.remove(this.app.selection.items);
    this.app.emit("focus-add");
  }

  #clear() {
    this.app.selection.clear();
    this.app.emit("focus-item", {});
  }
}
customElements.define("cl-selection-bar", SelectionBar);

export class LearnDialog extends View {
  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("learn", () => this.part("dialog").showModal());
  }

  render() {
    return html`<dialog id="learn-dialog" class="small-dialog" aria-labelledby="learn-heading">
      <form method="dialog" @submit=${(event) => this.#submitted(event)}>
        <h2 id="learn-heading">${text.learnHeading}</h2>
        <div class="field">
          <label for="learn-name">${text.learnName}</label>
          <input id="learn-name" type="text" dir="auto" autocomplete="off" maxlength="80" list="learn-labels" aria-describedby="learn-help" />
          <datalist id="learn-labels">${this.app.query.labels.slice(0, OFFERED).map((label) => html`<option value=${label}></option>`)}</datalist>
          <p id="learn-help" class="quiet">${text.learnText}</p>
        </div>
        <div class="tools-row">
          <button value="save" class="primary">${text.save}</button>
          <button value="cancel">${text.cancel}</button>
        </div>
      </form>
    </dialog>`;
  }

  #submitted({ submitter }) {
    const field = this.part("#learn-name");
    const name = field.value.trim();
    field.value = "";
    if (submitter?.value === "save") this.app.selection.learn(name, this.app.selection.items);
  }
}
customElements.define("cl-learn-dialog", LearnDialog);
