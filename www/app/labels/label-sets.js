// Label sets: ready-made ones, and sets that the person named, with the examples of their labels.

import { followed, recall, remember } from "../core/storage.js";
import { text } from "../strings/index.js";
import { PRESETS } from "./presets.js";

const REMEMBERED = "label-sets";

/** Sets by name, of this tab and others; earlier versions remembered the bare list of labels. */
const remembered = () =>
  Object.fromEntries(
    Object.entries(recall(REMEMBERED, {}))
      .map(([name, set]) => [name, Array.isArray(set) ? { labels: set, examples: {} } : set])
      .filter(([, set]) => Array.isArray(set?.labels)),
  );

export class LabelSets {
  #app;
  #sets = remembered();
  /** The chosen set: "own:NAME", "preset:KEY" or "". */
  chosen = "";

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
    followed(REMEMBERED, () => {
      this.#sets = remembered();
      app.redraw();
    });
  }

  get names() {
    return Object.keys(this.#sets).sort((a, b) => a.localeCompare(b));
  }

  get presets() {
    return Object.keys(PRESETS);
  }

  /** Name of the chosen set, where it is one of the person's own. */
  get chosenName() {
    return this.chosen.startsWith("own:") ? this.chosen.slice(4) : "";
  }

  use(value) {
    this.chosen = value;
    const [, kind, name] = /^(\w+):(.*)$/s.exec(value) ?? [];
    const set = kind === "own" ? this.#sets[name] : kind && { labels: PRESETS[name] };
    if (set) this.#app.labels.replace(set.labels, undefined, set.examples);
    else this.#app.redraw();
  }

  save(name) {
    if (!name) return;
    const { labels, examples } = this.#app.query.settings;
    const own = Object.fromEntries(labels.filter((label) => examples[label]).map((label) => [label, examples[label]]));
    const before = this.#sets[name];
    if (this.#put(name, { labels, examples: own })) this.#app.labels.inform(text.setSaved(name));
    else this.#app.notices.add(text.setNotSaved(name));
    if (before) this.#offerUndo(text.setReplaced(name), name, before);
  }

  /** Deletes the chosen set of the person's own, which can be undone. */
  remove() {
    const name = this.chosenName;
    const { [name]: before, ...rest } = this.#sets;
    this.#sets = rest;
    this.chosen = "";
    remember(REMEMBERED, rest);
    this.#offerUndo(text.setDeleted(name), name, before);
  }

  /** Stores a set and chooses it; false where the browser stores nothing. */
  #put(name, set) {
    this.#sets = { ...this.#sets, [name]: set };
    this.chosen = `own:${name}`;
    this.#app.redraw();
    return remember(REMEMBERED, this.#sets);
  }

  #offerUndo(message, name, before) {
    this.#app.notices.toast(message, { label: text.undo, run: () => this.#put(name, before) });
  }
}
