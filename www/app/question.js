// What is asked of the pictures: labels, templates, and how answers are shown. Remembers itself.
// Announces "asked" when answers change, "shown" when only their showing does.

import { ALL_80, BEST_7 } from "./data/templates.js";
import { recall, remember } from "./store.js";
import { DEFAULT_TEMPLATE } from "../cliplet/index.js";

const REMEMBERED = "question";

/** The ensembles that can be chosen beside a template of one's own. */
export const ENSEMBLES = { best7: BEST_7, all80: ALL_80 };
/** Labels that a card can show. */
export const TOPS = [1, 3, 5, 10];

/**
 * @typedef {object} Asked
 * @property {string[]} labels each once
 * @property {"one" | "own" | keyof typeof ENSEMBLES} kind of templates: one, several of one's own, or published ones
 * @property {string} template the one, with {}
 * @property {string[]} own several, each with {}
 * @property {"share" | "cosine"} score softmax, or raw similarity
 * @property {number} top labels shown on a card
 * @property {boolean} none whether "none of these" is an answer
 * @property {{share: number, cosine: number}} least a best label below this is "none of these"
 */

const texts = (value) => Array.isArray(value) && value.every((one) => typeof one === "string");
const limit = (value) => typeof value === "number" && value >= 0 && value <= 1;

/** What each part may be; anything may have got into a browser's storage. */
const SOUND = {
  labels: texts,
  kind: (value) => ["one", "own"].includes(value) || Object.hasOwn(ENSEMBLES, value ?? ""),
  template: (value) => typeof value === "string" && value.includes("{}"),
  own: (value) => texts(value) && value.every((one) => one.includes("{}")),
  score: (value) => ["share", "cosine"].includes(value),
  top: (value) => TOPS.includes(value),
  none: (value) => typeof value === "boolean",
  least: (value) => limit(value?.share) && limit(value?.cosine),
};

export class Question extends EventTarget {
  /** @type {Asked} */
  #asked;

  /** @param {string[]} labels to begin with, where nothing is remembered */
  constructor(labels) {
    super();
    const plain = { kind: "one", template: DEFAULT_TEMPLATE, own: [], score: "share", top: 5, none: false };
    const remembered = recall(REMEMBERED, {});
    this.#asked = { labels, ...plain, least: { share: 0.5, cosine: 0.2 } };
    for (const [part, sound] of Object.entries(SOUND)) if (sound(remembered[part])) this.#asked[part] = remembered[part];
  }

  get asked() {
    return this.#asked;
  }

  get labels() {
    return this.#asked.labels;
  }

  /** The templates whose ensemble stands for each label. */
  get templates() {
    const { kind, template, own } = this.#asked;
    if (kind === "own" && own.length) return own;
    return ENSEMBLES[kind] ?? [template];
  }

  /** Changes some of what is asked; labels are trimmed and kept once each. */
  change(some) {
    const before = this.#asked;
    const next = { ...before, ...some };
    if (some.labels) next.labels = [...new Set(some.labels.map((label) => label.trim()).filter(Boolean))];
    this.#asked = next;
    remember(REMEMBERED, next);
    const again = ["labels", "kind", "template", "own"].some((part) => part in some);
    this.dispatchEvent(new Event(again ? "asked" : "shown"));
  }

  add(labels) {
    this.change({ labels: [...this.labels, ...labels] });
  }

  /** A place's number as it is shown. */
  value(place) {
    return this.#asked.score === "share" ? place.share : place.cosine;
  }

  /** The place of a picture's best label, or null where there is none or it is too unlikely. */
  verdict(picture) {
    const [first] = picture.ranks ?? [];
    if (!first) return null;
    const { none, least, score } = this.#asked;
    return none && this.value(first) < least[score] ? null : first;
  }

  /** A picture's best label, or null where {@link verdict} is. */
  best(picture) {
    const place = this.verdict(picture);
    return place && picture.labels[place.index];
  }
}
