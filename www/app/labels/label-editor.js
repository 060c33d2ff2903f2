// Changes to the list of labels that can be undone, and a word about the last one.

import { text } from "../strings/index.js";
import { fromFile } from "./parse.js";

export class LabelEditor {
  /** A word for people about the last change. */
  message = "";
  #app;
  /** Labels and examples before the last change. */
  #before = null;
  /** The labels that the last change made: after another one there is nothing to undo. */
  #after = null;
  /** Set while the labels are edited as text, whose changes are undone together. */
  #asText = false;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  get canUndo() {
    return this.#before !== null && this.#app.query.labels === this.#after;
  }

  /** Puts other labels, and their examples, in place of those there are. */
  replace(labels, message, examples) {
    const { query } = this.#app;
    const before = { labels: query.labels, examples: query.settings.examples };
    query.change({ labels, examples: { ...before.examples, ...examples } });
    [this.#before, this.#after, this.#asText] = [before.labels.length > 0 ? before : null, query.labels, false];
    this.say(message ?? (this.#before ? text.labelsReplaced(before.labels.length) : ""));
  }

  /** Puts other words in place of one label; its examples stay with it. Several words are several labels, none removes it. */
  edit(label, words) {
    if (words.length === 0) return this.remove(label);
    const { labels, settings } = this.#app.query;
    const next = labels.flatMap((one) => (one === label ? words : [one]));
    if (next.join("\n") === labels.join("\n")) return;
    const examples = settings.examples[label];
    this.replace(next, text.labelEdited(label, words.join(", ")), examples && { [words[0]]: examples });
  }

  /** Takes the labels of a text that is being written; all its changes are undone together. */
  write(labels) {
    const { query } = this.#app;
    const before =
      this.#asText && this.canUndo ? this.#before : { labels: query.labels, examples: query.settings.examples };
    query.change({ labels });
    [this.#before, this.#after, this.#asText] = [before.labels.length > 0 ? before : null, query.labels, true];
    this.say(this.#before ? text.labelsEdited : "");
  }

  /** Says that the text is no longer edited. */
  endText() {
    this.#asText = false;
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
        const all = [...new Set([...this.#app.query.labels, ...labels])];
        this.replace(all, text.imported(labels.length, file.name));
      }
    }
  }
}
