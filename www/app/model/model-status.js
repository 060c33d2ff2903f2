// The model in the header: its name as a button for the dialog, progress while one is loading, and the offer of a
// better one.

import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";
import { BETTER_MODEL } from "./model.js";

export class ModelStatus extends View {
  render() {
    const { model } = this.app;
    const { info, progress } = model;
    const name = model.isDefault ? text.includedModel : (info?.name ?? (progress ? text.modelLoading : text.modelNone));
    return html`
      <button type="button" id="model-button" class="model-button" aria-haspopup="dialog" data-ready=${model.ready} aria-label=${text.modelButton(name)}
        @click=${() => this.app.emit("about-model")}><span class="dot" aria-hidden="true"></span><span id="model-name">${name}</span></button>
      ${
        model.isDefault && BETTER_MODEL && !progress
          ? html`<button type="button" id="better-model" class="small" title=${`${text.betterModelOffer}. ${text.betterModelWhy}`} @click=${() => model.load(BETTER_MODEL)}>${text.betterModelButton}</button>`
          : nothing
      }`;
  }
}
customElements.define("cl-model-status", ModelStatus);

export class ModelProgress extends View {
  render() {
    const { model } = this.app;
    if (!model.progress || model.dialogOpen) return nothing;
    return loadingBar(model);
  }
}
customElements.define("cl-model-progress", ModelProgress);

/** Progress of loading, with a button to cancel it. */
export function loadingBar(model) {
  const { loaded, total } = model.progress;
  return html`<div id="loading" class="loading">
    <label for="loading-bar" id="loading-text">${model.progressText}</label>
    <progress id="loading-bar" max=${total || 1} value=${total ? loaded : nothing}></progress>
    <button type="button" id="loading-cancel" class="plain small" @click=${() => model.cancel()}>${text.cancel}</button>
  </div>`;
}
