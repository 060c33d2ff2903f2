// Which pictures are shown and in what order: filters, sorting, and ranking by likeness to a sentence or to
// another picture. Announces "changed".

import { cosine } from "../scores.js";

/**
 * What is shown: everything; one label's pictures; those of none of the labels; one queue state's; or any
 * others that `has` picks, called `words`.
 * @typedef {{kind: "all"} | {kind: "label", label: string} | {kind: "none"} | {kind: "state", state: string}
 *   | {kind: "some", words: string, has: (picture: object) => boolean}} Filter
 */

/** Orders by name: compares two pictures; `verdict` gives a picture's best place. */
const ORDERS = {
  added: (a, b) => a.id - b.id,
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || a.id - b.id,
  certain: (a, b, value) => value(b) - value(a) || a.id - b.id,
  uncertain: (a, b, value) => value(a) - value(b) || a.id - b.id,
  label: (a, b, value) => (a.ranks?.[0]?.index ?? Infinity) - (b.ranks?.[0]?.index ?? Infinity) || value(b) - value(a),
};
export const SORTS = Object.keys(ORDERS);

export class Shelf extends EventTarget {
  sort = "added";
  /** @type {Filter} */
  filter = { kind: "all" };
  /** What pictures are ranked by, if anything: a unit vector, what it stands for in words, and the picture it is of. */
  liking = null;
  #session;
  #question;

  constructor(session, question) {
    super();
    this.#session = session;
    this.#question = question;
  }

  /** Changes sort, filter or liking. */
  show(some) {
    Object.assign(this, some);
    this.dispatchEvent(new Event("changed"));
  }

  /** How like a picture is to what is liked. */
  likeness(picture) {
    return this.liking && picture.embedding ? cosine(this.liking.vector, picture.embedding) : null;
  }

  /** Whether a picture passes the filter. */
  #passes(picture) {
    const { filter } = this;
    if (filter.kind === "all") return true;
    if (filter.kind === "state") return filter.state === picture.state;
    if (filter.kind === "some") return filter.has(picture);
    if (!picture.ranks?.length) return false;
    return this.#question.best(picture) === (filter.kind === "none" ? null : filter.label);
  }

  /** The pictures to show, in order. */
  list() {
    const passing = [...this.#session.pictures.values()].filter((picture) => this.#passes(picture));
    if (this.liking) {
      const likeness = new Map(passing.map((picture) => [picture, this.likeness(picture) ?? -Infinity]));
      return passing.sort((a, b) => likeness.get(b) - likeness.get(a) || a.id - b.id);
    }
    if (this.sort === "added") return passing;
    const value = ({ ranks }) => (ranks?.length ? this.#question.value(ranks[0]) : -Infinity);
    return passing.sort((a, b) => ORDERS[this.sort](a, b, value));
  }
}
