// Ranks the pictures by a sentence, or by another picture.

import { $, setText } from "../dom.js";
import { unit } from "../scores.js";
import { text } from "../strings.js";

export class Search {
  #context;
  #clip = null;
  #asking = null;
  #words = "";

  /** @param {object} context `shelf`, `notify` and `announce` */
  constructor(context) {
    this.#context = context;
    $("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sentence($("search").value.trim());
    });
    $("search").addEventListener("search", () => $("search").value === "" && this.clear());
    $("search").addEventListener("input", () => $("search").value === "" && this.clear());
    $("liking-clear").addEventListener("click", () => (this.clear(), $("search").focus()));
  }

  /** Takes a model; a sentence that was searched is searched with it again, and what is being written stays. */
  use(clip) {
    this.#clip = clip;
    const words = this.#words;
    this.#forget();
    if (words) this.#sentence(words);
  }

  /** Ranks by likeness to a picture. */
  like(picture) {
    this.#asking?.abort();
    this.#words = "";
    $("search").value = "";
    this.#show({ vector: picture.embedding, words: picture.name, picture });
  }

  clear() {
    $("search").value = "";
    this.#forget();
  }

  #forget() {
    this.#asking?.abort();
    this.#words = "";
    this.#show(null);
  }

  async #sentence(words) {
    this.#asking?.abort();
    if (!words) return this.clear();
    this.#words = words;
    if (!this.#clip) return;
    const asking = (this.#asking = new AbortController());
    try {
      const vector = unit(await this.#clip.embedText(words, { signal: asking.signal }));
      if (!asking.signal.aborted) this.#show({ vector, words });
    } catch (error) {
      if (!asking.signal.aborted) this.#context.notify(text.problem(error));
    }
  }

  #show(liking) {
    const { shelf, announce } = this.#context;
    $("liking").hidden = !liking;
    if (!liking && !shelf.liking) return;
    if (liking) {
      setText($("liking-text"), liking.picture ? text.likePicture(liking.words) : text.likeWords(liking.words));
      announce($("liking-text").textContent);
    }
    shelf.show({ liking });
  }
}
