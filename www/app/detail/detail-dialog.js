// One picture large, which can be zoomed, with every label's bar and its label by hand.

import { rightToLeft, variables } from "../core/dom.js";
import { withoutName } from "../core/problems.js";
import { html, nothing, View } from "../core/view.js";
import { bars } from "../gallery/bars.js";
import { NO_PREVIEW, tagButtons } from "../gallery/card.js";
import { size, text } from "../strings/index.js";
import { MOST, Zoom } from "./zoom.js";

/** Bars shown; a list of thousands is for the exported file. */
const SHOWN = 200;
/** Suggested tags shown. */
const TAGS = 8;

export class DetailDialog extends View {
  #item = null;
  #address = null;
  #unreadable = false;
  #zoom = new Zoom(() => this.requestUpdate());

  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("open", ({ item }) => this.#open(item));
  }

  get #dialog() {
    return this.part("dialog");
  }

  render() {
    return html`<dialog id="detail" class="detail" aria-labelledby="detail-name" @close=${() => this.#closed()} @keydown=${(event) => this.#keyed(event)}>
      ${this.#item ? this.#content(this.#item) : html`<h2 id="detail-name"></h2>`}
    </dialog>`;
  }

  #content(item) {
    const { app } = this;
    const list = app.gallery.list();
    const ranked = item.embedding ? app.classifier.rank(item, SHOWN) : [];
    const { labels } = app.classifier;
    const rest = labels.length - ranked.length;
    const state =
      item.state === "failed"
        ? text.problem(withoutName(item.error))
        : ranked.length || item.state === "done"
          ? ""
          : text.queued;
    const tags = item.tags?.filter(({ word }) => !app.query.labels.includes(word)) ?? [];
    const noMatch = ranked.length > 0 && !item.corrected && app.classifier.isNoMatch(item);
    return html`
      <form method="dialog" class="dialog-head">
        <h2 id="detail-name" dir="auto">${item.name}</h2>
        <button class="plain">${text.close}</button>
      </form>
      <div class="detail-body">
        <div class="detail-picture">
          ${this.#frame(item)}
          <div class="detail-foot">
            <p id="detail-facts" class="quiet" dir="auto">${this.#facts(item)}</p>
            ${this.#unreadable ? nothing : this.#zoomButtons()}
          </div>
        </div>
        <div class="detail-side ${noMatch ? "unmatched" : ""}">
          <p id="detail-state" class="state" data-state=${item.state} ?hidden=${!state}>${state}</p>
          ${noMatch ? html`<p class="no-match">${text.noMatch}</p><p class="quiet">${text.noMatchWhy}</p>` : nothing}
          <ol id="detail-bars" class="ranks" tabindex="0" aria-label=${text.barsName}>
            ${bars(ranked, labels, app.classifier.scale)}
            ${ranked.length && rest > 0 ? html`<li class="rest">${text.moreBars(rest)}</li>` : nothing}
          </ol>
          ${tags.length > 0 ? html`<div @click=${(event) => this.#tag(event)}>${tagButtons({ ...item, tags }, TAGS, 0)}</div>` : nothing}
          ${this.#byHand(item)}
          <div class="tools-row">
            <button type="button" id="detail-similar" ?hidden=${!item.embedding} @click=${() => this.#similar(item)}>${text.findSimilarShort}</button>
            <button type="button" id="detail-previous" ?disabled=${list[0] === item} @click=${() => this.#go(-1)}>${text.previous}</button>
            <button type="button" id="detail-next" ?disabled=${list.at(-1) === item} @click=${() => this.#go(1)}>${text.next}</button>
          </div>
        </div>
      </div>`;
  }

  /** The picture in its frame, or a sign in its place. */
  #frame(item) {
    const zoom = this.#zoom;
    return html`
      <div class="zoom-frame ${zoom.zoomed ? "zoomed" : ""}" ?hidden=${this.#unreadable} ${variables({ "--zoom": zoom.scale, "--pan-x": `${zoom.x}px`, "--pan-y": `${zoom.y}px` })}
        @wheel=${(event) => zoom.turned(event)} @dblclick=${(event) => zoom.doubleClicked(event)} @pointerdown=${(event) => zoom.pressed(event)}
        @pointermove=${(event) => zoom.moved(event)} @pointerup=${(event) => zoom.released(event)} @pointercancel=${(event) => zoom.released(event)}>
        <img id="detail-image" src=${this.#address ?? nothing} alt="" draggable="false"
          @error=${() => this.#set({ unreadable: true })} @load=${({ target }) => item.original && Object.assign(item, { width: target.naturalWidth, height: target.naturalHeight })} />
      </div>
      ${this.#unreadable ? NO_PREVIEW : nothing}`;
  }

  /** Disabled ones keep the focus, so that the keyboard is not thrown out of the row. */
  #zoomButtons() {
    const { scale } = this.#zoom;
    return html`<div class="zoom-buttons">
      <button type="button" id="detail-zoom-out" class="small" aria-label=${text.zoomOut} title=${text.zoomOut} aria-disabled=${scale === 1} @click=${() => this.#zoomBy(-1)}>−</button>
      <output class="quiet" aria-live="polite">${Math.round(100 * scale)} %</output>
      <button type="button" id="detail-zoom-in" class="small" aria-label=${text.zoomIn} title=${text.zoomIn} aria-disabled=${scale === MOST} @click=${() => this.#zoomBy(1)}>+</button>
    </div>`;
  }

  #zoomBy(direction) {
    this.#zoom.step(direction, this.part(".zoom-frame").getBoundingClientRect());
  }

  #byHand(item) {
    const { query, selection } = this.app;
    if (query.labels.length === 0 && !item.corrected) return nothing;
    const labels = [...new Set([...query.labels.slice(0, SHOWN), ...(item.corrected ? [item.corrected] : [])])];
    return html`<div class="field">
      <label for="detail-label">${text.setLabelOf}</label>
      <select id="detail-label" @change=${({ target }) => selection.label([item], labels[target.selectedIndex - 1] ?? null)}>
        <option .selected=${!item.corrected}>${item.corrected ? text.noHandLabel : text.chooseLabel}</option>
        ${labels.map((label) => html`<option .selected=${label === item.corrected}>${label}</option>`)}
      </select>
    </div>`;
  }

  #facts({ path, name, width, height, size: bytes, original }) {
    const parts = [
      path === name ? "" : path,
      width ? `${width} × ${height}` : "",
      size(bytes),
      original ? "" : text.noOriginal,
    ];
    return text.detailFacts(parts.filter(Boolean));
  }

  #set({ unreadable }) {
    this.#unreadable = unreadable;
    this.requestUpdate();
  }

  #show(item) {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#item = item;
    this.#address = URL.createObjectURL(item.blob);
    this.#zoom.reset();
    this.#set({ unreadable: false });
  }

  #open(item) {
    this.#show(item);
    this.drawNow();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #tag({ target }) {
    if (target.dataset.word) this.app.query.add([target.dataset.word]);
  }

  #similar(item) {
    this.#dialog.close();
    this.app.search.similar(item);
  }

  #go(by) {
    const list = this.app.gallery.list();
    const next = list[list.indexOf(this.#item) + by];
    if (next) this.#show(next);
  }

  #keyed(event) {
    if (event.target.closest("ol, select")) return;
    const forward = rightToLeft(event.currentTarget) ? -1 : 1;
    const by = { ArrowRight: forward, ArrowLeft: -forward }[event.key];
    if (by) return this.#go(by);
    const zoomed = { "+": 1, "-": -1 }[event.key];
    if (zoomed && !this.#unreadable) return this.#zoomBy(zoomed);
    const label = this.app.query.labels[Number(event.key) - 1];
    if (/^[0-9]$/.test(event.key) && (label || event.key === "0"))
      this.app.selection.label([this.#item], event.key === "0" ? null : label);
  }

  #closed() {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = null;
    const item = this.#item;
    this.#item = null;
    this.requestUpdate();
    this.app.emit("closed", { item });
  }
}
customElements.define("cl-detail-dialog", DetailDialog);
