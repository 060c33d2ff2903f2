// The images and their queue: which wait, which is being analyzed, which are done or failed. Analyzes one after the
// other as long as a model is there and nobody paused, and stores the embeddings. Knows no elements.
//
// Announces "added" and "removed" (with `items`), "changed" (with `item`) and "queue".

import { unit } from "./scores.js";

/**
 * @typedef {object} Item
 * @property {number} id
 * @property {string} key the same for the same file, in other tabs and at other visits too
 * @property {string} name
 * @property {string} path where in a folder it came from, else its name
 * @property {Blob} blob the file, or a small copy of it where `original` is false
 * @property {boolean} original whether `blob` is the file itself
 * @property {number} size of the file, in bytes
 * @property {"queued" | "working" | "done" | "failed" | "stopped"} state
 * @property {unknown} [error] why it failed
 * @property {Float32Array} [embedding] of unit length
 * @property {import("./scores.js").Ranked[]} [ranked] the best labels, as indices into `labels`
 * @property {string[]} [labels] those it was ranked with
 * @property {string} [corrected] the label given by hand
 * @property {{mean: number, deviation: number}} [background] cosines with everyday words
 * @property {{word: string, cosine: number, share: number}[]} [words] everyday words that fit best
 * @property {{word: string, cosine: number, share: number}[]} [tags] those of them that are worth showing
 * @property {boolean} [sure] whether the tags are more than guesses
 */

/** The rate is measured over this many milliseconds. */
const RATE_OVER = 4000;

/** An image's results under a model, when there are none. */
const NO_RESULTS = {
  embedding: undefined,
  ranked: undefined,
  error: undefined,
  words: undefined,
  tags: undefined,
  background: undefined,
};

/** A key that tells a file from others: its name, size and time of change. */
export const fileKey = ({ name, size, lastModified = 0 }) => `${name}/${size}/${lastModified}`;

export class Session extends EventTarget {
  /** @type {Map<number, Item>} */
  items = new Map();
  paused = false;
  counts = { queued: 0, working: 0, done: 0, failed: 0, stopped: 0 };
  #clip = null;
  #embed;
  #answer;
  #queue = new Set();
  #next = 1;
  #running = false;
  #finished = [];

  /**
   * @param {(clip: import("../../cliplet/index.js").Cliplet, item: Item) => Promise<Float32Array>} embed gives an image's
   *   embedding
   * @param {(item: Item) => boolean} answer ranks labels for an embedded image; false while they are not ready
   */
  constructor(embed, answer) {
    super();
    this.#embed = embed;
    this.#answer = answer;
  }

  get ready() {
    return this.#clip !== null;
  }

  /** True while several images wait, or the queue is paused: then it has a bar of its own. */
  get busy() {
    return this.ready && (this.open > 1 || (this.open > 0 && this.paused));
  }

  get list() {
    return [...this.items.values()];
  }

  /** Number of images still to be analyzed. */
  get open() {
    return this.counts.queued + this.counts.working;
  }

  /** Images a second, lately. */
  get rate() {
    const since = performance.now() - RATE_OVER;
    this.#finished = this.#finished.filter((time) => time > since);
    const [first] = this.#finished;
    const span = this.#finished.at(-1) - first;
    return span > 0 ? (1000 * (this.#finished.length - 1)) / span : 0;
  }

  /**
   * Adds images, analyzed in this order; those that have an embedding already are done.
   * @param {Partial<Item>[]} entries each with `blob` and `name`
   */
  add(entries) {
    const added = entries.map(({ blob, name, path = name, ...more }) => {
      const size = more.size ?? blob.size;
      const key = more.key ?? fileKey({ name: path, size, lastModified: blob.lastModified });
      const item = { original: true, ...more, id: this.#next++, key, name, path, blob, size };
      this.#put(item);
      return item;
    });
    this.#announce("added", { items: added });
    this.#run();
    return added;
  }

  #put(item) {
    this.items.set(item.id, item);
    // An embedding of another model can come from storage, from another tab, and with an image whose removal is undone.
    if (item.embedding && this.#clip && item.model !== this.#clip.info.checksum) Object.assign(item, NO_RESULTS);
    if (item.state !== "failed" && item.state !== "stopped") {
      item.state = item.embedding && this.#answer(item) ? "done" : "queued";
      if (!item.embedding) this.#queue.add(item);
    }
    this.counts[item.state] += 1;
  }

  remove(ids) {
    const removed = ids.map((id) => this.items.get(id)).filter(Boolean);
    for (const item of removed) {
      this.items.delete(item.id);
      this.#queue.delete(item);
      this.counts[item.state] -= 1;
    }
    this.#announce("removed", { items: removed });
    this.#announce("queue");
    return removed;
  }

  /** Brings removed images back to where they were. */
  restore(items) {
    for (const item of items) this.#put(item);
    this.items = new Map([...this.items].sort(([a], [b]) => a - b));
    this.#announce("added", { items });
    this.#run();
  }

  /** Takes a model: with another one every image is analyzed again. */
  use(clip) {
    const same = (item) => item.embedding && item.model && item.model === clip.info.checksum;
    this.#clip = clip;
    for (const item of this.items.values()) {
      if (same(item)) continue;
      Object.assign(item, NO_RESULTS);
      this.#queue.add(item);
      this.#set(item, "queued");
    }
    this.#run();
  }

  pause(paused) {
    this.paused = paused;
    this.#announce("queue");
    this.#run();
  }

  /** Takes everything that waits out of the queue; it stays in the gallery. */
  cancel() {
    for (const item of this.#queue) this.#set(item, "stopped");
    this.#queue.clear();
    this.paused = false;
    this.#announce("queue");
  }

  /** Analyzes again what failed or was taken out of the queue. */
  retry(items = this.list) {
    for (const item of items.filter(({ state }) => state === "failed" || state === "stopped")) {
      item.error = undefined;
      this.#queue.add(item);
      this.#set(item, "queued");
    }
    this.#run();
  }

  /** Says that an image which waited for its labels has its answer, or another one. */
  answered(item) {
    if (this.items.get(item.id) === item && item.embedding) this.#set(item, "done");
  }

  /** Says that something about an image changed that is neither its state nor its answer. */
  touch(item) {
    this.#announce("changed", { item });
  }

  #announce(type, more = {}) {
    this.dispatchEvent(Object.assign(new Event(type), more));
  }

  #set(item, state) {
    if (this.items.get(item.id) === item) {
      this.counts[item.state] -= 1;
      this.counts[state] += 1;
    }
    item.state = state;
    this.#announce("changed", { item });
  }

  /** Works until nothing waits; one loop at a time. */
  async #run() {
    if (this.#running || !this.#clip) return;
    this.#running = true;
    while (!this.paused && this.#queue.size > 0) {
      const [item] = this.#queue;
      this.#queue.delete(item);
      await this.#analyze(item);
    }
    this.#running = false;
    this.#announce("queue");
  }

  async #analyze(item) {
    this.#set(item, "working");
    const clip = this.#clip;
    try {
      const embedding = await this.#embed(clip, item);
      // A model that came meanwhile analyzes the image itself, and has queued it.
      if (clip !== this.#clip || this.#queue.has(item)) return;
      item.embedding = unit(embedding);
      item.model = clip.info.checksum;
      this.#finished.push(performance.now());
      if (this.#answer(item)) this.#set(item, "done");
    } catch (error) {
      if (clip !== this.#clip || this.#queue.has(item)) return;
      item.error = error;
      this.#set(item, "failed");
    }
  }
}
