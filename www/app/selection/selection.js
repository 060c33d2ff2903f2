// The images that a person picked out, and what can be done with them: label them by hand, or turn them into a label.

import { mean, unit } from "../core/scores.js";
import { text } from "../strings/index.js";

/** Decimal places of stored vectors; embeddings are no more precise. */
const PLACES = 5;

export class Selection {
  #app;
  #ids = new Set();

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
    app.session.addEventListener("removed", ({ items }) => {
      for (const { id } of items) this.#ids.delete(id);
    });
  }

  get size() {
    return this.#ids.size;
  }

  /** The selected images, in the order that they were added. */
  get items() {
    return this.#app.session.list.filter(({ id }) => this.#ids.has(id));
  }

  has(item) {
    return this.#ids.has(item.id);
  }

  toggle(item) {
    if (!this.#ids.delete(item.id)) this.#ids.add(item.id);
    this.#app.redraw();
  }

  add(items) {
    for (const { id } of items) this.#ids.add(id);
    this.#app.redraw();
  }

  clear() {
    this.#ids.clear();
    this.#app.redraw();
  }

  /** Labels images by hand; null takes such a label away. Of several images at once it can be undone. */
  label(items, label) {
    const before = items.map((item) => [item, item.corrected]);
    this.#correct(items.map((item) => [item, label ?? undefined]));
    if (items.length > 1)
      this.#app.notices.toast(label ? text.labeledByHand(items.length, label) : text.handLabelsRemoved(items.length), {
        label: text.undo,
        run: () => this.#correct(before),
      });
    else if (label) this.#app.announce(text.correctedTo(label));
  }

  /** @param {[import("../core/session.js").Item, string | undefined][]} labels by hand, of images that may be gone */
  #correct(labels) {
    const { session } = this.#app;
    for (const [item, label] of labels) {
      item.corrected = label;
      if (session.items.has(item.id)) session.touch(item);
    }
  }

  /**
   * Makes a label of example images: the direction in which they differ from the other images, beside the label's
   * text. Embeddings of images share a large part that tells nothing, which the difference takes out.
   */
  learn(name, items) {
    const examples = items.filter(({ embedding }) => embedding);
    if (!name || examples.length === 0) return;
    const others = this.#app.session.list.filter((item) => item.embedding && !examples.includes(item));
    const own = mean(examples.map(({ embedding }) => embedding));
    const rest = others.length ? mean(others.map(({ embedding }) => embedding)) : null;
    const vector = unit(rest ? own.map((value, i) => value - rest[i]) : own);
    const example = {
      model: examples[0].model,
      count: examples.length,
      vector: Array.from(vector, (value) => Number(value.toFixed(PLACES))),
    };
    const { labels } = this.#app.query;
    this.#app.labels.replace([...new Set([...labels, name])], text.learned(name, examples.length), { [name]: example });
  }

  /** The number of labels given by hand that the model agrees with, and of all. */
  accuracy() {
    const { session, classifier } = this.#app;
    const checked = session.list.filter((item) => item.corrected && item.ranked?.length);
    const right = checked.filter(
      (item) => item.labels[item.ranked[0].index] === item.corrected && classifier.verdict(item),
    );
    return { right: right.length, all: checked.length };
  }
}
