// The query: labels, prompt templates and examples that images are compared with, and the display of scores. Remembers
// itself and follows other tabs. Announces "embed" when label vectors change and "display" when only the display does.

import { DEFAULT_TEMPLATE } from "../../cliplet/index.js";
import { ALL_80, BEST_7 } from "../labels/template-lists.js";
import { followed, recall, remember } from "./storage.js";

const REMEMBERED = "query";

/** The published ensembles that can be chosen beside templates of one's own. */
export const ENSEMBLES = { best7: BEST_7, all80: ALL_80 };
/** Numbers of labels that a card can show. */
export const TOPS = [1, 3, 5, 10];

/**
 * @typedef {object} Settings
 * @property {string[]} labels each once
 * @property {Record<string, Example>} examples image directions by label, beside its text
 * @property {"one" | "own" | keyof typeof ENSEMBLES} kind of templates: one, several of one's own, or published ones
 * @property {string} template the one, with {}
 * @property {string[]} own several, each with {}
 * @property {"share" | "cosine"} score softmax, or raw similarity
 * @property {number} top labels shown on a card
 * @property {boolean} noMatch whether "no good match" is an answer
 * @property {Partial<Record<Scale, number>>} limits a best label below this is no match, by what its number is; where there
 *   is none, the model's calibrated threshold holds
 *
 * @typedef {"share" | "match" | "cosine"} Scale meaning of a label's number: its share among the labels, how well it matches
 *   in a model that judges each label alone, or raw similarity. A threshold in one says nothing in another.
 * @typedef {{model: string, count: number, vector: number[]}} Example `vector` is the mean direction of `count` example
 *   images under the model with that checksum
 */

const texts = (value) => Array.isArray(value) && value.every((one) => typeof one === "string");
const SCALES = ["share", "match", "cosine"];
const limit = ([scale, value]) => SCALES.includes(scale) && typeof value === "number" && value >= 0 && value <= 1;
const example = (value) =>
  typeof value?.model === "string" && Array.isArray(value.vector) && value.vector.every(Number.isFinite);

/** Which values of each setting are valid; a browser's storage can hold anything. */
const VALID = {
  labels: texts,
  examples: (value) => typeof value === "object" && value !== null && Object.values(value).every(example),
  kind: (value) => ["one", "own"].includes(value) || Object.hasOwn(ENSEMBLES, value ?? ""),
  template: (value) => typeof value === "string" && value.includes("{}"),
  own: (value) => texts(value) && value.every((one) => one.includes("{}")),
  score: (value) => ["share", "cosine"].includes(value),
  top: (value) => TOPS.includes(value),
  noMatch: (value) => typeof value === "boolean",
  limits: (value) => typeof value === "object" && value !== null && Object.entries(value).every(limit),
};

const DEFAULTS = {
  labels: [],
  examples: {},
  kind: "one",
  template: DEFAULT_TEMPLATE,
  own: [],
  score: "share",
  top: 5,
  noMatch: true,
  limits: {},
};
/** Settings that change label vectors. */
const EMBEDDED = ["labels", "examples", "kind", "template", "own"];

/** The valid part of what is remembered. */
function remembered() {
  const found = recall(REMEMBERED, {});
  return Object.fromEntries(
    Object.entries(VALID).flatMap(([key, valid]) => (valid(found[key]) ? [[key, found[key]]] : [])),
  );
}

export class Query extends EventTarget {
  /** @type {Settings} */
  settings = { ...DEFAULTS, ...remembered() };
  /** The visitor's own settings while a link's are previewed; else null. */
  #own = null;

  constructor() {
    super();
    followed(REMEMBERED, () => {
      if (this.#own) this.#own = { ...this.#own, ...remembered() };
      else this.#set(remembered());
    });
  }

  get labels() {
    return this.settings.labels;
  }

  /** The templates whose ensemble stands for each label. */
  get templates() {
    const { kind, template, own } = this.settings;
    if (kind === "own" && own.length) return own;
    return ENSEMBLES[kind] ?? [template];
  }

  get previewing() {
    return this.#own !== null;
  }

  /** Changes some settings; labels are trimmed, and repeated ones dropped. */
  change(some) {
    const next = { ...some };
    if (some.labels) next.labels = [...new Set(some.labels.map((label) => label.trim()).filter(Boolean))];
    this.#set(next);
    if (!this.#own) remember(REMEMBERED, this.settings);
  }

  add(labels) {
    this.change({ labels: [...this.labels, ...labels] });
  }

  /** True where other settings would take the place of what the visitor chose. */
  overwrites(some) {
    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    return Object.keys(some).some(
      (key) => !same(some[key], this.settings[key]) && !same(this.settings[key], DEFAULTS[key]),
    );
  }

  /** Shows settings of a link without overwriting the visitor's own. */
  preview(some) {
    this.#own ??= this.settings;
    this.#set(some);
  }

  /** Ends a preview: keeps what is shown, or returns to the visitor's own settings. */
  endPreview(keep) {
    const own = this.#own;
    this.#own = null;
    if (keep) this.change({});
    else if (own) this.#set(own);
  }

  #set(some) {
    const before = this.settings;
    this.settings = { ...before, ...some };
    const embed = EMBEDDED.some((key) => key in some && JSON.stringify(some[key]) !== JSON.stringify(before[key]));
    this.dispatchEvent(new Event(embed ? "embed" : "display"));
  }
}
