/// <reference path="./element-globals.d.ts" preserve="true" />
// <cliplet-classifier>: a place to drop a picture, and its labels ranked, for any page.
// Importing this module defines the element; where there is no document (on a server) it does nothing.

import { DEFAULT_TEMPLATE } from "./arguments.js";
import { imagesIn } from "./dropped-images.js";
import { isNoMatch, partsFor, percentage, row, STYLE, takeOver, WORDS } from "./element-parts.js";
import { ElementPictures } from "./element-pictures.js";
import { asClipletError } from "./errors.js";
import { areMany, imageList } from "./images.js";
import { Lease } from "./shared-engines.js";

/** @typedef {import("./types.js").ImageSource} ImageSource */
/** @typedef {import("./types.js").ModelSource} ModelSource */
/** @typedef {import("./types.js").Ranked} Ranked */
/** @typedef {import("./cliplet.js").Cliplet} Cliplet */
/** @typedef {import("./element-parts.js").Words} Words */

const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

/** Properties that a framework may set before the element is defined; they then hide the accessors. */
const PROPERTIES = ["labels", "template", "model", "topK", "threads", "baseUrl", "image"];

/**
 * `<cliplet-classifier>`: a place to drop, paste or choose pictures, with labels ranked for the one in sight.
 *
 * Attributes, each also a property: `labels` (separated by commas or line breaks), `template` (`"a photo of a {}"`), `model`
 * (as `Cliplet.load` takes it), `top-k` (`topK`), `threads`, `base-url` (`baseUrl`). Parts to style: `drop`, `picture`,
 * `button`, `hint`, `state`, `ranks`; `--cliplet-accent` colors focus.
 *
 * Events, which bubble: `cliplet-progress` while the model arrives (`detail` is `{ loaded, total }`), `cliplet-result`
 * (`detail` lists the labels, best first) and `cliplet-error` (`detail` is a `ClipletError`).
 *
 * The model is loaded with the first picture. Elements with the same model share one engine, which is freed when none of
 * them is left in the document.
 */
export class ClipletClassifier extends Base {
  static observedAttributes = ["labels", "template", "model", "top-k", "threads", "base-url"];
  /** The element's words, to be replaced by those of another language before it is used. */
  static words = WORDS;

  #parts;
  #pictures;
  /** @type {Float32Array | null} */
  #embedding = null;
  /** @type {string[] | null} */
  #labels = null;
  /** A model that no attribute can name. @type {ModelSource | null} */
  #model = null;
  /** @type {Lease | null} */
  #lease = null;
  /** The loaded model's. @type {import("./types.js").Info | null} */
  #info = null;
  /** Counts questions: only the latest is shown. */
  #turn = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.#parts = partsFor(ClipletClassifier.words);
    this.#pictures = new ElementPictures(this.#parts, () => ClipletClassifier.words);
    root.append(this.#parts.drop);
    this.#listen();
  }

