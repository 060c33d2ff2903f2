// A map of the pictures: like ones lie near each other. The plane of the embeddings' two principal
// components, each picture a small button at its place. One Tab stop: arrows go to the nearest that way.

import { $, make, rove, setText, step } from "../dom.js";
import { inSlices } from "../slices.js";
import { text } from "../strings.js";
import { plane } from "./pca.js";

/** More than this on one plane only hide each other. */
const MOST = 600;
/** While pictures are still being looked at, the map is drawn anew at this pace, in milliseconds. */
const DRAW_EVERY = 2000;
const ZOOMS = [1, 1.5, 2, 3, 4, 6];

export class PictureMap {
  #box = $("map-plane");
  #context;
  #run = 0;
  #drawn = "";
  #drawnAt = -Infinity;
  /** The buttons on the plane, by picture. */
  #buttons = new Map();
  #zoom = 0;
  #addresses = [];

  /** @param {object} context `session`, `thumbs`, `question` and `act(action, picture)` */
  constructor(context) {
    this.#context = context;
    $("map-in").addEventListener("click", () => this.#zoomBy(1));
    $("map-out").addEventListener("click", () => this.#zoomBy(-1));
    this.#box.addEventListener("keydown", (event) => this.#keyed(event));
    this.#zoomBy(0);
  }

  /** Draws these pictures, where anything changed. */
  async show(pictures) {
    const embedded = pictures.filter(({ embedding }) => embedding);
    const chosen = embedded.slice(0, MOST);
    setText($("map-note"), chosen.length < 3 ? text.mapNeeds : text.mapNote(chosen.length, embedded.length));
    const key = chosen.map(({ id }) => id).join();
    if (key === this.#drawn) return this.#name();
    if (this.#context.session.open > 0 && performance.now() < this.#drawnAt + DRAW_EVERY) return;
    this.#drawn = key;
    this.#drawnAt = performance.now();
    const run = (this.#run += 1);
    const stale = () => run !== this.#run;
    if (chosen.length < 3) return this.#clear();
    const points = await plane(chosen.map(({ embedding }) => embedding), stale);
    if (!points || stale()) return;
    this.#clear();
    const places = [0, 1].map((axis) => spread(points.map((point) => point[axis])));
    const pairs = chosen.map((picture, i) => ({ picture, x: places[0][i], y: places[1][i] }));
    await inSlices(pairs, (pair) => this.#box.append(this.#point(pair)), stale);
    if (stale()) return;
    this.#name();
    rove(this.#points(), this.#points()[0]);
  }

  /** Draws again when next shown: another model has another map. */
  forget() {
    this.#drawn = "";
  }

  #clear() {
    this.#addresses.forEach((address) => URL.revokeObjectURL(address));
    this.#addresses = [];
    this.#buttons.clear();
    this.#box.replaceChildren();
  }

  /** Says of every point which picture it is and what its best label is. */
  #name() {
    for (const [picture, button] of this.#buttons) {
      const best = this.#context.question.best(picture);
      const name = best ? text.pointOf(picture.name, best) : picture.name;
      if (button.title === name) continue;
      button.title = name;
      button.setAttribute("aria-label", name);
    }
  }

  #points() {
    return [...this.#box.querySelectorAll("button")];
  }

  #point({ picture, x, y }) {
    const image = make("img", { alt: "", width: 48, height: 48 });
    const button = make("button.point", { type: "button", tabIndex: -1 }, image);
    this.#buttons.set(picture, button);
    button.style.setProperty("--x", String(x));
    button.style.setProperty("--y", String(y));
    button.addEventListener("click", () => this.#context.act("open", picture));
    this.#context.thumbs.get(picture).then((thumb) => {
      if (!thumb || !button.isConnected) return;
      const address = URL.createObjectURL(thumb);
      this.#addresses.push(address);
      image.src = address;
    });
    return make("li", {}, button);
  }

  #zoomBy(by) {
    this.#zoom = Math.min(ZOOMS.length - 1, Math.max(0, this.#zoom + by));
    this.#box.style.setProperty("--zoom", String(ZOOMS[this.#zoom]));
    // A disabled button would lose the focus that pressed it.
    $("map-in").setAttribute("aria-disabled", String(this.#zoom === ZOOMS.length - 1));
    $("map-out").setAttribute("aria-disabled", String(this.#zoom === 0));
  }

  #keyed(event) {
    const way = { ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [step(event) * (rightToLeft(this.#box) ? -1 : 1), 0];
    if (!event.target.matches(".point") || (way[0] === 0 && way[1] === 0)) return;
    event.preventDefault();
    const from = middle(event.target);
    let best = null;
    for (const point of this.#points()) {
      const [x, y] = middle(point).map((value, axis) => value - from[axis]);
      const ahead = x * way[0] + y * way[1];
      const aside = Math.abs(x * way[1]) + Math.abs(y * way[0]);
      if (ahead <= 0.5) continue;
      const cost = ahead + 2 * aside;
      if (!best || cost < best.cost) best = { point, cost };
    }
    if (!best) return;
    rove(this.#points(), best.point);
    best.point.focus();
  }
}

const rightToLeft = (element) => getComputedStyle(element).direction === "rtl";

function middle(element) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}

/** Values moved and scaled into 0..1. */
function spread(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return values.map((value) => (high > low ? (value - low) / (high - low) : 0.5));
}
