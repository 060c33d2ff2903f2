// <cliplet-classifier>: a place to drop a picture, and its labels ranked, for any page.
// Importing this file defines the element; index.d.ts and README.md describe it.

import { Cliplet, ClipletError, DEFAULT_TEMPLATE } from "./index.js";

const STYLE = `
:host { display: block; font: inherit; color-scheme: light dark; }
:host([hidden]) { display: none; }
.drop { display: grid; gap: 0.75em; padding: 1em; border: 2px dashed color-mix(in srgb, currentColor 45%, transparent);
  border-radius: 0.75em; text-align: center; }
.drop[data-over] { border-color: var(--cliplet-accent, #1f7a74); border-style: solid; }
button { justify-self: center; font: inherit; min-block-size: 2.5em; padding: 0.25em 1em; border-radius: 0.5em;
  border: 1px solid currentColor; background: transparent; color: inherit; cursor: pointer; }
:focus-visible { outline: 3px solid var(--cliplet-accent, #1f7a74); outline-offset: 2px; }
img { max-inline-size: 100%; max-block-size: 16em; justify-self: center; border-radius: 0.5em; }
ol { margin: 0; padding: 0; list-style: none; display: grid; gap: 0.35em; text-align: start; }
li { display: grid; grid-template-columns: minmax(0, 1fr) max-content; gap: 0 0.75em; }
.label { overflow-wrap: anywhere; }
.score { font-variant-numeric: tabular-nums; }
meter { grid-column: 1 / -1; inline-size: 100%; }
[hidden] { display: none; }
p { margin: 0; }
`;

/** Words of the element; a page in another language sets its own on `ClipletClassifier.words`. */
const WORDS = {
  choose: "Choose a picture",
  hint: "or drop or paste one here",
  loading: "Loading the model",
  working: "Looking",
  again: "Choose another picture",
  best: (label, share) => `${label}: ${share}`,
};

const share = (score) => (score > 0 && score < 0.001 ? "< 0.1 %" : `${(100 * score).toFixed(1)} %`);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Models in use by address, so that many elements of a page share one engine. */
const engines = new Map();

function engine(source, options) {
  const key = JSON.stringify([source, options]);
  if (!engines.has(key)) {
    const loading = Cliplet.load(source || undefined, options);
    loading.catch(() => engines.delete(key));
    engines.set(key, loading);
  }
  return engines.get(key);
}

export class ClipletClassifier extends HTMLElement {
  static observedAttributes = ["labels", "template", "model", "top-k"];
  static words = WORDS;

  #parts;
  #image = null;
  #embedding = null;
  #labels = null;
  #turn = 0;
  #address = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const words = ClipletClassifier.words;
    this.#parts = {
      drop: make("div", { className: "drop", part: "drop" }),
      preview: make("img", { hidden: true, alt: "", part: "picture" }),
      button: make("button", { type: "button", textContent: words.choose, part: "button" }),
      hint: make("p", { textContent: words.hint, part: "hint" }),
      state: make("p", { part: "state" }),
      ranks: make("ol", { part: "ranks" }),
      input: make("input", { type: "file", accept: "image/*", hidden: true }),
    };
    const { drop, preview, button, hint, state, ranks, input } = this.#parts;
    state.setAttribute("role", "status");
    drop.append(preview, button, hint, state, ranks, input);
    root.append(drop);
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = "";
      if (file) this.#take(file);
    });
    this.addEventListener("dragover", (event) => (event.preventDefault(), drop.toggleAttribute("data-over", true)));
    this.addEventListener("dragleave", () => drop.removeAttribute("data-over"));
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      drop.removeAttribute("data-over");
      this.#from(event.dataTransfer);
    });
    this.addEventListener("paste", (event) => this.#from(event.clipboardData));
  }

  connectedCallback() {
    // A value set before the element was defined hides the accessor.
    for (const name of ["labels", "image"]) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
  }

  disconnectedCallback() {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = null;
  }

  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name === "labels") this.#labels = null;
    if (name === "model") this.#embedding = null;
    if (this.#image) this.#run();
  }

  /** Labels to rank: those set, or those of the attribute, separated by commas or line breaks. */
  get labels() {
    return this.#labels ?? (this.getAttribute("labels") ?? "").split(/[,\n]/).map((label) => label.trim()).filter(Boolean);
  }

  set labels(labels) {
    this.#labels = [...labels];
    if (this.#image) this.#run();
  }

  /** The picture in question; setting one classifies it. */
  get image() {
    return this.#image;
  }

  set image(image) {
    this.#take(image);
  }

  /** The engine, loaded on the first call. */
  load() {
    const threads = Number(this.getAttribute("threads"));
    return engine(this.getAttribute("model"), threads > 0 ? { threads } : {});
  }

  /** Classifies a picture, shows it and its labels, and gives them, best first. */
  classify(image) {
    return this.#take(image);
  }

  #from(transfer) {
    const file = [...(transfer?.files ?? [])].find(({ type }) => type.startsWith("image/")) ?? transfer?.files?.[0];
    if (file) this.#take(file);
  }

  #take(image) {
    const { preview, button, hint } = this.#parts;
    this.#image = image;
    this.#embedding = null;
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = image instanceof Blob ? URL.createObjectURL(image) : null;
    preview.hidden = !this.#address;
    if (this.#address) preview.src = this.#address;
    button.textContent = ClipletClassifier.words.again;
    hint.hidden = true;
    return this.#run();
  }

  async #run() {
    const turn = ++this.#turn;
    const words = ClipletClassifier.words;
    const { state, ranks } = this.#parts;
    const say = (word) => turn === this.#turn && (state.textContent = word);
    try {
      const shared = this.load();
      const ranked = await this.#ranked(shared, say).catch((error) => {
        // Someone disposed of the engine that all share, or it stopped: once more, with a new one.
        if (error.code !== "disposed") throw error;
        for (const [key, one] of engines) if (one === shared) engines.delete(key);
        return this.#ranked(this.load(), say);
      });
      if (turn !== this.#turn) return ranked;
      ranks.replaceChildren(...ranked.map((one) => this.#row(one)));
      say(ranked.length ? words.best(ranked[0].label, share(ranked[0].score)) : "");
      this.dispatchEvent(new CustomEvent("cliplet-result", { detail: ranked, bubbles: true, composed: true }));
      return ranked;
    } catch (error) {
      const problem = error instanceof ClipletError ? error : new ClipletError("engine", String(error?.message ?? error));
      if (turn !== this.#turn) return [];
      ranks.replaceChildren();
      say(problem.message);
      this.dispatchEvent(new CustomEvent("cliplet-error", { detail: problem, bubbles: true, composed: true }));
      return [];
    }
  }

  /** The labels of the present picture, best first. */
  async #ranked(loading, say) {
    const words = ClipletClassifier.words;
    say(words.loading);
    const clip = await loading;
    say(words.working);
    const image = this.#image;
    const embedding = this.#embedding ?? (await clip.embedImage(image));
    if (image === this.#image) this.#embedding = embedding;
    const template = this.getAttribute("template") ?? DEFAULT_TEMPLATE;
    const topK = Number(this.getAttribute("top-k")) || undefined;
    return clip.classify(embedding, this.labels, { template, topK });
  }

  #row({ label, score }) {
    const bar = make("meter", { min: 0, max: 1, value: score });
    bar.setAttribute("aria-hidden", "true");
    return make("li", {}, make("span", { className: "label", dir: "auto", textContent: label }), make("span", { className: "score", textContent: share(score) }), bar);
  }
}

if (!customElements.get("cliplet-classifier")) customElements.define("cliplet-classifier", ClipletClassifier);
