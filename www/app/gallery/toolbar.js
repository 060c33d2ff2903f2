// The row above the pictures: views, search, filter, order, export; and what is shown when it is not all.

import { rove, step } from "../core/dom.js";
import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";
import { SORTS } from "./gallery-model.js";

/** Labels offered as filters; a longer list is no help. */
const FILTERS_SHOWN = 200;
/** While the queue runs, counts of filters follow at this pace, in milliseconds. */
const FILTERS_EVERY = 1500;
const VIEW_NAMES = { gallery: text.viewGallery, overview: text.viewOverview, map: text.viewMap };

/** Names of filters that are one of their kind. */
const FILTER_NAMES = {
  "no-match": text.noMatch,
  corrected: text.corrected,
  "near-duplicates": text.nearDuplicates,
  custom: text.custom,
};

/** A filter in words, of which no picture is left. @param {import("./gallery-model.js").Filter} filter */
const wordsOf = ({ kind, label, state }) => label ?? text.stateNames[state] ?? FILTER_NAMES[kind];

export class Toolbar extends View {
  #options = [];
  #filter = null;
  #countedAt = -Infinity;
  /** Number of pictures that were counted. */
  #counted = 0;

  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("pick", () => this.focusPart("#custom-clear"));
    this.app.addEventListener("similar", () => this.focusPart("#reference-clear"));
  }

  render() {
    const { gallery, session } = this.app;
    const total = session.items.size;
    const shown = total ? gallery.list().length : 0;
    const { filter, reference } = gallery;
    return html`<div id="tools" class="tools" ?hidden=${total === 0}>
      <div id="views" class="segments" role="tablist" aria-label=${text.views} @keydown=${(event) => this.#keyed(event)}>
        ${gallery.views.map(
          (
            view,
          ) => html`<button type="button" role="tab" id=${`tab-${view}`} aria-controls=${`view-${view}`} aria-selected=${view === gallery.view}
          tabindex=${view === gallery.view ? 0 : -1} @click=${() => gallery.show({ view })}>${VIEW_NAMES[view]}</button>`,
        )}
      </div>
      <form id="search-form" class="search" role="search" @submit=${(event) => this.#submitted(event)}>
        <input id="search" type="search" dir="auto" autocomplete="off" aria-label=${text.searchLabel} placeholder=${text.searchPlaceholder}
          @search=${() => this.#emptied()} @input=${() => this.#emptied()} />
        <button class="small">${text.search}</button>
      </form>
      <select id="filter" aria-label=${text.filterLabel} @change=${({ target }) => gallery.show({ filter: this.#options[target.selectedIndex].filter })}>
        ${this.#filters(total).map(({ words, chosen }) => html`<option .selected=${chosen}>${words}</option>`)}
      </select>
      <select id="sort" aria-label=${text.sortLabel} ?disabled=${Boolean(reference)} @change=${({ target }) => gallery.show({ sort: target.value })}>
        ${SORTS.map((sort) => html`<option value=${sort}>${text.sorts[sort]}</option>`)}
      </select>
      <button type="button" id="export-open" class="small" aria-haspopup="dialog" @click=${() => this.app.emit("export")}>${text.exportOpen}</button>
      ${
        reference
          ? html`<p id="reference" class="picked">
            <span id="reference-text" dir="auto">${reference.item ? text.rankedByPicture(reference.words) : text.rankedByWords(reference.words)}</span>
            <button type="button" id="reference-clear" class="small" @click=${() => this.#clearSearch()}>${text.backToOrder}</button>
          </p>`
          : nothing
      }
      ${
        filter.kind === "custom"
          ? html`<p id="custom" class="picked">
            <span dir="auto">${filter.words}</span>
            <button type="button" id="custom-clear" class="small" @click=${() => this.#showAll()}>${text.showAll}</button>
          </p>`
          : nothing
      }
      ${shown === total ? nothing : html`<p id="filter-count" class="quiet">${text.shown(shown, total)}</p>`}
    </div>`;
  }

  updated() {
    // A sentence that another part cleared is cleared here too; one that is being written stays.
    if (this.app.search.cleared) {
      this.app.search.cleared = false;
      this.#search.value = "";
    }
  }

  get #search() {
    return this.part("#search");
  }

  #submitted(event) {
    event.preventDefault();
    this.app.search.words(this.#search.value.trim());
  }

  #showAll() {
    this.app.gallery.show({ filter: { kind: "all" } });
    this.part("#filter").focus();
  }

  #emptied() {
    if (this.#search.value === "") this.app.search.clear();
  }

  #clearSearch() {
    this.app.search.clear();
    this.#search.value = "";
    this.#search.focus();
  }

  #keyed(event) {
    const { gallery } = this.app;
    const next = gallery.views[gallery.views.indexOf(gallery.view) + step(event)];
    if (!next || next === gallery.view) return;
    gallery.show({ view: next });
    rove([...this.querySelectorAll("[role=tab]")], this.part(`#tab-${next}`));
    this.part(`#tab-${next}`).focus();
  }

  /** The filters on offer with their counts. */
  #filters(total) {
    const { session, gallery, classifier } = this.app;
    const { filter } = gallery;
    const busy = session.open > 0 && filter === this.#filter && total === this.#counted;
    // While the queue runs counts follow slowly, and an open list must not change under the hand.
    if (
      busy &&
      (performance.now() < this.#countedAt + FILTERS_EVERY || document.activeElement === this.part("#filter"))
    )
      return this.#options;
    this.#filter = filter;
    this.#counted = total;
    this.#countedAt = performance.now();
    const counts = new Map();
    let corrected = 0;
    for (const item of session.items.values()) {
      if (item.corrected) corrected += 1;
      if (!item.ranked?.length && !item.corrected) continue;
      const label = classifier.labelOf(item);
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const labels = [...counts]
      .filter(([label]) => label !== null)
      .sort((a, b) => b[1] - a[1])
      .slice(0, FILTERS_SHOWN);
    const options = [{ filter: { kind: "all" }, words: text.allPictures(total) }];
    for (const [label, count] of labels)
      options.push({ filter: { kind: "label", label }, words: text.filterOf(label, count) });
    if (counts.has(null))
      options.push({ filter: { kind: "no-match" }, words: text.filterOf(text.noMatch, counts.get(null)) });
    if (corrected) options.push({ filter: { kind: "corrected" }, words: text.filterOf(text.corrected, corrected) });
    if (total > 1) options.push({ filter: { kind: "near-duplicates" }, words: text.nearDuplicates });
    for (const state of ["failed", "stopped"]) {
      if (session.counts[state])
        options.push({
          filter: { kind: "state", state },
          words: text.filterOf(text.stateNames[state], session.counts[state]),
        });
    }
    const key = JSON.stringify(filter);
    for (const option of options) option.chosen = JSON.stringify(option.filter) === key;
    if (!options.some(({ chosen }) => chosen))
      options.push({
        filter,
        words: wordsOf(filter),
        chosen: true,
      });
    this.#options = options;
    return options;
  }
}
customElements.define("cl-toolbar", Toolbar);
