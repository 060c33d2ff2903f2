// The row above the pictures: which view, which filter, which order; and the queue's row with its buttons.

import { $, make, rove, setText, step } from "../dom.js";
import { text } from "../strings.js";
import { SORTS } from "./shelf.js";

const VIEWS = ["gallery", "overview", "map"];
/** Labels offered as filters; with more the list is no help. */
const FILTERS_SHOWN = 200;
/** While the queue runs their counts follow at this pace, in milliseconds. */
const FILTERS_EVERY = 1500;

export class Toolbar {
  view = "gallery";
  #context;
  #filter = null;
  #offered = "";
  #offeredAt = -Infinity;

  /** @param {object} context `session`, `question`, `shelf` and `onView()` */
  constructor(context) {
    this.#context = context;
    const { shelf } = context;
    $("sort").replaceChildren(...SORTS.map((sort) => make("option", { value: sort }, text.sorts[sort])));
    $("sort").addEventListener("change", () => shelf.show({ sort: $("sort").value }));
    $("filter").addEventListener("change", () => shelf.show({ filter: JSON.parse($("filter").value) }));
    $("picked-clear").addEventListener("click", () => (shelf.show({ filter: { kind: "all" } }), $("filter").focus()));
    for (const view of VIEWS) $(`tab-${view}`).addEventListener("click", () => this.show(view));
    $("views").addEventListener("keydown", (event) => {
      const next = VIEWS[VIEWS.indexOf(this.view) + step(event)];
      if (!next || next === this.view) return;
      this.show(next);
      $(`tab-${next}`).focus();
    });
    this.show("gallery");
  }

  show(view) {
    this.view = view;
    for (const other of VIEWS) {
      $(`tab-${other}`).setAttribute("aria-selected", String(other === view));
      $(`view-${other}`).hidden = other !== view;
    }
    rove(VIEWS.map((other) => $(`tab-${other}`)), $(`tab-${view}`));
    this.#context.onView();
  }

  /** Filters with their counts, the order, and what is picked by hand. */
  draw(shown) {
    const { session, shelf, question } = this.#context;
    const total = session.pictures.size;
    $("tools").hidden = total === 0;
    $("filter-count").hidden = shown === total;
    setText($("filter-count"), text.shown(shown, total));
    $("nothing").hidden = shown > 0 || total === 0;
    $("sort").disabled = Boolean(shelf.liking);
    const { filter } = shelf;
    $("picked").hidden = filter.kind !== "some";
    if (filter.kind === "some") setText($("picked-text"), filter.words);
    const counts = new Map();
    for (const picture of session.pictures.values()) {
      if (!picture.ranks?.length) continue;
      const best = question.best(picture);
      counts.set(best, (counts.get(best) ?? 0) + 1);
    }
    this.#filters(counts, filter, total);
  }

  #filters(counts, filter, total) {
    const { counts: states, open } = this.#context.session;
    if (open > 0 && filter === this.#filter && performance.now() < this.#offeredAt + FILTERS_EVERY) return;
    // An open list must not change under the hand.
    if (open > 0 && document.activeElement === $("filter")) return;
    this.#filter = filter;
    this.#offeredAt = performance.now();
    const labels = [...counts].filter(([label]) => label !== null).sort((a, b) => b[1] - a[1]);
    const options = [[{ kind: "all" }, text.allPictures(total)]];
    for (const [label, count] of labels.slice(0, FILTERS_SHOWN)) options.push([{ kind: "label", label }, text.filterOf(label, count)]);
    if (counts.has(null)) options.push([{ kind: "none" }, text.filterOf(text.noneOfThese, counts.get(null))]);
    for (const state of ["failed", "stopped"]) {
      if (states[state]) options.push([{ kind: "state", state }, text.filterOf(text.stateNames[state], states[state])]);
    }
    const chosen = JSON.stringify(filter);
    if (!options.some(([value]) => JSON.stringify(value) === chosen)) options.push([filter, filter.label ?? text.pickedByHand]);
    const offered = JSON.stringify([options, chosen]);
    if (offered === this.#offered) return;
    this.#offered = offered;
    const made = options.map(([value, words]) => make("option", { value: JSON.stringify(value), selected: JSON.stringify(value) === chosen }, words));
    $("filter").replaceChildren(...made);
  }
}

/** The queue's progress and its buttons. */
export class QueueBar {
  #session;

  constructor(session) {
    this.#session = session;
    $("queue-pause").addEventListener("click", () => session.pause(!session.paused));
    $("queue-cancel").addEventListener("click", () => (session.cancel(), $("add").focus()));
    $("queue-retry").addEventListener("click", () => (session.retry(), $("add").focus()));
    session.addEventListener("added", () => this.draw());
    session.addEventListener("queue", () => this.draw());
  }

  draw() {
    const { counts, open, ready, paused, rate, pictures } = this.#session;
    const again = counts.failed + counts.stopped;
    const busy = ready && (open > 1 || (open > 0 && paused));
    $("queue").hidden = !busy && again === 0;
    $("queue-bar").hidden = $("queue-pause").hidden = $("queue-cancel").hidden = !busy;
    $("queue-bar").max = pictures.size;
    $("queue-bar").value = pictures.size - open;
    setText($("queue-pause"), paused ? text.resume : text.pause);
    $("queue-retry").hidden = again === 0 || busy;
    setText($("queue-retry"), text.retryAll(again));
    const done = pictures.size - open;
    $("queue-text").hidden = !busy;
    setText($("queue-text"), paused ? text.paused(done, pictures.size) : text.queueAt(done, pictures.size, rate));
  }
}
