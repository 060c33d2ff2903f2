// Which images are shown and in what order: filters, sorting, and ranking by similarity to a sentence or an image.

import { cosine } from "../core/scores.js";
import { groups } from "./near-duplicates.js";

/**
 * Which images are shown: all; one label's; those without a good match; one queue state's; those labeled by hand;
 * near-duplicates; or any others that `has` picks, called `words`.
 * @typedef {{kind: "all"} | {kind: "label", label: string} | {kind: "no-match"} | {kind: "state", state: string}
 *   | {kind: "corrected"} | {kind: "near-duplicates"} | {kind: "custom", words: string, has: (item: object) => boolean}} Filter
 */

const VIEWS = ["gallery", "overview", "map"];

const byName = new Intl.Collator(undefined, { numeric: true }).compare;

/** Comparisons of two images by the sort's name; `value` gives the number of an image's best label. */
const ORDERS = {
  added: (a, b) => a.id - b.id,
  name: (a, b) => byName(a.name, b.name) || a.id - b.id,
  certain: (a, b, value) => value(b) - value(a) || a.id - b.id,
  uncertain: (a, b, value) => value(a) - value(b) || a.id - b.id,
  label: (a, b, value) =>
    (a.ranked?.[0]?.index ?? Infinity) - (b.ranked?.[0]?.index ?? Infinity) || value(b) - value(a),
};
export const SORTS = Object.keys(ORDERS);

export class GalleryModel {
  /** @type {"gallery" | "overview" | "map"} */
  view = "gallery";
  sort = "added";
  /** @type {Filter} */
  filter = { kind: "all" };
  /** Images are ranked by this, if anything: a unit vector, its description in words, and the image it is of. */
  reference = null;
  #app;
  /** Group number of each near-duplicate, once they are asked for. */
  #groups = new Map();
  #run = 0;
  #list = null;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
    app.addEventListener("draw", () => {
      this.#list = null;
    });
    app.session.addEventListener("removed", () => {
      const { items } = app.session;
      if (items.size === 0) this.filter = { kind: "all" };
      if (this.reference?.item && !items.has(this.reference.item.id)) this.reference = null;
    });
    app.session.addEventListener("queue", () => this.filter.kind === "near-duplicates" && this.#group());
    app.addEventListener("pick", ({ words, has }) => {
      this.show({ view: "gallery", filter: { kind: "custom", words, has } });
    });
  }

  get views() {
    return VIEWS;
  }

  /** Changes view, sort, filter or reference. */
  show(some) {
    Object.assign(this, some);
    if (some.filter?.kind === "near-duplicates") this.#group();
    this.#app.redraw();
  }

  async #group() {
    this.#run += 1;
    const run = this.#run;
    const found = await groups(this.#app.session.list, () => run !== this.#run);
    if (!found || run !== this.#run) return;
    this.#groups = found;
    this.#app.redraw();
  }

  /** An image's group of near-duplicates while those are shown, or null. */
  groupOf(item) {
    return this.filter.kind === "near-duplicates" ? (this.#groups.get(item) ?? null) : null;
  }

  /** Cosine of an image and the reference. */
  similarity(item) {
    return this.reference && item.embedding ? cosine(this.reference.vector, item.embedding) : null;
  }

  #passes(item) {
    const { filter } = this;
    const { classifier } = this.#app;
    if (filter.kind === "all") return true;
    if (filter.kind === "state") return filter.state === item.state;
    if (filter.kind === "custom") return filter.has(item);
    if (filter.kind === "corrected") return Boolean(item.corrected);
    if (filter.kind === "near-duplicates") return this.#groups.has(item);
    if (!item.ranked?.length && !item.corrected) return false;
    return classifier.labelOf(item) === (filter.kind === "no-match" ? null : filter.label);
  }

  /** The images to show, in order; computed once for all that draw them. */
  list() {
    this.#list ??= this.#compute();
    return this.#list;
  }

  #compute() {
    const passing = this.#app.session.list.filter((item) => this.#passes(item));
    if (this.reference) {
      const similarity = new Map(passing.map((item) => [item, this.similarity(item) ?? -Infinity]));
      return passing.sort((a, b) => similarity.get(b) - similarity.get(a) || a.id - b.id);
    }
    if (this.filter.kind === "near-duplicates")
      return passing.sort((a, b) => this.#groups.get(a) - this.#groups.get(b) || a.id - b.id);
    if (this.sort === "added") return passing;
    const value = ({ ranked }) => (ranked?.length ? this.#app.classifier.value(ranked[0]) : -Infinity);
    return passing.sort((a, b) => ORDERS[this.sort](a, b, value));
  }
}
