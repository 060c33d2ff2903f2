// Opens links with settings: a visitor with labels of their own sees a preview first and decides; nothing of theirs is
// overwritten before that.

import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";
import { read } from "./link.js";

const withoutHash = () => history.replaceState(history.state, "", location.pathname + location.search);

export class SharedLink extends View {
  /** True if the link brings labels and not prompts alone. */
  #labels = true;

  connectedCallback() {
    super.connectedCallback();
    addEventListener("hashchange", () => this.#follow());
    this.#follow();
  }

  #follow() {
    const linked = read(location.hash);
    if (!linked) return;
    const { query, notices } = this.app;
    const { settings, model } = linked;
    this.#labels = Boolean(settings.labels);
    if (query.previewing || query.overwrites(settings)) query.preview(settings);
    else query.change(settings);
    if (model)
      notices.offer(text.linkWantsModel(model), {
        label: text.modelLoad,
        run: () => this.app.emit("offer-model", { source: model }),
      });
    withoutHash();
  }

  render() {
    const { query } = this.app;
    if (!query.previewing) return nothing;
    const { labels } = query;
    const words = this.#labels
      ? text.linkPreview(labels.slice(0, 3).join(", "), labels.length)
      : text.linkPreviewPrompts;
    const end = (keep) => () => query.endPreview(keep);
    return html`<div id="link-preview" class="notice preview" role="region" aria-labelledby="link-preview-text">
      <p id="link-preview-text" aria-live="polite" dir="auto">${words}</p>
      <button type="button" id="link-use" class="small primary" @click=${end(true)}>${this.#labels ? text.linkUse : text.linkUsePrompts}</button>
      <button type="button" id="link-keep" class="small" @click=${end(false)}>${text.linkKeep}</button>
    </div>`;
  }
}
customElements.define("cl-shared-link", SharedLink);