  #listen() {
    const { drop, previous, next, button, input } = this.#parts;
    previous.addEventListener("click", () => this.#step(-1));
    next.addEventListener("click", () => this.#step(1));
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const files = [...(input.files ?? [])];
      input.value = "";
      if (files.length > 0) this.#take(files);
    });
    this.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.toggleAttribute("data-over", true);
    });
    this.addEventListener("dragleave", () => drop.removeAttribute("data-over"));
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      drop.removeAttribute("data-over");
      this.#takeFrom(event.dataTransfer);
    });
    this.addEventListener("paste", (event) => this.#takeFrom(event.clipboardData));
  }

  connectedCallback() {
    for (const name of PROPERTIES) takeOver(/** @type {any} */ (this), name);
    if (this.image) this.#pictures.show();
  }

  disconnectedCallback() {
    this.#pictures.hide();
    // One that is only moved is in the document again by then.
    setTimeout(() => {
      if (!this.isConnected) this.#release();
    });
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} after
   */
  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name === "labels") this.#labels = null;
    if (name === "model") this.#model = null;
    if (["model", "threads", "base-url"].includes(name)) this.#release();
    if (this.image) this.#run();
  }

  /**
   * Labels to rank: those set, or those of the attribute, separated by commas or line breaks.
   * @returns {string[]}
   */
  get labels() {
    return (
      this.#labels ??
      (this.getAttribute("labels") ?? "")
        .split(/[,\n]/)
        .map((label) => label.trim())
        .filter(Boolean)
    );
  }

  /** @param {readonly string[] | string | null | undefined} labels */
  set labels(labels) {
    const listed = labels !== null && labels !== undefined && typeof labels !== "string";
    this.#labels = listed ? [...labels] : null;
    if (!listed) this.#reflect("labels", labels ?? null);
    if (this.image) this.#run();
  }

  /**
   * The prompt template, with `{}` in the label's place.
   * @returns {string}
   */
  get template() {
    return this.getAttribute("template") ?? DEFAULT_TEMPLATE;
  }

  /** @param {string | null} template */
  set template(template) {
    this.#reflect("template", template);
  }

  /**
   * The model's source; null for the small one that comes with the package.
   * @returns {ModelSource | null}
   */
  get model() {
    return this.#model ?? this.getAttribute("model");
  }

  /** @param {ModelSource | null} model */
  set model(model) {
    if (model === null || model === undefined || typeof model === "string" || model instanceof URL) {
      const before = this.#model;
      this.#model = null;
      this.#reflect("model", model === undefined ? null : model && String(model));
      if (before === null) return;
    } else this.#model = model;
    this.#release();
    if (this.image) this.#run();
  }

  /**
   * The count of labels shown; null for all.
   * @returns {number | null}
   */
  get topK() {
    return this.#number("top-k");
  }

  /** @param {number | null} count */
  set topK(count) {
    this.#reflect("top-k", count);
  }

  /**
   * Threads to use; null for as many as the processor has, at most 8.
   * @returns {number | null}
   */
  get threads() {
    return this.#number("threads");
  }

  /** @param {number | null} count */
  set threads(count) {
    this.#reflect("threads", count);
  }

  /**
   * Address of the folder with the package's files, where they are not beside this module.
   * @returns {string | null}
   */
  get baseUrl() {
    return this.getAttribute("base-url");
  }

  /** @param {string | null} address */
  set baseUrl(address) {
    this.#reflect("base-url", address);
  }

  /**
   * The picture in question; setting one classifies it, and setting null clears it.
   * @returns {ImageSource | null}
   */
  get image() {
    return this.#pictures.current;
  }

  /** @param {ImageSource | readonly ImageSource[] | FileList | null} image */
  set image(image) {
    const given = /** @type {any} */ (image ?? []);
    const images = areMany(given) ? imageList(given) : [given];
    if (images.length > 0) this.#take(images);
    else this.clear();
  }

  /** Takes picture and answer away. */
  clear() {
    this.#turn += 1;
    this.#embedding = null;
    this.#pictures.clear();
    this.#parts.state.textContent = "";
    this.#parts.ranks.replaceChildren();
  }

  /**
   * The engine, loaded on the first call. It is freed when the last element that uses it leaves the document.
   * @returns {Promise<Cliplet>}
   */
  load() {
    this.#lease ??= this.#lend();
    return this.#lease.clip;
  }

  /**
   * Classifies a picture, shows it and its labels, and gives them, best first; empty after an error. Null clears.
   * @param {ImageSource | null} image
   * @returns {Promise<Ranked[]>}
   */
  async classify(image) {
    if (image !== null && image !== undefined) return this.#take([image]);
    this.clear();
    return [];
  }

  #lend() {
    const options = { ...(this.threads && { threads: this.threads }), ...(this.baseUrl && { baseUrl: this.baseUrl }) };
    return new Lease(this.model || undefined, options, (detail) => {
      const { words } = ClipletClassifier;
      if (this.image && detail.total)
        this.#parts.state.textContent = words.loadingPart(Math.floor((100 * detail.loaded) / detail.total));
      this.#tell("cliplet-progress", detail);
    });
  }

  /** Ends the use of the engine; what it computed is of no use to another model. */
  #release() {
    this.#lease?.release();
    this.#lease = null;
    this.#info = null;
    this.#embedding = null;
  }

  /**
   * @param {string} name
   * @param {string | number | null} value
   */
  #reflect(name, value) {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, String(value));
  }

  /** @param {string} name */
  #number(name) {
    const number = Number(this.getAttribute(name));
    return Number.isInteger(number) && number > 0 ? number : null;
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** @param {DataTransfer | null} transfer */
  async #takeFrom(transfer) {
    const { images, folder } = await imagesIn(transfer);
    if (images.length > 0) this.#take(images);
    else if (folder) this.#parts.state.textContent = ClipletClassifier.words.noImages;
  }

  /**
   * @param {ImageSource[]} images
   * @returns {Promise<Ranked[]>}
   */
  #take(images) {
    this.#pictures.take(images);
    this.#embedding = null;
    return this.#run();
  }

  /** @param {1 | -1} by */
  #step(by) {
    if (!this.#pictures.step(by)) return;
    this.#embedding = null;
    this.#run();
  }

  async #run() {
    const turn = ++this.#turn;
    const { words } = ClipletClassifier;
    const { state, ranks } = this.#parts;
    /** @param {string} word */
    const say = (word) => {
      if (turn === this.#turn) state.textContent = word;
    };
    try {
      const ranked = await this.#ranked(say).catch((error) => {
        // Someone disposed of the engine that all share: once more, with a new one.
        if (error.code !== "disposed" || turn !== this.#turn) throw error;
        this.#lease?.forget();
        this.#release();
        return this.#ranked(say);
      });
      if (turn !== this.#turn) return ranked;
      this.#answer(ranked);
      this.#tell("cliplet-result", ranked);
      return ranked;
    } catch (error) {
      const problem = asClipletError(error);
      if (turn !== this.#turn) return [];
      ranks.replaceChildren();
      // An engine that never ran had no trouble with the picture.
      const kind = problem.code === "engine" && !this.#info ? "other" : problem.code;
      say(words.errors[kind] ?? words.errors.other);
      this.#tell("cliplet-error", problem);
      return [];
    }
  }

  /** Shows the labels and says the best one, or that it is no good match. @param {Ranked[]} ranked */
  #answer(ranked) {
    const { words } = ClipletClassifier;
    const { state, ranks } = this.#parts;
    const [best] = ranked;
    const info = /** @type {import("./types.js").Info} */ (this.#info);
    // Of a single label the share is always all, which says nothing.
    const silent = this.labels.length < 2 && info.score_rule !== "sigmoid";
    const noMatch = Boolean(best && isNoMatch(best, info));
    ranks.replaceChildren(...ranked.map((one) => row(one, silent)));
    ranks.toggleAttribute("data-no-match", noMatch);
    if (!best) state.textContent = words.noLabels;
    else if (noMatch) state.textContent = words.noMatch(best.label);
    else state.textContent = silent ? best.label : words.best(best.label, percentage(best.score));
  }

  /**
   * The labels of the picture in question, best first.
   * @param {(word: string) => void} say
   * @returns {Promise<Ranked[]>}
   */
  async #ranked(say) {
    const { words } = ClipletClassifier;
    say(words.loading);
    const clip = await this.load();
    this.#info = clip.info;
    say(words.working);
    const image = /** @type {ImageSource} */ (this.image);
    const { labels } = this;
    const embedding = this.#embedding ?? (await clip.embedImage(image));
    if (image === this.image) this.#embedding = embedding;
    if (labels.length === 0) return [];
    return clip.classify(embedding, labels, { template: this.template, topK: this.topK ?? undefined });
  }
}

if (globalThis.customElements && !customElements.get("cliplet-classifier"))
  customElements.define("cliplet-classifier", ClipletClassifier);
