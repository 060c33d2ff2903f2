// Draws one card a picture: thumbnail, name, ranked labels with bars, or what went wrong.

import { percent, text } from "./strings.js";

/** Labels shown in a card before the rest are folded away. */
const SHOWN = 6;

export class Gallery {
  #list;
  #template;
  #cards = new Map();
  #onRemove;

  /**
   * @param {HTMLUListElement} list
   * @param {HTMLTemplateElement} template
   * @param {(id: number) => void} onRemove
   */
  constructor(list, template, onRemove) {
    this.#list = list;
    this.#template = template;
    this.#onRemove = onRemove;
  }

  add(picture) {
    const card = this.#template.content.firstElementChild.cloneNode(true);
    const image = card.querySelector("img");
    const address = URL.createObjectURL(picture.blob);
    image.src = address;
    image.onerror = () => card.classList.add("no-preview");
    card.querySelector("figcaption").textContent = picture.name;
    card.querySelector("figcaption").title = picture.name;
    const remove = card.querySelector(".remove");
    remove.textContent = "×";
    remove.setAttribute("aria-label", text.remove(picture.name));
    remove.title = text.remove(picture.name);
    remove.onclick = () => this.#onRemove(picture.id);
    this.#cards.set(picture.id, { card, address });
    this.#list.append(card);
  }

  remove(id) {
    const { card, address } = this.#cards.get(id);
    const next = card.nextElementSibling ?? card.previousElementSibling;
    const focused = card.contains(document.activeElement);
    URL.revokeObjectURL(address);
    card.remove();
    this.#cards.delete(id);
    if (focused) next?.querySelector(".remove").focus();
  }

  /** Shows a picture as it now stands. */
  update(picture, { ready, asked }) {
    const found = this.#cards.get(picture.id);
    if (!found) return;
    const { card } = found;
    card.dataset.state = picture.state;
    card.setAttribute("aria-busy", String(picture.state === "working"));
    card.querySelector(".state").textContent = this.#state(picture, ready, asked);
    const ranks = picture.state === "failed" ? [] : (picture.ranks ?? []);
    const rows = ranks.slice(0, SHOWN).map(row);
    card.querySelector(".ranks").replaceChildren(...rows);
  }

  #state(picture, ready, asked) {
    if (picture.state === "failed") return picture.problem;
    if (picture.state === "queued") return ready ? text.queued : text.waiting;
    if (picture.state === "working") return text.working;
    return asked ? "" : text.noLabels;
  }
}

/** One label with its bar and percentage. */
function row({ label, score }) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const value = document.createElement("span");
  name.className = "label";
  name.textContent = label;
  name.title = label;
  value.className = "score";
  value.textContent = percent(score);
  item.append(name, value);
  item.style.setProperty("--score", String(score));
  return item;
}
