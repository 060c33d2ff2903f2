// A map of the pictures: similar ones lie near each other. The plane of the embeddings' two principal components, each
// picture a small button at its place. One Tab stop: arrows go to the nearest that way.

import { repeat } from "lit/directives/repeat.js";
import { rightToLeft, rove, step, variables } from "../core/dom.js";
import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";
import { plane } from "./pca.js";

/** More than this on one plane only hide each other. */
const MOST = 600;
/** While the queue runs, the map is computed anew at this pace, in milliseconds. */
const COMPUTE_EVERY = 2000;
const ZOOMS = [1, 1.5, 2, 3, 4, 6];

export class MapView extends View {
  #run = 0;
  #key = "";
  #computedAt = -Infinity;
  /** @type {{item: import("../core/session.js").Item, x: number, y: number}[]} */
  #points = [];
  #zoom = 0;

  connectedCallback() {
    super.connectedCallback();
    this.app.thumbnails.addEventListener("ready", () => this.#visible && this.requestUpdate());
  }

  get #visible() {
    return this.app.gallery.view === "map";
  }

  render() {
    const visible = this.#visible;
    const embedded = visible ? this.app.gallery.list().filter(({ embedding }) => embedding) : [];
    const chosen = embedded.slice(0, MOST);
    if (visible) this.#compute(chosen);
    const enough = chosen.length >= 3;
    const { items } = this.app.session;
    const points = visible && enough ? this.#points.filter(({ item }) => items.has(item.id)) : [];
    return html`<div id="view-map" role="tabpanel" aria-labelledby="tab-map" ?hidden=${!visible}>
      <div class="map-head">
        <p id="map-note" class="quiet">${enough ? text.mapNote(chosen.length, embedded.length) : text.mapNeeds}</p>
        <button type="button" id="map-out" class="small" aria-disabled=${this.#zoom === 0} @click=${() => this.#zoomBy(-1)}>${text.zoomOut}</button>
        <button type="button" id="map-in" class="small" aria-disabled=${this.#zoom === ZOOMS.length - 1} @click=${() => this.#zoomBy(1)}>${text.zoomIn}</button>
      </div>
      <div class="map-frame" tabindex="0" role="group" aria-label=${text.mapName}>
        <ul id="map-plane" class="map-plane" role="list" aria-label=${text.mapName} ${variables({ "--zoom": ZOOMS[this.#zoom] })} @keydown=${(event) => this.#keyed(event)}>
          ${repeat(
            points,
            ({ item }) => item.id,
            (point) => this.#point(point),
          )}
        </ul>
      </div>
    </div>`;
  }

  #point({ item, x, y }) {
    const label = this.app.classifier.labelOf(item);
    const name = label ? text.pointOf(item.name, label) : item.name;
    return html`<li><button type="button" class="point" title=${name} aria-label=${name} ${variables({ "--x": x, "--y": y })} @click=${() => this.app.emit("open", { item })}>
      <img src=${this.app.thumbnails.url(item) ?? nothing} alt="" width="48" height="48" />
    </button></li>`;
  }

  updated() {
    const buttons = this.#buttons;
    if (buttons.length && buttons.filter(({ tabIndex }) => tabIndex === 0).length !== 1) rove(buttons, buttons[0]);
  }

  get #buttons() {
    return [...this.querySelectorAll(".point")];
  }

  /** Computes the places of these images, where they or their embeddings changed. */
  async #compute(chosen) {
    const key = chosen.map(({ id, model }) => `${id} ${model}`).join();
    if (key === this.#key || chosen.length < 3) return;
    if (this.app.session.open > 0 && performance.now() < this.#computedAt + COMPUTE_EVERY) return;
    this.#key = key;
    this.#computedAt = performance.now();
    this.#run += 1;
    const run = this.#run;
    const points = await plane(
      chosen.map(({ embedding }) => embedding),
      () => run !== this.#run,
    );
    if (!points || run !== this.#run) return;
    const [x, y] = [0, 1].map((axis) => spread(points.map((point) => point[axis])));
    this.#points = chosen.map((item, i) => ({ item, x: x[i], y: y[i] }));
    this.requestUpdate();
  }

  #zoomBy(by) {
    this.#zoom = Math.min(ZOOMS.length - 1, Math.max(0, this.#zoom + by));
    this.requestUpdate();
  }

  #keyed(event) {
    const way = { ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [
      step(event) * (rightToLeft(event.currentTarget) ? -1 : 1),
      0,
    ];
    if (!event.target.matches(".point") || (way[0] === 0 && way[1] === 0)) return;
    event.preventDefault();
    const next = nearest(event.target, this.#buttons, way);
    if (!next) return;
    rove(this.#buttons, next);
    next.focus();
  }
}
customElements.define("cl-map", MapView);

/** The button nearest to another one in a direction; what lies aside counts double. */
function nearest(from, buttons, way) {
  const start = middle(from);
  let best = null;
  for (const button of buttons) {
    const [x, y] = middle(button).map((value, axis) => value - start[axis]);
    const ahead = x * way[0] + y * way[1];
    const aside = Math.abs(x * way[1]) + Math.abs(y * way[0]);
    if (ahead <= 0.5) continue;
    const cost = ahead + 2 * aside;
    if (!best || cost < best.cost) best = { button, cost };
  }
  return best?.button;
}

function middle(element) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}

/** Values moved and scaled into 0..1. */
function spread(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return values.map((value) => (high > low ? (value - low) / (high - low) : 0.5));
}
