// Ranks labels for images: has the engine embed the labels, and ranks every image again from its stored embedding
// when the query changes. Announces "progress", "ranked" and "failed".

import { inSlices } from "./scheduler.js";
import { Matrix, rank, unit } from "./scores.js";

/** Results stored with each image; the rest is computed when it is looked at. */
const STORED = 10;
/** Weight of the examples' direction beside the unit vector of a label's text. */
const EXAMPLES_WEIGHT = 0.5;
/** An image's best label must be this many standard deviations above the mean of everyday words to be a match. */
const DEVIATIONS = 1.5;

export class Classifier extends EventTarget {
  /** `{ done, total }` of labels being embedded; else null. */
  progress = null;
  /** The labels that images are ranked with at present; while new ones are embedded, the former. */
  labels = [];
  #clip = null;
  #session;
  #query;
  #matrix = null;
  #running = null;

  /**
   * @param {import("./query.js").Query} query
   * @param {() => import("./session.js").Session} session
   */
  constructor(query, session) {
    super();
    this.#query = query;
    this.#session = session;
    query.addEventListener("embed", () => this.#prepare());
  }

  /** Takes a model. */
  use(clip) {
    this.#clip = clip;
    this.#matrix = null;
    return this.#prepare();
  }

  /** Ranks labels for an embedded image; false while they are not ready. */
  answer = (item) => {
    if (this.#running) return false;
    item.ranked = this.#matrix ? this.rank(item, STORED) : [];
    item.labels = this.labels;
    return true;
  };

  /** An image's best `limit` labels, or all of them. */
  rank(item, limit) {
    if (!this.#matrix) return [];
    return rank(this.#matrix.cosines(item.embedding), this.#clip.info, limit);
  }

  /** Every label's cosine and share for an image, in the labels' order. */
  all(item) {
    return this.rank(item).sort((a, b) => a.index - b.index);
  }

  /** A result's number as it is displayed. */
  value(ranked) {
    return ranked[this.#query.settings.score];
  }

  /** The cosine below which the model's best label is no match; null where it has no such calibration. */
  get threshold() {
    const { no_match_threshold: snake, noMatchThreshold: camel } = this.#clip?.info ?? {};
    return snake ?? camel ?? null;
  }

  /** True for a model that judges each label alone, so that percentages are matches instead of shares. */
  get judgesAlone() {
    return this.#clip?.info.score_rule === "sigmoid";
  }

  /** Meaning of the numbers that labels have at present. @returns {import("./query.js").Scale} */
  get scale() {
    const { score } = this.#query.settings;
    return score === "share" && this.judgesAlone ? "match" : score;
  }

  /** True where the best label of an image fits too badly to be an answer. */
  #rejects(item, best) {
    const { noMatch, limits } = this.#query.settings;
    if (!noMatch) return false;
    const limit = limits[this.scale];
    if (limit !== undefined) return this.value(best) < limit;
    if (this.threshold !== null) return best.cosine < this.threshold;
    const { background } = item;
    return Boolean(background) && best.cosine < background.mean + DEVIATIONS * background.deviation;
  }

  /** The result of an image's best label, or null where there is none or it is no good match. */
  verdict(item) {
    const [best] = item.ranked ?? [];
    return best && !this.#rejects(item, best) ? best : null;
  }

  /** True for an image that was ranked and has no good match. */
  isNoMatch(item) {
    return item.ranked?.length > 0 && !this.verdict(item);
  }

  /** An image's label: the one given by hand, else the best one; null where nothing matches. */
  labelOf(item) {
    if (item.corrected) return item.corrected;
    const verdict = this.verdict(item);
    return verdict && item.labels[verdict.index];
  }

  /** Embeds what the query needs and ranks all images again. */
  async #prepare() {
    this.#running?.abort();
    if (!this.#clip) return;
    const run = new AbortController();
    this.#running = run;
    const { labels, templates, settings } = this.#query;
    try {
      const rows = await this.#embed(labels, templates, run.signal);
      if (run !== this.#running) return;
      this.labels = labels;
      this.#matrix = rows.length
        ? new Matrix(rows.map((row, i) => this.#withExamples(row, settings.examples[labels[i]])))
        : null;
    } catch (error) {
      if (run !== this.#running) return;
      this.#tell("failed", { error });
    }
    this.#running = null;
    this.progress = null;
    this.#tell("progress");
    if (await this.#answerAll()) this.#tell("ranked");
  }

  /** A label's vector moved towards its example images, where they are of this model. */
  #withExamples(row, examples) {
    if (!examples || examples.model !== this.#clip.info.checksum || examples.vector.length !== row.length) return row;
    return unit(row.map((value, i) => value + EXAMPLES_WEIGHT * examples.vector[i]));
  }

  /** False when another query came meanwhile. */
  #answerAll() {
    const matrix = this.#matrix;
    const stale = () => matrix !== this.#matrix || this.#running !== null;
    const embedded = [...this.#session().items.values()].filter(({ embedding }) => embedding);
    const answer = (item) => {
      this.answer(item);
      this.#session().answered(item);
    };
    return inSlices(embedded, answer, stale);
  }

  /** One unit vector a label; the engine stores them and tells how many are yet to be embedded. */
  async #embed(labels, templates, signal) {
    if (!labels.length) return [];
    const onProgress = (progress) => {
      if (signal.aborted) return;
      this.progress = progress;
      this.#tell("progress");
    };
    return this.#clip.embedLabels(labels, { templates, onProgress, signal });
  }

  #tell(type, more = {}) {
    this.dispatchEvent(Object.assign(new Event(type), more));
  }
}
