// The pictures and their queue: which wait, which is being looked at, which are done or failed. Looks at one
// after the other as long as a model is there and nobody paused, and keeps the embeddings. Knows no elements.
//
// Announces "added" and "removed" (with `pictures`), "changed" (with `picture`) and "queue".

import { unit } from "./scores.js";
import { text } from "./strings.js";

/**
 * @typedef {object} Picture
 * @property {number} id
 * @property {string} name
 * @property {string} path where in a folder it came from, else its name
 * @property {Blob} blob
 * @property {"queued" | "working" | "done" | "failed" | "stopped"} state
 * @property {string} [problem] why it failed
 * @property {Float32Array} [embedding] of unit length
 * @property {import("./scores.js").Place[]} [ranks] the best labels, as indices into `labels`
 * @property {string[]} [labels] what it was answered with
 */

/** The rate is measured over this many milliseconds. */
const RATE_OVER = 4000;

export class Session extends EventTarget {
  /** @type {Map<number, Picture>} */
  pictures = new Map();
  paused = false;
  counts = { queued: 0, working: 0, done: 0, failed: 0, stopped: 0 };
  #clip = null;
  #see;
  #answer;
  #queue = new Set();
  #next = 1;
  #running = false;
  #finished = [];

  /**
   * @param {(clip: import("../cliplet/index.js").Cliplet, picture: Picture) => Promise<Float32Array>} see gives a
   *   picture's embedding
   * @param {(picture: Picture) => boolean} answer ranks labels for an embedded picture; false while they are not ready
   */
  constructor(see, answer) {
    super();
    this.#see = see;
    this.#answer = answer;
  }

  get ready() {
    return this.#clip !== null;
  }

  /** Pictures still to be looked at. */
  get open() {
    return this.counts.queued + this.counts.working;
  }

  /** Pictures a second, lately. */
  get rate() {
    const since = performance.now() - RATE_OVER;
    this.#finished = this.#finished.filter((time) => time > since);
    const [first] = this.#finished;
    const span = this.#finished.at(-1) - first;
    return span > 0 ? (1000 * (this.#finished.length - 1)) / span : 0;
  }

  /** @param {{blob: Blob, name: string, path?: string}[]} entries looked at in this order */
  add(entries) {
    const added = entries.map(({ blob, name, path = name }) => {
      const picture = { id: this.#next++, name, path, blob, state: "queued" };
      this.pictures.set(picture.id, picture);
      this.#queue.add(picture);
      this.counts.queued += 1;
      return picture;
    });
    this.#announce("added", { pictures: added });
    this.#run();
    return added;
  }

  remove(ids) {
    const removed = ids.map((id) => this.pictures.get(id)).filter(Boolean);
    for (const picture of removed) {
      this.pictures.delete(picture.id);
      this.#queue.delete(picture);
      this.counts[picture.state] -= 1;
    }
    this.#announce("removed", { pictures: removed });
    this.#announce("queue");
  }

  /** Takes a model: with another one every picture is looked at again. */
  use(clip) {
    this.#clip = clip;
    for (const picture of this.pictures.values()) {
      Object.assign(picture, { embedding: undefined, ranks: undefined, problem: undefined });
      this.#queue.add(picture);
      this.#set(picture, "queued");
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
    for (const picture of this.#queue) this.#set(picture, "stopped");
    this.#queue.clear();
    this.paused = false;
    this.#announce("queue");
  }

  /** Looks again at pictures that failed or were taken out of the queue. */
  retry(pictures = [...this.pictures.values()]) {
    for (const picture of pictures.filter(({ state }) => state === "failed" || state === "stopped")) {
      picture.problem = undefined;
      this.#queue.add(picture);
      this.#set(picture, "queued");
    }
    this.#run();
  }

  /** Says that a picture which waited for its labels has its answer, or another one. */
  answered(picture) {
    if (this.pictures.get(picture.id) === picture && picture.embedding) this.#set(picture, "done");
  }

  #announce(type, more = {}) {
    this.dispatchEvent(Object.assign(new Event(type), more));
  }

  #set(picture, state) {
    if (this.pictures.get(picture.id) === picture) {
      this.counts[picture.state] -= 1;
      this.counts[state] += 1;
    }
    picture.state = state;
    this.#announce("changed", { picture });
  }

  /** Works until nothing waits; one loop at a time. */
  async #run() {
    if (this.#running || !this.#clip) return;
    this.#running = true;
    while (!this.paused && this.#queue.size > 0) {
      const [picture] = this.#queue;
      this.#queue.delete(picture);
      await this.#look(picture);
    }
    this.#running = false;
    this.#announce("queue");
  }

  async #look(picture) {
    this.#set(picture, "working");
    const clip = this.#clip;
    try {
      const embedding = await this.#see(clip, picture);
      // A model that came meanwhile wants to see the picture itself, and has queued it.
      if (clip !== this.#clip || this.#queue.has(picture)) return;
      picture.embedding = unit(embedding);
      this.#finished.push(performance.now());
      if (this.#answer(picture)) this.#set(picture, "done");
    } catch (error) {
      if (clip !== this.#clip || this.#queue.has(picture)) return;
      picture.problem = text.problem(error);
      this.#set(picture, "failed");
    }
  }
}
