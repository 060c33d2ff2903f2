// Changes to the list of labels that can be undone, and a word about the last one.

import { text } from "../strings/index.js";
import { fromFile } from "./parse.js";

export class LabelEditor {
  /** A word for people about the last change. */
  message = "";
  #app;
  #before = null;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  get canUndo() {
    return this.#before !== null;
  }

  /** Puts other labels, and their examples, in place of those there are. */
  replace(labels, message, examples) {
    const { settings } = this.#app.query;
    this.#before = { labels: settings.labels, examples: settings.examples };
    this.#app.query.change({ labels, examples: { ...settings.examples, ...examples } });
    if (this.#before.labels.length === 0) this.#before = null;
    this.say(this.#before ? (message ?? text.labelsReplaced(this.#before.labels.length)) : "");
  }

  remove(label) {
    this.replace(
      this.#app.query.labels.filter((one) => one !== label),
      text.labelRemoved(label),
    );
  }

  undo() {
    const before = this.#before;
    this.#before = null;
    this.say("");
    if (before) this.#app.query.change(before);
  }

  /** Says something that cannot be undone. */
  inform(message) {
    this.#before = null;
    this.say(message);
  }

  say(message) {
    this.message = message;
    this.#app.redraw();
  }

  /** Adds the labels of text, CSV or JSON files. */
  async importFiles(files) {
    for (const file of files) {
      const labels = await fromFile(file).catch(() => []);
      if (labels.length === 0) this.#app.notices.add(text.noLabelsIn(file.name));
      else {
        this.#app.query.add(labels);
        this.inform(text.imported(labels.length, file.name));
      }
    }
  }
}
