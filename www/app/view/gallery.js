// The pictures as a grid of cards, of which only those in sight exist. All rows are equally high, so what
// is above and below is padding. One Tab stop: arrows move from card to card.

import { make, onceAFrame, step } from "../dom.js";
import { Card } from "./card.js";

/** Rows kept ready above and below what is seen. */
const SPARE_ROWS = 2;
/** Fewest bars that a card has room for, so that a message fits too. */
const LEAST_ROWS = 3;

export class Gallery {
  #list;
  #template;
  #context;
  #cards = new Map();
  #shown = [];
  #layout = { columns: 1, height: 1 };
  #width = 0;
  #active = null;
  #hadFocus = null;
  #draw = onceAFrame(() => this.#render());

  /**
   * @param {HTMLUListElement} list
   * @param {HTMLTemplateElement} template
   * @param {object} context `question`, `shelf`, `session`, `thumbs` and `act(action, picture)`, called with
   *   "open", "like", "remove" or "retry"
   */
  constructor(list, template, context) {
    this.#list = list;
    this.#template = template;
    this.#context = context;
    addEventListener("scroll", this.#draw, { passive: true });
    new ResizeObserver(([{ contentRect }]) => {
      // The height is of this gallery's own making.
      if (contentRect.width === this.#width) return;
      this.#width = contentRect.width;
      this.measure();
    }).observe(list);
    list.addEventListener("keydown", (event) => this.#keyed(event));
    list.addEventListener("focusin", ({ target }) => {
      this.#active = this.#hadFocus = this.#of(target)?.picture ?? null;
      this.#draw();
    });
    list.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && (this.#hadFocus = null));
    list.addEventListener("click", ({ target }) => {
      const action = target.closest("[data-act]")?.dataset.act;
      const card = this.#of(target);
      if (action && card) context.act(action, card.picture);
    });
  }

  /** Shows these pictures, in this order. */
  show(pictures) {
    this.#shown = pictures;
    this.#draw();
  }

  /** Finds out how many columns there are and how high a row is, from a card that nobody sees. */
  measure() {
    const list = this.#list;
    if (!list.checkVisibility?.() && list.offsetParent === null) return;
    const probe = this.#template.content.firstElementChild.cloneNode(true);
    probe.classList.add("probe");
    probe.setAttribute("aria-hidden", "true");
    const rows = Math.max(LEAST_ROWS, this.#context.question.asked.top);
    const bar = () => make("li", {}, make("span.label", {}, "x"), make("span.score", {}, "0"));
    probe.querySelector(".ranks").append(...Array.from({ length: rows }, bar));
    probe.querySelector("figcaption").textContent = "x";
    list.style.setProperty("--row", "auto");
    list.append(probe);
    const height = Math.ceil(probe.getBoundingClientRect().height);
    const style = getComputedStyle(list);
    const columns = style.gridTemplateColumns.split(" ").length;
    probe.remove();
    list.style.setProperty("--row", `${height}px`);
    this.#layout = { columns, height: height + parseFloat(style.rowGap) };
    this.#draw();
  }

  focus(picture) {
    const index = this.#shown.indexOf(picture ?? this.#shown[0]);
    if (index >= 0) this.#focus(index);
  }

  /** The picture that takes the place of one that goes. */
  neighbour(picture) {
    const index = this.#shown.indexOf(picture);
    return this.#shown[index + 1] ?? this.#shown[index - 1];
  }

  #of(target) {
    return this.#cards.get(Number(target.closest?.(".card")?.dataset.picture));
  }

  #render() {
    const { columns, height } = this.#layout;
    const rows = Math.ceil(this.#shown.length / columns);
    const above = -this.#list.getBoundingClientRect().top;
    const last = Math.min(rows, Math.ceil((above + innerHeight) / height) + SPARE_ROWS);
    const first = Math.max(0, Math.min(Math.floor(above / height) - SPARE_ROWS, last - 1));
    const wanted = this.#shown.slice(first * columns, Math.max(0, last) * columns);
    const keep = new Set(wanted.map(({ id }) => id));
    for (const [id, card] of this.#cards) {
      if (keep.has(id)) continue;
      card.release();
      this.#cards.delete(id);
    }
    this.#list.style.setProperty("--above", `${first * height}px`);
    this.#list.style.setProperty("--below", `${Math.max(0, rows - Math.max(0, last)) * height}px`);
    this.#place(wanted, first * columns);
  }

  #place(wanted, offset) {
    const { session, question, shelf, thumbs } = this.#context;
    const active = this.#shown.includes(this.#active) ? this.#active : (wanted[0] ?? null);
    let next = this.#list.firstElementChild;
    wanted.forEach((picture, i) => {
      let card = this.#cards.get(picture.id);
      if (!card) this.#cards.set(picture.id, (card = new Card(picture, this.#template, thumbs)));
      if (card.element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(card.element, next);
      const place = { at: offset + i, of: this.#shown.length, active: picture === active };
      card.draw({ ready: session.ready, question, likeness: shelf.likeness(picture), ...place });
      // Scrolled away and back, the card that had the focus has it again.
      if (picture === this.#hadFocus && document.activeElement === document.body) card.parts.open.focus({ preventScroll: true });
    });
  }

  #keyed(event) {
    const card = this.#of(event.target);
    if (!card || !event.target.matches("button")) return;
    const { columns } = this.#layout;
    const here = this.#shown.indexOf(card.picture);
    const rowsInSight = Math.max(1, Math.floor(innerHeight / this.#layout.height));
    const by = { ArrowDown: columns, ArrowUp: -columns, PageDown: columns * rowsInSight, PageUp: -columns * rowsInSight };
    const to = { Home: 0, End: this.#shown.length - 1 }[event.key] ?? here + (by[event.key] ?? step(event));
    if (event.key === "Delete") {
      event.preventDefault();
      this.#context.act("remove", card.picture);
    } else if (to !== here) {
      event.preventDefault();
      this.#focus(Math.min(this.#shown.length - 1, Math.max(0, to)));
    }
  }

  /** Brings a card into sight and gives it the focus. */
  #focus(index) {
    const { columns, height } = this.#layout;
    const top = this.#list.getBoundingClientRect().top + Math.floor(index / columns) * height;
    if (top < 0 || top + height > innerHeight) scrollBy({ top: top < 0 ? top - 16 : top + height - innerHeight + 16, behavior: "instant" });
    this.#active = this.#shown[index];
    this.#render();
    this.#cards.get(this.#active.id)?.parts.open.focus({ preventScroll: true });
  }
}
