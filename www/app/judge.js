// Ranks labels for pictures: has the engine embed the labels, and answers every picture again from kept
// embeddings when the question changes. Announces "progress", "judged" and
// "failed".

import { Matrix, rank } from "./scores.js";
import { inSlices } from "./slices.js";

/** Places kept for each picture; the rest is computed when it is looked at. */
export const PLACES_KEPT = 10;

export class Judge extends EventTarget {
  /** Labels embedded of those wanted, while that goes on; else null. */
  progress = null;
  #clip = null;
  #session;
  #question;
  #matrix = null;
  /** The labels that the rows of #matrix stand for. */
  #labels = [];
  #running = null;

  /**
   * @param {import("./question.js").Question} question
   * @param {() => import("./session.js").Session} session
   */
  constructor(question, session) {
    super();
    this.#question = question;
    this.#session = session;
    question.addEventListener("asked", () => this.#prepare());
  }

  /** The labels that pictures are answered with at present; while new ones are embedded, the former. */
  get labels() {
    return this.#labels;
  }

  /** Takes a model. */
  use(clip) {
    this.#clip = clip;
    this.#matrix = null;
    return this.#prepare();
  }

  /** Ranks labels for an embedded picture; false while they are not ready. */
  answer = (picture) => {
    if (this.#running) return false;
    picture.ranks = this.#matrix ? this.places(picture, PLACES_KEPT) : [];
    picture.labels = this.#labels;
    return true;
  };

  /** A picture's best `keep` places, or all of them. */
  places(picture, keep) {
    if (!this.#matrix) return [];
    return rank(this.#matrix.cosines(picture.embedding), this.#clip.info.logit_scale, keep);
  }

  /** Every label's cosine and share for a picture, in the labels' order. */
  all(picture) {
    return this.places(picture).sort((a, b) => a.index - b.index);
  }

  /** Embeds what the question needs and answers all pictures again. */
  async #prepare() {
    this.#running?.abort();
    if (!this.#clip) return;
    const run = (this.#running = new AbortController());
    const { labels, templates } = this.#question;
    try {
      const rows = await this.#embed(labels, templates, run.signal);
      if (run !== this.#running) return;
      this.#labels = labels;
      this.#matrix = rows.length ? new Matrix(rows) : null;
    } catch (error) {
      if (run !== this.#running) return;
      this.#tell("failed", { error });
    }
    this.#running = null;
    this.progress = null;
    this.#tell("progress");
    if (await this.#answerAll()) this.#tell("judged");
  }

  /** False when another question came meanwhile. */
  #answerAll() {
    const matrix = this.#matrix;
    const stale = () => matrix !== this.#matrix || this.#running !== null;
    const embedded = [...this.#session().pictures.values()].filter(({ embedding }) => embedding);
    return inSlices(
      embedded,
      (picture) => {
        this.answer(picture);
        this.#session().answered(picture);
      },
      stale,
    );
  }

  /** One unit vector a label; the engine keeps them, and tells how many are yet to be embedded. */
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
