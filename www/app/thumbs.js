// Thumbnails: small compressed copies, so that hundreds of large photos fit into memory. Made in a worker when
// first shown, newest wish first, and the least recently shown are dropped beyond a limit.

import { drawn } from "./intake/decode.js";

/** Longest side, in pixels: sharp on a card at twice the density. */
const SIDE = 480;
/** Some 20 kB each, so 40 MB at most. */
const KEPT = 2000;
/** Pictures being decoded at once. */
const AT_ONCE = 2;

export class Thumbs {
  #worker = new Worker(new URL("./thumbs-worker.js", import.meta.url), { type: "module", name: "thumbnails" });
  /** Finished ones by picture, least recently shown first. */
  #kept = new Map();
  /** Wishes by picture, the last is served first. */
  #wishes = new Map();
  #open = new Map();

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = () => [...this.#open.keys()].forEach((id) => this.#receive({ id }));
  }

  /**
   * A picture's thumbnail.
   * @param {import("./session.js").Picture} picture
   * @returns {Promise<Blob | null>} null where the browser cannot show the picture
   */
  get(picture) {
    if (this.#kept.has(picture)) {
      const thumb = this.#kept.get(picture);
      this.#keep(picture, thumb);
      return Promise.resolve(thumb);
    }
    let wish = this.#wishes.get(picture) ?? this.#open.get(picture.id);
    if (!wish) {
      wish = { picture };
      wish.made = new Promise((resolve) => (wish.resolve = resolve));
    }
    if (!this.#open.has(picture.id)) {
      this.#wishes.delete(picture);
      this.#wishes.set(picture, wish);
    }
    this.#next();
    return wish.made;
  }

  /** The thumbnail if it is at hand. */
  at(picture) {
    return this.#kept.get(picture) ?? null;
  }

  forget(picture) {
    this.#kept.delete(picture);
    this.#wishes.get(picture)?.resolve(null);
    this.#wishes.delete(picture);
    const open = this.#open.get(picture.id);
    if (open) open.forgotten = true;
  }

  #keep(picture, thumb) {
    this.#kept.delete(picture);
    this.#kept.set(picture, thumb);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
  }

  #next() {
    while (this.#open.size < AT_ONCE && this.#wishes.size > 0) {
      const [picture, wish] = [...this.#wishes].at(-1);
      this.#wishes.delete(picture);
      this.#open.set(picture.id, wish);
      this.#worker.postMessage({ id: picture.id, blob: picture.blob, side: SIDE });
    }
  }

  async #receive({ id, blob = null, width, height }) {
    const wish = this.#open.get(id);
    if (!wish) return;
    const { picture, resolve } = wish;
    if (blob) Object.assign(picture, { width, height });
    const thumb = blob ?? (await vector(picture));
    this.#open.delete(id);
    if (!wish.forgotten) this.#keep(picture, thumb);
    resolve(thumb);
    this.#next();
  }
}

/** What only an image element decodes, such as SVG. */
async function vector(picture) {
  try {
    const canvas = await drawn(picture.blob, SIDE);
    return await canvas.convertToBlob({ type: "image/webp", quality: 0.8 });
  } catch {
    return null;
  }
}
