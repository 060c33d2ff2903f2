// The suggested labels below the labels, each one click to use.

import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";

export class SuggestionList extends View {
  render() {
    const { suggestions, session, query } = this.app;
    const words = suggestions.list();
    const { progress } = suggestions;
    if (words.length === 0 && !(progress && session.items.size)) return nothing;
    return html`<section class="suggestions" aria-labelledby="suggestions-heading">
      <h3 id="suggestions-heading" title=${text.suggestionsHelp}>${text.suggestions}</h3>
      ${
        words.length
          ? html`<ul id="suggestions" class="tags" role="list">
            ${words.map((word) => html`<li><button type="button" class="tag" title=${text.useTag(word)} @click=${() => query.add([word])}>${word}</button></li>`)}
          </ul>`
          : html`<p class="quiet">${text.suggestionsLoading(progress.done, progress.total)}</p>`
      }
    </section>`;
  }
}
customElements.define("cl-suggestions", SuggestionList);
