// Thumbnails: small compressed copies, so that hundreds of large photos fit into memory. Made in a worker when first
// shown, latest request first; the least recently shown are dropped beyond a limit.

import { drawn } from "../input/decode.js";

/** Longest side, in pixels: sharp on a card at twice the density. */
const SIDE = 480;
/** Number of thumbnails held; some 20 kB each, so 40 MB at most. */
const HELD = 2000;
/** Images being decoded at once. */
const AT_ONCE = 2;

/** @typedef {import("../core/session.js").Item} Item */

export class Thumbnails extends EventTarget {
  #worker = new Worker(new URL("app/gallery/thumbnail-worker.js", document.baseURI), {
    type: "module",
    name: "thumbnails",
  });
  /** `{ blob, url }` by image, least recently shown first; `blob` is null where the browser cannot show the image. */
  #made = new Map();
  /** Requests by image; the last is served first. */
  #requests = new Map();
  #open = new Map();

  constructor() {
    super();
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = () => {
      for (const id of [...this.#open.keys()]) this.#receive({ id });
    };
  }

  /**
   * Makes an image's thumbnail.
   * @param {Item} item
   * @returns {Promise<Blob | null>} null where the browser cannot show the image
   */
  get(item) {
    const made = this.#made.get(item);
    if (made) return Promise.resolve(made.blob);
    let request = this.#requests.get(item) ?? this.#open.get(item.id);
    if (!request) {
      request = { item };
      request.made = new Promise((resolve) => (request.resolve = resolve));
    }
    if (!this.#open.has(item.id)) {
      this.#requests.delete(item);
      this.#requests.set(item, request);
    }
    this.#next();
    return request.made;
  }

  /** A thumbnail's address, null where there can be none, or undefined while it is made; "ready" tells when it is. */
  url(item) {
    const made = this.#made.get(item);
    if (made) {
      this.#made.delete(item);
      this.#made.set(item, made);
      return made.url;
    }
    if (!this.#requests.has(item) && !this.#open.has(item.id)) this.get(item);
    return undefined;
  }

  forget(item) {
    this.#drop(item);
    this.#requests.get(item)?.resolve(null);
    this.#requests.delete(item);
    const open = this.#open.get(item.id);
    if (open) open.forgotten = true;
  }

  #drop(item) {
    const url = this.#made.get(item)?.url;
    if (url) URL.revokeObjectURL(url);
    this.#made.delete(item);
  }

  #next() {
    while (this.#open.size < AT_ONCE && this.#requests.size > 0) {
      const [item, request] = [...this.#requests].at(-1);
      this.#requests.delete(item);
      this.#open.set(item.id, request);
      this.#worker.postMessage({ id: item.id, blob: item.blob, side: SIDE });
    }
  }

  async #receive({ id, blob = null, width, height }) {
    const request = this.#open.get(id);
    if (!request) return;
    const { item, resolve } = request;
    if (blob && item.original) Object.assign(item, { width, height });
    const made = blob ?? (await vector(item));
    this.#open.delete(id);
    if (!request.forgotten) {
      this.#made.set(item, { blob: made, url: made && URL.createObjectURL(made) });
      if (this.#made.size > HELD) this.#drop(this.#made.keys().next().value);
      this.dispatchEvent(new Event("ready"));
    }
    resolve(made);
    this.#next();
  }
}

/** Draws what only an image element decodes, such as SVG. */
async function vector(item) {
  try {
    const canvas = await drawn(item.blob, SIDE);
    return await canvas.convertToBlob({ type: "image/webp", quality: 0.8 });
  } catch {
    return null;
  }
}
