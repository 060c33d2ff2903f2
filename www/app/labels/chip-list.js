// The labels as chips with a field to add more: typed, pasted, edited in place or removed. One Tab stop for the chips:
// arrows move along them, Enter edits, Delete removes.

import { repeat } from "lit/directives/repeat.js";
import { rove, step } from "../core/dom.js";
import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";
import { parse } from "./parse.js";

/** More chips than this help nobody; the rest is edited as text. */
const SHOWN = 120;

export class ChipList extends View {
  /** Index of the label being edited in place, or null. */
  #editing = null;

  render() {
    const { labels, settings } = this.app.query;
    const rest = labels.length - SHOWN;
    return html`
      <div class="chip-box">
        <ul id="chips" class="chips" role="list" aria-label=${text.chipsName} ?hidden=${labels.length === 0}
          @keydown=${(event) => this.#keyed(event)}>
          ${repeat(
            labels.slice(0, SHOWN),
            (label) => label,
            (label, i) =>
              i === this.#editing ? this.#field(label, i) : this.#chip(label, i, settings.examples[label]),
          )}
        </ul>
        ${rest > 0 ? html`<p id="chips-more" class="quiet">${text.moreLabels(rest)}</p>` : nothing}
        <div class="chip-add">
          <input id="label-input" type="text" dir="auto" spellcheck="false" autocomplete="off" autocapitalize="off" enterkeyhint="done"
            placeholder=${text.labelPlaceholder} aria-describedby="labels-help"
            @keydown=${(event) => this.#typed(event)} @input=${({ target }) => target.value.includes(",") && this.#take()}
            @paste=${(event) => this.#pasted(event)} />
          <button type="button" id="label-add" class="plain" aria-label=${text.labelAdd} @click=${() => this.#add()}>+</button>
        </div>
      </div>`;
  }

  #chip(label, index, examples) {
    const title = examples ? text.hasExamples(label, examples.count) : text.editLabel(label);
    return html`<li class="chip ${examples ? "learned" : ""}">
      <button class="chip-body" type="button" title=${title} @click=${() => this.#edit(index)}>${label}</button>
      <button class="chip-remove" type="button" tabindex="-1" aria-label=${text.removeLabel(label)} @click=${() => this.app.labels.remove(label)}>×</button>
    </li>`;
  }

  /** The field in a chip's place; Enter or leaving it takes the change, Escape does not. */
  #field(label, index) {
    const keyed = (event) => {
      event.stopPropagation();
      if (!["Enter", "Escape"].includes(event.key) || event.isComposing) return;
      // Else the key would press the chip that now gets the focus.
      event.preventDefault();
      this.#finish(event.key === "Enter" ? event.target.value : null, index, true);
    };
    return html`<li class="chip">
      <input class="chip-edit" type="text" .value=${label} dir="auto" aria-label=${text.editLabel(label)} size=${Math.max(4, label.length)}
        @keydown=${keyed} @blur=${({ target }) => this.#finish(target.value, index, false)} />
    </li>`;
  }

  updated() {
    const bodies = this.#bodies;
    if (!bodies.some(({ tabIndex }, i) => tabIndex === 0 && i > 0)) rove(bodies, bodies[0]);
  }

  get #input() {
    return this.part("#label-input");
  }

  get #bodies() {
    return [...this.querySelectorAll(".chip-body")];
  }

  #focus(index) {
    this.drawNow();
    const bodies = this.#bodies;
    const next = bodies[Math.min(index, bodies.length - 1)];
    if (next) rove(bodies, next);
    (next ?? this.#input).focus();
  }

  // ---- adding ----

  #typed(event) {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.#take();
    } else if (event.key === "Backspace" && this.#input.value === "") {
      this.#bodies.at(-1)?.focus();
    }
  }

  #add() {
    this.#take();
    this.#input.focus();
  }

  #take() {
    const labels = parse(this.#input.value);
    this.#input.value = "";
    if (labels.length) this.app.query.add(labels);
  }

  #pasted(event) {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    if (!/[,\n]/.test(pasted.trim())) return;
    event.preventDefault();
    event.stopPropagation();
    this.app.query.add(parse(`${this.#input.value}${pasted}`));
    this.#input.value = "";
  }

  // ---- editing and removing ----

  #keyed(event) {
    const { target } = event;
    if (!target.matches(".chip-body")) return;
    const bodies = this.#bodies;
    const here = bodies.indexOf(target);
    const to = { Home: 0, End: bodies.length - 1 }[event.key] ?? here + step(event);
    if (to !== here && bodies[to]) {
      event.preventDefault();
      rove(bodies, bodies[to]);
      bodies[to].focus();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.app.labels.remove(this.app.query.labels[here]);
      this.#focus(here);
    } else if (event.key === "F2") {
      event.preventDefault();
      this.#edit(here);
    }
  }

  #edit(index) {
    this.#editing = index;
    this.drawNow();
    this.part(".chip-edit")?.select();
  }

  /** Takes the edited words, or none where `value` is null. */
  #finish(value, index, focus) {
    if (this.#editing !== index) return;
    this.#editing = null;
    if (value !== null) this.app.labels.edit(this.app.query.labels[index], parse(value));
    if (focus) this.#focus(index);
    else this.requestUpdate();
  }
}
customElements.define("cl-chip-list", ChipList);
