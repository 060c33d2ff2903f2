// The templates that make a prompt of a label, with what CLIP will read shown as they change: one, several
// of one's own, or the ensembles published with CLIP.

import { $, setText } from "../dom.js";
import { ENSEMBLES } from "../question.js";
import { text } from "../strings.js";
import { DEFAULT_TEMPLATE } from "../../cliplet/index.js";

/** Pause after a keystroke before the new template is asked, in milliseconds. */
const SETTLE = 250;

export class Templates {
  #question;
  /** The pause after a keystroke, while it lasts. */
  #settling = null;

  /** @param {import("../question.js").Question} question */
  constructor(question) {
    this.#question = question;
    const { kind, template, own } = question.asked;
    $("template").value = template;
    $("templates-own").value = own.join("\n");
    $("template-kind").value = kind;
    for (const id of ["template", "templates-own"]) {
      $(id).addEventListener("input", () => {
        clearTimeout(this.#settling);
        this.#settling = setTimeout(() => this.#ask(), SETTLE);
        this.#preview();
      });
    }
    // Whoever goes on elsewhere means what is written, however soon. Not when the field is left: what then moves,
    // between a press and its release, would lose the click.
    document.addEventListener("click", () => this.#settling !== null && this.#ask(), { capture: true });
    $("template-kind").addEventListener("change", () => this.#ask());
    question.addEventListener("asked", () => this.#follow());
    this.#preview();
  }

  /** What is written in the fields, and whether every template has its place for the label. */
  #written() {
    const kind = $("template-kind").value;
    const template = $("template").value.trim() || DEFAULT_TEMPLATE;
    const lines = $("templates-own").value.split("\n").map((line) => line.trim());
    const own = [...new Set(lines.filter(Boolean))];
    const used = { one: [template], own }[kind];
    return { kind, template, own, wrong: used?.find((one) => !one.includes("{}")) };
  }

  #ask() {
    clearTimeout(this.#settling);
    this.#settling = null;
    const { wrong, ...written } = this.#written();
    this.#preview();
    const usable = !wrong && (written.kind !== "own" || written.own.length > 0);
    const { asked } = this.#question;
    if (usable && Object.keys(written).some((key) => JSON.stringify(written[key]) !== JSON.stringify(asked[key]))) this.#question.change(written);
  }

  /** Takes over what came from elsewhere, such as a link; what is just being written is not touched. */
  #follow() {
    const { kind, template, own } = this.#question.asked;
    const written = this.#written();
    if (this.#settling === null && !written.wrong) {
      if (written.template !== template) $("template").value = template;
      if (JSON.stringify(written.own) !== JSON.stringify(own)) $("templates-own").value = own.join("\n");
      $("template-kind").value = kind;
    }
    this.#preview();
  }

  #preview() {
    const { kind, template, own, wrong } = this.#written();
    const used = { one: [template], own }[kind] ?? ENSEMBLES[kind];
    const field = kind === "own" ? "templates-own" : "template";
    $("template-field").hidden = kind !== "one";
    $("templates-own-field").hidden = kind !== "own";
    for (const id of ["template", "templates-own"]) $(id).setAttribute("aria-invalid", String(id === field && Boolean(wrong)));
    $("template-help").classList.toggle("wrong", Boolean(wrong));
    const label = this.#question.labels[0] ?? "…";
    const prompt = (used[0] ?? DEFAULT_TEMPLATE).replaceAll("{}", () => label);
    setText($("template-help"), wrong ? text.templateWrong : text.templatePreview(prompt, used.length));
    $("templates-list").hidden = kind === "one" || kind === "own";
    setText($("templates-lines"), kind in text.ensembleNames ? used.join("\n") : "");
  }
}
