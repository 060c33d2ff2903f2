// Two selected pictures side by side, each with its best labels, and how similar they are.

import { cosine } from "../core/scores.js";
import { html, nothing, View } from "../core/view.js";
import { bars } from "../gallery/bars.js";
import { NO_PREVIEW } from "../gallery/card.js";
import { number, text } from "../strings/index.js";

/** Bars shown for each picture. */
const SHOWN = 5;

export class CompareDialog extends View {
  /** @type {{ item: object, address: string, unreadable: boolean }[]} */
  #sides = [];

  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("compare", ({ items }) => this.#open(items));
  }

  render() {
    return html`<dialog id="compare" class="compare" aria-labelledby="compare-heading" @close=${() => this.#release()}>
      <form method="dialog" class="dialog-head">
        <h2 id="compare-heading">${text.compareHeading}</h2>
        <button class="plain">${text.close}</button>
      </form>
      ${this.#similarity()}
      <div class="compare-sides">${this.#sides.map((side) => this.#side(side))}</div>
    </dialog>`;
  }

  #similarity() {
    const [one, other] = this.#sides.map(({ item }) => item);
    // Embeddings of different models, while a new one is at work, cannot be compared.
    if (!one?.embedding || !other?.embedding || one.model !== other.model) return nothing;
    const value = number(cosine(one.embedding, other.embedding), "cosine");
    return html`<p id="compare-similarity" class="quiet">${text.similarity(value)}</p>`;
  }

  #side(side) {
    const { item, address, unreadable } = side;
    const { classifier } = this.app;
    const ranked = item.embedding ? classifier.rank(item, SHOWN) : [];
    const failed = () => {
      side.unreadable = true;
      this.requestUpdate();
    };
    return html`<figure>
      ${unreadable ? NO_PREVIEW : html`<img src=${address} alt="" draggable="false" decoding="async" @error=${failed} />`}
      <figcaption dir="auto">${item.name}</figcaption>
      <ol class="ranks" aria-label=${text.barsName}>${bars(ranked, classifier.labels, classifier.scale)}</ol>
    </figure>`;
  }

  #open(items) {
    this.#release();
    this.#sides = items.map((item) => ({ item, address: URL.createObjectURL(item.blob), unreadable: false }));
    this.drawNow();
    this.part("dialog").showModal();
  }

  #release() {
    for (const { address } of this.#sides) URL.revokeObjectURL(address);
    this.#sides = [];
    this.requestUpdate();
  }
}
customElements.define("cl-compare-dialog", CompareDialog);
