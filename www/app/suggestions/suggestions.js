// Suggests labels from a vocabulary of everyday words: its words are embedded once, while nothing else is to be done,
// and each image gets the words that fit it best. Their spread is also what "no good match" is measured by where the
// model has no threshold of its own.

import { inSlices } from "../core/scheduler.js";
import { Matrix, rank } from "../core/scores.js";
import { distinct, fitting } from "./fitting.js";

/** Words stored with each image, and suggested for all of them together. */
const STORED = 12;
const SUGGESTED = 12;
/** Weight of an image's words among those suggested for all, where the model is not sure of them. */
const GUESSED = 0.2;
/** Milliseconds after somebody else wanted the engine, until the words go on. */
const GO_ON_AFTER = 1500;

/** Reads the words of the data file. */
async function read() {
  const response = await fetch(new URL("app/suggestions/vocabulary.txt", document.baseURI));
  if (!response.ok) return [];
  const lines = (await response.text()).split("\n").filter((line) => !line.startsWith("#"));
  return [
    ...new Set(
      lines
        .join(",")
        .split(",")
        .map((word) => word.trim())
        .filter(Boolean),
    ),
  ];
}

export class Suggestions {
  /** `{ done, total }` while the words are embedded; else null. */
  progress = null;
  #app;
  #words;
  #clip = null;
  #matrix = null;
  #running = null;
  #timer;
  #cached = { key: "", words: [] };
  /** Set where the data file could not be read. */
  #wordless = false;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
    this.#words = read().catch(() => []);
    const { session, query } = app;
    session.addEventListener("changed", ({ item }) => {
      if (item.embedding && !item.tags && this.#matrix) this.#tag(item, this.#matrix);
    });
    session.addEventListener("added", () => {
      if (session.open > 0) this.#running?.abort();
      else if (this.#matrix) this.#tagAll(this.#matrix).then(() => app.redraw());
      else this.#prepare();
    });
    session.addEventListener("queue", () => this.#prepare());
    query.addEventListener("embed", () => this.#giveWay());
    app.addEventListener("engine-wanted", () => this.#giveWay());
  }

  /** Takes a model. */
  use(clip) {
    this.#running?.abort();
    this.#clip = clip;
    this.#matrix = null;
    this.#prepare();
  }

  /** True while suggestions are still to come. */
  get pending() {
    return this.#clip !== null && this.#matrix === null && !this.#wordless;
  }

  /** True while suggestions are wanted: images come first, and without any only a page without labels has time. */
  get #wanted() {
    const { session, query } = this.#app;
    return (
      this.#clip &&
      !this.#matrix &&
      !this.#running &&
      session.open === 0 &&
      (session.items.size > 0 || query.labels.length === 0)
    );
  }

  /** Leaves the engine to somebody who waits for it, and goes on after a while. */
  #giveWay() {
    this.#running?.abort();
    this.#goOnLater();
  }

  #goOnLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#prepare(), GO_ON_AFTER);
  }

  /** Embeds the words. An interruption loses nothing: the engine stores the words that are done. */
  async #prepare() {
    if (!this.#wanted) return;
    const clip = this.#clip;
    const running = new AbortController();
    this.#running = running;
    try {
      const words = await this.#words;
      this.#wordless = words.length === 0;
      if (this.#wordless) return;
      const onProgress = (progress) => {
        if (running.signal.aborted) return;
        this.progress = progress;
        this.#app.redraw();
      };
      const rows = await clip.embedLabels(words, { onProgress, signal: running.signal });
      if (clip !== this.#clip) return;
      this.#matrix = Object.assign(new Matrix(rows), { words });
      await this.#tagAll(this.#matrix);
    } catch {
      // Interrupted, or the engine is gone: tried again when the queue is empty.
    } finally {
      this.#running = null;
      this.progress = null;
      this.#app.redraw();
      // The queue may have emptied before the interruption was through; then nothing else would go on with the words.
      if (clip !== this.#clip || running.signal.aborted) this.#goOnLater();
    }
  }

  #tagAll(matrix) {
    const untagged = this.#app.session.list.filter((item) => item.embedding && !item.tags);
    return inSlices(
      untagged,
      (item) => this.#tag(item, matrix),
      () => matrix !== this.#matrix,
    );
  }

  #tag(item, matrix) {
    const cosines = matrix.cosines(item.embedding);
    const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
    const variance = cosines.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cosines.length;
    item.background = { mean, deviation: Math.sqrt(variance) };
    const best = rank(cosines, this.#clip.info, STORED);
    item.words = best.map(({ index, cosine, share }) => ({ word: matrix.words[index], cosine, share }));
    Object.assign(item, fitting(item.words, item.background, this.#app.classifier.threshold !== null));
  }

  /** Words that fit the images best, together, and are no labels yet. */
  list() {
    const { session, query } = this.#app;
    const tagged = session.list.filter(({ tags }) => tags);
    const key = `${tagged.length} ${tagged.at(-1)?.id} ${query.labels.join("\n")}`;
    if (key === this.#cached.key) return this.#cached.words;
    const sums = new Map();
    for (const { words, sure } of tagged) {
      for (const { word, share } of words) sums.set(word, (sums.get(word) ?? 0) + share * (sure ? 1 : GUESSED));
    }
    for (const label of query.labels) sums.delete(label);
    const best = [...sums].sort((a, b) => b[1] - a[1]).map(([word]) => ({ word }));
    const words = distinct(best)
      .slice(0, SUGGESTED)
      .map(({ word }) => word);
    this.#cached = { key, words };
    return words;
  }
}
