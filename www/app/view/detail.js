// One picture large, with every label's bar.

import { $, make, setText } from "../dom.js";
import { size, text } from "../strings.js";
import { bars, fullOf } from "./bars.js";

/** Bars shown; a list of thousands is for the exported file. */
const SHOWN = 200;

export class Detail {
  #context;
  #picture = null;
  #address = null;

  /** @param {object} context `judge`, `question`, `shelf`, `session`, `thumbs` and `act(action, picture)` */
  constructor(context) {
    this.#context = context;
    const dialog = $("detail");
    dialog.addEventListener("close", () => this.#closed());
    dialog.addEventListener("keydown", (event) => this.#keyed(event));
    $("detail-previous").addEventListener("click", () => this.#go(-1));
    $("detail-next").addEventListener("click", () => this.#go(1));
    $("detail-like").addEventListener("click", () => (dialog.close(), context.act("like", this.#picture)));
  }

  open(picture) {
    this.#show(picture);
    if (!$("detail").open) $("detail").showModal();
  }

  /** Draws again where the picture shown is this one. */
  update(picture) {
    if ($("detail").open && (!picture || picture === this.#picture)) this.#draw();
  }

  #show(picture) {
    this.#release();
    this.#picture = picture;
    this.#address = URL.createObjectURL(picture.blob);
    const image = $("detail-image");
    image.src = this.#address;
    image.alt = "";
    image.hidden = false;
    image.onerror = () => (image.hidden = true);
    image.onload = () => setText($("detail-facts"), this.#facts(`${image.naturalWidth} × ${image.naturalHeight}`));
    this.#draw();
  }

  #facts(pixels) {
    const { path, name, blob } = this.#picture;
    return [path === name ? "" : path, pixels, size(blob.size)].filter(Boolean).join(" · ");
  }

  #draw() {
    const { judge, question, shelf } = this.#context;
    const picture = this.#picture;
    setText($("detail-name"), picture.name);
    setText($("detail-facts"), this.#facts(picture.width ? `${picture.width} × ${picture.height}` : ""));
    const { score } = question.asked;
    const places = picture.embedding ? judge.places(picture, Math.max(SHOWN, 10)) : [];
    const rejected = places.length > 0 && question.verdict(picture) === null;
    $("detail-bars").replaceChildren(...bars(places, judge.labels, score, rejected, fullOf(places, score)));
    const rest = judge.labels.length - places.length;
    if (places.length && rest > 0) $("detail-bars").append(make("li.rest", {}, text.moreBars(rest)));
    setText($("detail-state"), picture.state === "failed" ? picture.problem : places.length || picture.state === "done" ? "" : text.queued);
    $("detail-like").hidden = !picture.embedding;
    const list = shelf.list();
    $("detail-previous").disabled = list[0] === picture;
    $("detail-next").disabled = list.at(-1) === picture;
  }

  #go(by) {
    const list = this.#context.shelf.list();
    const next = list[list.indexOf(this.#picture) + by];
    if (next) this.#show(next);
  }

  #keyed(event) {
    if (event.target.closest("ol")) return;
    const forward = getComputedStyle($("detail")).direction === "rtl" ? -1 : 1;
    const by = { ArrowRight: forward, ArrowLeft: -forward }[event.key];
    if (by) this.#go(by);
  }

  #closed() {
    this.#release();
    this.#context.act("closed", this.#picture);
  }

  #release() {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = null;
  }
}
