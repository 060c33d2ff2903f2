// Engines that the elements of a page share: one for each model, freed when no element uses it any more.

import { Cliplet } from "./cliplet.js";

/** @typedef {import("./types.js").LoadOptions} LoadOptions */
/** @typedef {{ clip: Promise<Cliplet>, users: number, listeners: Set<NonNullable<LoadOptions["onProgress"]>> }} Shared */

/** Milliseconds for which an unused engine lives on: where one element takes the place of another there is none for a moment. */
const GRACE = 250;

/** @type {Map<string, Shared>} */
const engines = new Map();
/** Numbers for sources that are objects, such as files. @type {WeakMap<object, number>} */
const numbers = new WeakMap();
let last = 0;

/** @param {unknown} source */
function nameOfSource(source) {
  if (typeof source !== "object" || source === null || source instanceof URL) return String(source ?? "");
  const number = numbers.get(source) ?? ++last;
  numbers.set(source, number);
  return `object ${number}`;
}

/** The use of a shared engine by one element; `release` ends it. */
export class Lease {
  #key;
  #shared;
  #listener;
  #released = false;

  /**
   * @param {import("./types.js").ModelSource | undefined} source
   * @param {LoadOptions} options
   * @param {NonNullable<LoadOptions["onProgress"]>} listener hears of the model's arrival
   */
  constructor(source, options, listener) {
    this.#key = JSON.stringify([nameOfSource(source), options]);
    this.#shared = engines.get(this.#key) ?? this.#start(source, options);
    this.#listener = listener;
    this.#shared.users += 1;
    this.#shared.listeners.add(listener);
  }

  /**
   * @param {import("./types.js").ModelSource | undefined} source
   * @param {LoadOptions} options
   */
  #start(source, options) {
    /** @type {Shared["listeners"]} */
    const listeners = new Set();
    const onProgress = (/** @type {any} */ progress) => {
      for (const listen of listeners) listen(progress);
    };
    const shared = { clip: Cliplet.load(source, { ...options, onProgress }), users: 0, listeners };
    // After a failure the next use tries again.
    shared.clip.catch(() => this.forget());
    engines.set(this.#key, shared);
    return shared;
  }

  get clip() {
    return this.#shared.clip;
  }

  /** Has the next use start an engine of its own, because this one is of no more use. */
  forget() {
    if (engines.get(this.#key) === this.#shared) engines.delete(this.#key);
  }

  release() {
    if (this.#released) return;
    this.#released = true;
    const shared = this.#shared;
    shared.listeners.delete(this.#listener);
    shared.users -= 1;
    if (shared.users > 0) return;
    setTimeout(() => {
      if (shared.users > 0) return;
      this.forget();
      shared.clip.then(
        (clip) => clip.dispose(),
        () => {},
      );
    }, GRACE);
  }
}
