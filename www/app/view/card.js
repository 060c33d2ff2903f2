// One picture's card: thumbnail, name, ranked labels with bars, or what went wrong.

import { setText } from "../dom.js";
import { number, text } from "../strings.js";
import { bars, fullOf } from "./bars.js";

const stateWords = { queued: (ready) => (ready ? text.queued : text.waiting), working: () => text.working, stopped: () => text.stopped };

export class Card {
  #address = null;
  #drawn = "";
  #ranks;

  /**
   * @param {import("../session.js").Picture} picture
   * @param {HTMLTemplateElement} template
   * @param {import("../thumbs.js").Thumbs} thumbs
   */
  constructor(picture, template, thumbs) {
    this.picture = picture;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.picture = picture.id;
    const part = (name) => this.element.querySelector(name);
    this.parts = { image: part("img"), open: part(".open"), like: part(".like"), remove: part(".remove"), retry: part(".retry") };
    this.parts.state = part(".state");
    this.parts.ranks = part(".ranks");
    this.parts.likeness = part(".likeness");
    const caption = part("figcaption");
    caption.textContent = picture.name;
    caption.title = picture.path;
    this.parts.open.setAttribute("aria-label", text.openPicture(picture.name));
    this.parts.like.setAttribute("aria-label", text.findLike(picture.name));
    this.parts.like.title = text.findLike(picture.name);
    this.parts.remove.setAttribute("aria-label", text.remove(picture.name));
    this.parts.remove.title = text.remove(picture.name);
    this.parts.retry.setAttribute("aria-label", text.retryPicture(picture.name));
    this.#picture(thumbs);
  }

  async #picture(thumbs) {
    const thumb = await thumbs.get(this.picture);
    if (!this.element) return;
    this.element.classList.toggle("no-preview", !thumb);
    if (!thumb) return;
    this.#address = URL.createObjectURL(thumb);
    this.parts.image.src = this.#address;
  }

  get buttons() {
    const { open, like, retry, remove } = this.parts;
    return [open, like, retry, remove];
  }

  /** Shows the picture as it now stands. */
  draw({ ready, question, likeness, at, of, active }) {
    const { picture, element, parts } = this;
    element.setAttribute("aria-posinset", at + 1);
    element.setAttribute("aria-setsize", of);
    for (const button of this.buttons) button.tabIndex = active ? 0 : -1;
    const { ranks, labels = [] } = picture;
    const { score, top } = question.asked;
    const places = ranks?.slice(0, top) ?? [];
    const rejected = places.length > 0 && question.verdict(picture) === null;
    // What a card looks like is told by these; most frames change nothing.
    const look = JSON.stringify([picture.state, ready, score, top, rejected, likeness, picture.problem]);
    if (this.#drawn === look && this.#ranks === ranks) return;
    this.#ranks = ranks;
    this.#drawn = look;
    element.dataset.state = picture.state;
    element.setAttribute("aria-busy", String(picture.state === "working"));
    setText(parts.state, this.#state(ready, labels.length > 0));
    parts.retry.hidden = !["failed", "stopped"].includes(picture.state);
    parts.like.hidden = !picture.embedding;
    parts.likeness.hidden = likeness === null;
    if (likeness !== null) setText(parts.likeness, text.likeness(number(likeness, "cosine")));
    const shown = picture.state === "failed" ? [] : bars(places, labels, score, rejected, fullOf(places, score));
    parts.ranks.replaceChildren(...shown.slice(0, top));
  }

  #state(ready, asked) {
    const { state, problem } = this.picture;
    if (state === "failed") return problem;
    if (state === "done") return asked ? "" : text.noLabels;
    return stateWords[state](ready);
  }

  release() {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.element.remove();
    this.element = null;
  }
}
