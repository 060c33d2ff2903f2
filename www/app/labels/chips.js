// The labels as chips: typed, pasted, edited in place, removed, or edited all at once as text. One Tab stop:
// arrows move along the chips, Enter edits, Delete removes.

import { $, make, rove, setText, step } from "../dom.js";
import { text } from "../strings.js";
import { parse, write } from "./parse.js";

/** More chips than this help nobody; the rest is edited as text. */
const SHOWN = 120;
/** Pause after a keystroke in the text before it is asked, in milliseconds. */
const SETTLE = 250;

export class Chips {
  #question;
  #list = $("chips");
  #input = $("label-input");
  #area = $("labels");
  #settling;

  /** @param {import("../question.js").Question} question */
  constructor(question) {
    this.#question = question;
    question.addEventListener("asked", () => this.#draw());
    this.#input.addEventListener("keydown", (event) => this.#typed(event));
    this.#input.addEventListener("input", () => this.#input.value.includes(",") && this.#take());
    this.#input.addEventListener("paste", (event) => this.#pasted(event));
    $("label-add").addEventListener("click", () => (this.#take(), this.#input.focus()));
    this.#list.addEventListener("keydown", (event) => this.#keyed(event));
    this.#list.addEventListener("click", ({ target }) => this.#clicked(target));
    this.#area.addEventListener("input", () => {
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.#readText(), SETTLE);
    });
    // From now on what is asked elsewhere is drawn in the text too.
    this.#area.addEventListener("blur", () => this.#readText());
    $("labels-as-text").addEventListener("click", () => this.#showText($("labels-text").hidden));
    this.#draw();
  }

  #draw() {
    const { labels } = this.#question;
    const shown = labels.slice(0, SHOWN);
    const chips = shown.map((label) => this.#chip(label));
    this.#list.replaceChildren(...chips);
    this.#list.hidden = labels.length === 0;
    rove(this.#bodies(), this.#bodies()[0]);
    $("chips-more").hidden = labels.length <= SHOWN;
    setText($("chips-more"), text.moreLabels(labels.length - SHOWN));
    setText($("labels-count"), text.labelCount(labels.length));
    $("labels-clear").hidden = labels.length === 0;
    if (document.activeElement !== this.#area) this.#area.value = write(labels);
  }

  #chip(label) {
    const body = make("button.chip-body", { type: "button", title: text.editLabel(label) }, label);
    const remove = make("button.chip-remove", { type: "button", tabIndex: -1, "aria-label": text.removeLabel(label) }, "×");
    return make("li.chip", {}, body, remove);
  }

  #bodies() {
    return [...this.#list.querySelectorAll(".chip-body")];
  }

  // ---- adding ----

  #typed(event) {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.#take();
    } else if (event.key === "Backspace" && this.#input.value === "") {
      this.#bodies().at(-1)?.focus();
    }
  }

  #take() {
    const labels = parse(this.#input.value);
    this.#input.value = "";
    if (labels.length) this.#question.add(labels);
  }

  #pasted(event) {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    if (!/[,\n]/.test(pasted.trim())) return;
    event.preventDefault();
    event.stopPropagation();
    this.#question.add(parse(`${this.#input.value}${pasted}`));
    this.#input.value = "";
  }

  // ---- editing and removing ----

  #clicked(target) {
    const chip = target.closest(".chip");
    if (!chip) return;
    if (target.matches(".chip-remove")) this.#remove(this.#at(chip), false);
    else if (target.matches(".chip-body")) this.#edit(chip);
  }

  #at(chip) {
    return [...this.#list.children].indexOf(chip);
  }

  #keyed(event) {
    const { target } = event;
    if (!target.matches(".chip-body")) return;
    const bodies = this.#bodies();
    const here = bodies.indexOf(target);
    const to = { Home: 0, End: bodies.length - 1 }[event.key] ?? here + step(event);
    if (to !== here && bodies[to]) {
      event.preventDefault();
      rove(bodies, bodies[to]);
      bodies[to].focus();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.#remove(here, true);
    } else if (event.key === "F2") {
      event.preventDefault();
      this.#edit(target.closest(".chip"));
    }
  }

  #remove(index, keepFocus) {
    const { labels } = this.#question;
    this.#question.change({ labels: labels.filter((_, i) => i !== index) });
    if (!keepFocus) return;
    const bodies = this.#bodies();
    const next = bodies[Math.min(index, bodies.length - 1)] ?? this.#input;
    if (next !== this.#input) rove(bodies, next);
    next.focus();
  }

  /** Puts a field in the chip's place; Enter or leaving it takes the change, Escape does not. */
  #edit(chip) {
    const index = this.#at(chip);
    const before = this.#question.labels[index];
    const field = make("input.chip-edit", { type: "text", value: before, dir: "auto", "aria-label": text.editLabel(before) });
    field.size = Math.max(4, before.length);
    let over = false;
    const finish = (value, focus) => {
      if (over) return;
      over = true;
      const labels = this.#question.labels.flatMap((label, i) => (i === index ? parse(value) : [label]));
      this.#question.change({ labels });
      if (focus) (this.#bodies()[Math.min(index, labels.length - 1)] ?? this.#input).focus();
    };
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (!["Enter", "Escape"].includes(event.key) || event.isComposing) return;
      // Else the key would press the chip that now gets the focus.
      event.preventDefault();
      finish(event.key === "Enter" ? field.value : write([before]), true);
    });
    field.addEventListener("blur", () => finish(field.value, false));
    chip.replaceChildren(field);
    field.focus();
    field.select();
  }

  // ---- all at once ----

  #showText(visible) {
    if (!visible) this.#readText();
    $("labels-text").hidden = !visible;
    $("labels-chips").hidden = visible;
    setText($("labels-as-text"), visible ? text.asChips : text.asText);
    $("labels-as-text").setAttribute("aria-expanded", String(visible));
    (visible ? this.#area : this.#input).focus();
  }

  #readText() {
    clearTimeout(this.#settling);
    const labels = parse(this.#area.value);
    if (write(labels) !== write(this.#question.labels)) this.#question.change({ labels });
  }
}
