// The element's looks, words and pieces.

export const STYLE = `
:host { display: block; font: inherit; color-scheme: light dark; }
:host([hidden]) { display: none; }
.drop { display: grid; gap: 0.75em; padding: 1em; border: 2px dashed color-mix(in srgb, currentColor 45%, transparent);
  border-radius: 0.75em; text-align: center; }
.drop[data-over] { border-color: var(--cliplet-accent, #1f7a74); border-style: solid; }
button { justify-self: center; font: inherit; min-block-size: 2.5em; padding: 0.25em 1em; border-radius: 0.5em;
  border: 1px solid currentColor; background: transparent; color: inherit; cursor: pointer; }
button:disabled { opacity: 0.5; cursor: default; }
:focus-visible { outline: 3px solid var(--cliplet-accent, #1f7a74); outline-offset: 2px; }
img { max-inline-size: 100%; max-block-size: 16em; justify-self: center; border-radius: 0.5em; }
nav { display: flex; justify-content: center; align-items: center; gap: 0.75em; }
ol { margin: 0; padding: 0; list-style: none; display: grid; gap: 0.35em; text-align: start; }
li { display: grid; grid-template-columns: minmax(0, 1fr) max-content; gap: 0 0.75em; }
.label { overflow-wrap: anywhere; }
.score { font-variant-numeric: tabular-nums; }
meter { grid-column: 1 / -1; inline-size: 100%; }
ol[data-no-match] { opacity: 0.75; }
[hidden] { display: none; }
p { margin: 0; }
`;

/**
 * The element's words, in English; a page in another language sets its own on `ClipletClassifier.words`.
 * @typedef {object} Words
 * @property {string} choose on the button, before there is a picture
 * @property {string} again on the button, when there is one
 * @property {string} hint below the button
 * @property {string} loading while the model arrives
 * @property {(percent: number) => string} loadingPart as it arrives
 * @property {string} working while a picture is analyzed
 * @property {(label: string, share: string) => string} best the answer
 * @property {(label: string) => string} noMatch the answer where even the best label fits badly
 * @property {string} previous on the button to the picture before
 * @property {string} next on the button to the picture after
 * @property {(number: number, count: number) => string} place of a picture among several
 * @property {string} noLabels when there is nothing to rank
 * @property {string} noImages when a folder holds no picture
 * @property {Partial<Record<import("./errors.js").ErrorCode, string>> & { other: string }} errors for the visitor, by
 *   the error's code; the event `cliplet-error` carries the error itself
 */

/** @type {Words} */
export const WORDS = {
  choose: "Choose a picture",
  again: "Choose another picture",
  hint: "or drop or paste one here",
  loading: "Loading the model…",
  loadingPart: (percent) => `Loading the model: ${percent} %`,
  working: "Analyzing…",
  best: (label, share) => `${label}: ${share}`,
  noMatch: (label) => `No good match. The closest is ${label}`,
  previous: "Previous picture",
  next: "Next picture",
  place: (number, count) => `${number} of ${count}`,
  noLabels: "There are no labels to choose from",
  noImages: "There is no picture in this folder",
  errors: {
    image:
      "This picture could not be read. It may be damaged, too large, or of a kind that this browser does not know.",
    input: "This is not a picture.",
    network: "The model or picture could not be fetched. Check the connection and try again.",
    model: "The model could not be loaded: its file is damaged or incomplete.",
    unsupported: "This browser cannot run the model. A newer browser can.",
    engine: "This picture was too much for the memory of this browser. Try a smaller one.",
    other: "Something went wrong. Try again.",
  },
};

/**
 * A probability as a percentage that never claims certainty.
 * @param {number} score
 */
export function percentage(score) {
  const value = 100 * score;
  if (value > 99.9 && value < 100) return "99.9 %";
  return value < 0.1 ? "< 0.1 %" : `${value.toFixed(1)} %`;
}

/**
 * True where even the best label fits an image too badly to be an answer, by the model's calibrated threshold.
 * @param {import("./types.js").Ranked} best
 * @param {Pick<import("./types.js").Info, "no_match_threshold" | "logit_scale" | "logit_bias">} info of the model
 */
export function isNoMatch({ logit }, { no_match_threshold: threshold, logit_scale: scale, logit_bias: bias = 0 }) {
  return typeof threshold === "number" && (logit - bias) / scale < threshold;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/**
 * The element's pieces, put together below `drop`.
 * @param {Words} words
 */
export function partsFor(words) {
  const parts = {
    drop: make("div", { className: "drop", part: "drop" }),
    preview: make("img", { hidden: true, alt: "", part: "picture" }),
    several: make("nav", { hidden: true, part: "several" }),
    previous: make("button", { type: "button", textContent: "‹" }),
    place: make("span"),
    next: make("button", { type: "button", textContent: "›" }),
    button: make("button", { type: "button", textContent: words.choose, part: "button" }),
    hint: make("p", { textContent: words.hint, part: "hint" }),
    state: make("p", { part: "state" }),
    ranks: make("ol", { part: "ranks" }),
    input: make("input", { type: "file", accept: "image/*", multiple: true, hidden: true }),
  };
  const { drop, preview, several, previous, place, next, button, hint, state, ranks, input } = parts;
  state.setAttribute("role", "status");
  previous.setAttribute("aria-label", words.previous);
  next.setAttribute("aria-label", words.next);
  several.append(previous, place, next);
  drop.append(preview, several, button, hint, state, ranks, input);
  return parts;
}

/**
 * Hands a value that hides an accessor to the accessor.
 * @param {Record<string, unknown>} element
 * @param {string} name
 */
export function takeOver(element, name) {
  if (!Object.hasOwn(element, name)) return;
  const value = element[name];
  delete element[name];
  element[name] = value;
}

/**
 * A label's row: its name, and its score as a number and a bar.
 * @param {import("./types.js").Ranked} ranked
 * @param {boolean} silent whether its score says nothing
 */
export function row({ label, score }, silent) {
  const name = make("span", { className: "label", dir: "auto", textContent: label });
  if (silent) return make("li", {}, name);
  const bar = make("meter", { min: 0, max: 1, value: score });
  bar.setAttribute("aria-hidden", "true");
  return make("li", {}, name, make("span", { className: "score", textContent: percentage(score) }), bar);
}
