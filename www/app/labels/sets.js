// Label sets: presets, sets that the person named and keeps, and lists from files.

import { $, make } from "../dom.js";
import { followed, recall, remember } from "../store.js";
import { text } from "../strings.js";
import { PRESETS } from "../data/presets.js";
import { fromFile } from "./parse.js";

const KEPT = "label-sets";

/** The sets that are remembered, of this tab and others. */
const kept = () => Object.fromEntries(Object.entries(recall(KEPT, {})).filter(([, labels]) => Array.isArray(labels)));

export class Sets {
  #question;
  #notify;
  #announce;
  /** Named sets: labels by name. */
  #sets = kept();
  /** The labels that others took the place of. */
  #before = [];

  /**
   * @param {import("../question.js").Question} question
   * @param {(message: string) => void} notify what went wrong
   * @param {(message: string) => void} announce what was done
   */
  constructor(question, notify, announce) {
    this.#question = question;
    this.#notify = notify;
    this.#announce = (words) => {
      $("labels-undo").hidden = true;
      announce(words);
    };
    $("labels-clear").addEventListener("click", () => {
      this.#replace([]);
      $("label-input").focus();
    });
    $("labels-undo").addEventListener("click", () => {
      question.change({ labels: this.#before });
      this.#announce("");
      this.#offer("");
      $("label-input").focus();
    });
    const select = $("label-set");
    select.addEventListener("change", () => this.#use(select.value));
    $("set-save").addEventListener("click", () => this.#ask());
    $("set-form").addEventListener("submit", (event) => {
      if (event.submitter?.value === "save") this.#save($("set-name").value.trim());
    });
    $("set-remove").addEventListener("click", () => this.#remove(select.value));
    $("labels-import").addEventListener("click", () => $("labels-file").click());
    $("labels-file").addEventListener("change", async ({ target }) => {
      const files = [...target.files];
      target.value = "";
      await this.importFiles(files);
    });
    followed(KEPT, () => {
      this.#sets = kept();
      this.#offer(select.value);
    });
    this.#offer("");
  }

  /** Adds the labels of text, CSV or JSON files. */
  async importFiles(files) {
    for (const file of files) {
      const labels = await fromFile(file).catch(() => []);
      if (labels.length === 0) this.#notify(text.noLabelsIn(file.name));
      else {
        this.#question.add(labels);
        this.#announce(text.imported(labels.length, file.name));
      }
    }
  }

  #offer(chosen) {
    const option = (value, label) => make("option", { value, selected: value === chosen }, label);
    const group = (label, options) => make("optgroup", { label }, ...options);
    const own = Object.keys(this.#sets).sort((a, b) => a.localeCompare(b));
    const presets = Object.keys(PRESETS).map((key) => option(`preset:${key}`, text.presets[key]));
    const groups = [group(text.presetSets, presets)];
    if (own.length) groups.unshift(group(text.ownSets, own.map((name) => option(`own:${name}`, name))));
    $("label-set").replaceChildren(option("", text.chooseSet), ...groups);
    $("set-remove").hidden = !chosen.startsWith("own:");
  }

  #use(value) {
    $("set-remove").hidden = !value.startsWith("own:");
    const [, kind, name] = /^(\w+):(.*)$/s.exec(value) ?? [];
    const labels = kind === "own" ? this.#sets[name] : PRESETS[name];
    if (labels) this.#replace(labels);
  }

  /** Puts other labels in the place of those there are, which can be brought back. */
  #replace(labels) {
    this.#before = this.#question.labels;
    this.#question.change({ labels });
    if (this.#before.length === 0) return;
    this.#announce(text.replaced(this.#before.length));
    $("labels-undo").hidden = false;
  }

  #ask() {
    const { value } = $("label-set");
    $("set-name").value = value.startsWith("own:") ? value.slice(4) : "";
    $("set-dialog").showModal();
  }

  #save(name) {
    if (!name) return;
    this.#sets = { ...this.#sets, [name]: this.#question.labels };
    if (remember(KEPT, this.#sets)) this.#announce(text.setSaved(name));
    else this.#notify(text.setNotKept(name));
    this.#offer(`own:${name}`);
  }

  #remove(value) {
    const { [value.slice(4)]: removed, ...rest } = this.#sets;
    this.#sets = rest;
    remember(KEPT, rest);
    this.#offer("");
    $("label-set").focus();
  }
}
