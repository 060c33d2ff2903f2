// Ranks the images by a sentence, or by another image.

import { unit } from "../core/scores.js";
import { text } from "../strings/index.js";

export class Search {
  /** Set where the search field should be emptied. */
  cleared = false;
  #app;
  #clip = null;
  #running = null;
  #words = "";

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  /** Takes a model; a sentence that was searched is searched with it again. */
  use(clip) {
    this.#clip = clip;
    const words = this.#words;
    this.#show(null);
    this.#words = words;
    if (words) this.words(words);
  }

  /** Ranks by similarity to an image. */
  similar(item) {
    this.#running?.abort();
    this.#words = "";
    this.cleared = true;
    this.#show({ vector: item.embedding, words: item.name, item });
    this.#app.gallery.show({ view: "gallery" });
    this.#app.emit("similar", { item });
  }

  /** Ranks by similarity to a sentence. */
  async words(words) {
    this.#running?.abort();
    this.#words = words;
    if (!words) return this.clear();
    if (!this.#clip) return;
    this.#app.emit("engine-wanted");
    const running = new AbortController();
    this.#running = running;
    try {
      const vector = unit(await this.#clip.embedText(words, { signal: running.signal }));
      if (!running.signal.aborted) this.#show({ vector, words });
    } catch (error) {
      if (!running.signal.aborted) this.#app.notices.add(text.problem(error));
    }
  }

  clear() {
    this.#running?.abort();
    this.#words = "";
    this.#show(null);
  }

  /** Clears the search, and the field with its words. */
  end() {
    this.cleared = true;
    this.clear();
  }

  #show(reference) {
    const { gallery } = this.#app;
    if (!reference && !gallery.reference) return;
    if (reference)
      this.#app.announce(reference.item ? text.rankedByPicture(reference.words) : text.rankedByWords(reference.words));
    gallery.show({ reference });
  }
}
