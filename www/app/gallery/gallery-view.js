// The grid of cards. Only rows in sight have elements, so that thousands of images scroll smoothly. One Tab stop:
// arrows go from card to card, digits label by hand.

import { repeat } from "lit/directives/repeat.js";
import { step, variables } from "../core/dom.js";
import { html, View } from "../core/view.js";
import { text } from "../strings/index.js";
import { card, LEAST_BARS, probe } from "./card.js";

/** Rows drawn above and below those in view. */
const SPARE_ROWS = 2;

export class GalleryView extends View {
  #shown = [];
  #layout = { columns: 1, height: 1, row: 0 };
  /** The image whose card Tab reaches, and the one whose card had the focus last. */
  #active = null;
  #focused = null;
  /** The last card selected, from which Shift selects on. */
  #anchor = null;

  connectedCallback() {
    super.connectedCallback();
    addEventListener("scroll", () => this.requestUpdate(), { passive: true });
    this.app.thumbnails.addEventListener("ready", () => this.requestUpdate());
    this.app.addEventListener("focus-item", ({ item }) => this.focusItem(item));
    this.app.addEventListener(
      "closed",
      ({ item }) => this.app.gallery.view === "gallery" && !this.app.gallery.reference && this.focusItem(item),
    );
  }

  firstUpdated() {
    new ResizeObserver(() => this.requestUpdate()).observe(this.part(".probe"));
  }

