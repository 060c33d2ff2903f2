// The list of models that are stored on this device, with buttons to load and delete them.

import { Cliplet, DEFAULT_MODEL } from "../../cliplet/index.js";
import { html, nothing } from "../core/view.js";
import { size, text } from "../strings/index.js";

export class StoredModels {
  #models = [];
  #space = null;
  #permanent = false;
  #refused = false;
  #changed;

  /** @param {() => void} changed called when the list should be drawn anew */
  constructor(changed) {
    this.#changed = changed;
  }

  async read() {
    const estimate = navigator.storage?.estimate?.().catch(() => null);
    [this.#models, this.#space, this.#permanent] = await Promise.all([
      Cliplet.listCached().catch(() => []),
      estimate,
      navigator.storage?.persisted?.().catch(() => false),
    ]);
    this.#changed();
  }

  /** @param {{info: object | null, load: (id: string) => void, offer: (source: string) => void, fail: (message: string) => void}} page */
  render(page) {
    const models = this.#models;
    const used = this.#space?.quota && models.length > 0;
    const words = used
      ? [
          text.storedSpace(size(this.#space.usage), size(this.#space.quota)),
          this.#permanent ? text.storedForGood : text.storedWhileSpace,
        ]
      : [];
    if (!used && page.info?.cacheError === "unavailable") words.push(text.storedPrivate);
    if (this.#refused) words.push(text.persistRefused);
    const persistent = !used || this.#permanent || !navigator.storage?.persist;
    return html`
      <ul id="stored" class="stored" role="list">${models.length ? models.map((model) => this.#row(model, page)) : html`<li class="quiet">${text.storedNone}</li>`}</ul>
      <p id="stored-space" class="quiet">${words.join(" ")}</p>
      <button type="button" id="persist" class="small" ?hidden=${persistent} @click=${() => this.#persist()}>${text.persist}</button>`;
  }

  #row(model, { info, load, offer, fail }) {
    const { id, name, source, complete, bytes, quantization, checksum, origin } = model;
    const isFile = source.startsWith("cached:");
    const included = source === DEFAULT_MODEL;
    const inUse = complete && info?.source === source && info?.checksum === checksum;
    const where = included
      ? text.storedIncluded
      : isFile
        ? text.storedFile
        : text.storedFrom(origin ?? source.replace(/^hf:/, "https://huggingface.co/"));
    const bits = !included && text.storedBits[quantization];
    const facts = complete ? [size(bytes), bits, where] : [text.storedPart, where];
    const loadButton = html`<button type="button" class="small" aria-label=${text.storedLoad(name)} @click=${() => (complete ? load(id) : offer(source))}>${text.modelLoad}</button>`;
    // Without a network the page would be left without any model.
    const deletable = !included;
    return html`<li>
      <div><strong dir="auto">${name}</strong><p class="quiet" title=${checksum ? text.storedSum(checksum) : nothing}>${facts.filter(Boolean).join(" · ")}</p></div>
      <div class="choices">
        ${inUse ? html`<span class="quiet">${text.storedInUse}</span>` : complete || !isFile ? loadButton : nothing}
        ${deletable ? html`<button type="button" class="small" aria-label=${text.storedDelete(name)} @click=${(event) => this.#remove(id, name, fail, event.target)}>${text.delete}</button>` : nothing}
      </div>
    </li>`;
  }

  async #remove(id, name, fail, button) {
    const list = button.closest("ul");
    await Cliplet.deleteCached(id).catch(() => fail(text.notDeleted(name)));
    await this.read();
    setTimeout(() => list.querySelector("button")?.focus(), 50);
  }

  async #persist() {
    this.#refused = !(await navigator.storage.persist());
    await this.read();
  }
}