  render() {
    const { app } = this;
    const visible = app.gallery.view === "gallery";
    this.#shown = visible ? app.gallery.list() : [];
    const { above, below, first, wanted } = this.#window();
    const active = this.#shown.includes(this.#active) ? this.#active : (wanted[0] ?? null);
    const size = app.session.items.size;
    return html`<div id="view-gallery" role="tabpanel" aria-labelledby="tab-gallery" ?hidden=${!visible}>
      <p id="nothing" class="nothing" ?hidden=${this.#shown.length > 0 || size === 0}>${text.nothing}
        <button type="button" class="small" ?hidden=${app.gallery.filter.kind === "custom"} @click=${() => this.#showAll()}>${text.showAll}</button></p>
      <div class="gallery probe" aria-hidden="true">${probe(Math.max(LEAST_BARS, app.query.settings.top))}</div>
      <ul id="gallery" class="gallery" role="list" aria-labelledby="pictures-heading"
        ${variables({ "--row": this.#layout.row ? `${this.#layout.row}px` : "auto", "--above": `${above}px`, "--below": `${below}px` })}
        @keydown=${(event) => this.#keyed(event)} @click=${(event) => this.#clicked(event)}
        @focusin=${({ target }) => this.#gotFocus(target)} @focusout=${({ relatedTarget }) => this.#lostFocus(relatedTarget)}>
        ${repeat(
          wanted,
          ({ id }) => id,
          (item, i) => card(app, item, { at: first + i, of: this.#shown.length, active: item === active }),
        )}
      </ul>
      <p class="quiet triage" ?hidden=${size === 0}>${text.triageHelp}</p>
    </div>`;
  }

  updated() {
    if (this.#measure()) this.requestUpdate();
    // Scrolled away and back, the card that had the focus has it again.
    if (this.#focused && document.activeElement === document.body)
      this.#cardOf(this.#focused)?.querySelector(".open").focus({ preventScroll: true });
  }

  /** The rows in sight, with the space above and below them. */
  #window() {
    const { columns, height } = this.#layout;
    const list = this.part("#gallery");
    const rows = Math.ceil(this.#shown.length / columns);
    const scrolled = list ? -list.getBoundingClientRect().top : 0;
    // The first rows are there even where the list begins below the fold.
    const last = Math.min(rows, Math.max(0, Math.ceil((scrolled + innerHeight) / height)) + SPARE_ROWS);
    const firstRow = Math.max(0, Math.min(Math.floor(scrolled / height) - SPARE_ROWS, last - 1));
    const first = firstRow * columns;
    return {
      above: firstRow * height,
      below: (rows - last) * height,
      first,
      wanted: this.#shown.slice(first, last * columns),
    };
  }

  /** Finds out how many columns there are and how high a row is; true where that changed. */
  #measure() {
    const list = this.part(".probe");
    const height = Math.ceil(this.part(".card-probe").getBoundingClientRect().height);
    if (height === 0) return false;
    const style = getComputedStyle(list);
    const columns = style.gridTemplateColumns.split(" ").length;
    const { row, columns: before } = this.#layout;
    this.#layout = { columns, row: height, height: height + parseFloat(style.rowGap) };
    return row !== height || before !== columns;
  }

  #cardOf(item) {
    return this.part(`[data-item="${item.id}"]`);
  }

  #itemOf(target) {
    return this.app.session.items.get(Number(target.closest?.(".card")?.dataset.item));
  }

  #gotFocus(target) {
    this.#active = this.#focused = this.#itemOf(target) ?? null;
    this.requestUpdate();
  }

  /** Forgets the focus where it went elsewhere, and not where its card scrolled away. */
  #lostFocus(to) {
    if (to) this.#focused = null;
  }

  // ---- what people do ----

  #clicked(event) {
    const button = event.target.closest("[data-act]");
    const item = this.#itemOf(event.target);
    if (!button || !item) return;
    const { app } = this;
    const actions = {
      open: () =>
        event.ctrlKey || event.metaKey || event.shiftKey
          ? this.#select(item, event.shiftKey)
          : app.emit("open", { item }),
      select: () => this.#select(item, event.shiftKey),
      retry: () => app.session.retry([item]),
      similar: () => app.search.similar(item),
      tag: () => app.query.add([button.dataset.word]),
      remove: () => this.#remove(item),
    };
    actions[button.dataset.act]();
  }

  #showAll() {
    this.app.gallery.show({ filter: { kind: "all" } });
    this.focusItem();
  }

  #select(item, range) {
    const [from, to] = [this.#anchor ?? item, item].map((one) => this.#shown.indexOf(one)).sort((a, b) => a - b);
    if (range && from >= 0) this.app.selection.add(this.#shown.slice(from, to + 1));
    else this.app.selection.toggle(item);
    this.#anchor = item;
  }

  #remove(item) {
    const index = this.#shown.indexOf(item);
    const next = this.#shown[index + 1] ?? this.#shown[index - 1];
    this.app.remove([item]);
    if (next) this.focusItem(next);
    else this.app.emit("focus-add");
  }

  #keyed(event) {
    const item = this.#itemOf(event.target);
    if (!item || !event.target.matches("button, input")) return;
    const { columns, height } = this.#layout;
    const here = this.#shown.indexOf(item);
    const page = columns * Math.max(1, Math.floor(innerHeight / height));
    const by = { ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page };
    const to = { Home: 0, End: this.#shown.length - 1 }[event.key] ?? here + (by[event.key] ?? step(event));
    if (to !== here) this.focusItem(this.#shown[Math.min(this.#shown.length - 1, Math.max(0, to))]);
    else if (!this.#shortcut(event, item)) return;
    event.preventDefault();
  }

  /** True where the key meant something. */
  #shortcut({ key, ctrlKey, metaKey, altKey }, item) {
    const { query, selection } = this.app;
    const plain = !ctrlKey && !metaKey && !altKey;
    const label = query.labels[Number(key) - 1];
    if (!plain && !altKey && key.toLowerCase() === "a") selection.add(this.#shown);
    else if (!plain) return false;
    else if (key === "Delete") this.#remove(item);
    else if (key.toLowerCase() === "x") this.#select(item, false);
    else if (key === "0") selection.label([item], null);
    else if (/^[1-9]$/.test(key) && label) selection.label([item], label);
    else return false;
    return true;
  }

  /** Brings a card into sight and gives it the focus. */
  focusItem(item) {
    this.#shown = this.app.gallery.list();
    const index = this.#shown.indexOf(item ?? this.#shown[0]);
    if (index < 0) return;
    const { columns, height } = this.#layout;
    this.#active = this.#shown[index];
    const top = this.part("#gallery").getBoundingClientRect().top + Math.floor(index / columns) * height;
    if (top < 0 || top + height > innerHeight)
      scrollBy({ top: top < 0 ? top - 16 : top + height - innerHeight + 16, behavior: "instant" });
    this.drawNow();
    this.#cardOf(this.#active)?.querySelector(".open").focus({ preventScroll: true });
  }
}
customElements.define("cl-gallery", GalleryView);
