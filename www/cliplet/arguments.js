// Checks of what callers give, before anything is sent to the engine.

import { ClipletError } from "./errors.js";

/** The prompt template that is used unless another is given. */
export const DEFAULT_TEMPLATE = "a photo of a {}";

const VARIANTS = ["relaxed-threads", "relaxed", "simd-threads", "simd"];
const QUANTIZATIONS = ["q8", "q4"];

/** @param {string} message */
const refuse = (message) => {
  throw new ClipletError("input", message);
};

/** @param {unknown} value */
const shown = (value) =>
  typeof value === "string" ? JSON.stringify(value) : Object(value) === value ? "an object" : String(value);

/**
 * One string or several as a list.
 * @param {unknown} value
 * @param {string} name of the argument
 * @returns {string[]}
 */
export function stringList(value, name) {
  const list = Array.isArray(value) ? [...value] : [value];
  if (list.length === 0 || list.some((text) => typeof text !== "string")) {
    refuse(`${name} must be a string or a list of at least one string`);
  }
  return list;
}

/**
 * The labels of a call. An empty one, as of a comma at the end of a list, would take its share of every image.
 * @param {unknown} value
 */
export function labelList(value) {
  const labels = stringList(value, "labels");
  const empty = labels.findIndex((label) => label.trim() === "");
  if (empty >= 0) refuse(`label ${empty + 1} of ${labels.length} is empty`);
  return labels;
}

/**
 * The templates of a call.
 * @param {import("./types.js").PromptOptions} options
 */
export const templateList = ({ template, templates }) =>
  stringList(templates ?? template ?? DEFAULT_TEMPLATE, "templates");

/**
 * @template T
 * @param {T | undefined} value
 * @param {string} name
 * @param {readonly T[]} allowed
 */
function oneOf(value, name, allowed) {
  if (value !== undefined && !allowed.includes(value))
    refuse(`${name} must be one of ${allowed.join(", ")}, and is ${shown(value)}`);
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} least
 */
function wholeNumber(value, name, least) {
  if (value === undefined) return;
  if (!Number.isSafeInteger(value) || /** @type {number} */ (value) < least) {
    refuse(`${name} must be a whole number of at least ${least}, and is ${shown(value)}`);
  }
}

/**
 * @param {Record<string, any>} options
 * @param {string[]} names of callbacks
 */
function callbacks(options, names) {
  for (const name of names) {
    if (options[name] !== undefined && typeof options[name] !== "function") refuse(`${name} must be a function`);
  }
}

/** @param {{ signal?: unknown }} options */
function abortSignal({ signal }) {
  const { aborted, addEventListener } = /** @type {AbortSignal} */ (Object(signal));
  if (signal !== undefined && (typeof aborted !== "boolean" || typeof addEventListener !== "function")) {
    refuse("signal must be an AbortSignal");
  }
}

/** @param {import("./types.js").LoadOptions} options */
export function checkLoadOptions(options) {
  checkCallOptions(options);
  oneOf(options.quant, "quant", QUANTIZATIONS);
  oneOf(options.variant, "variant", VARIANTS);
  wholeNumber(options.threads, "threads", 1);
  wholeNumber(options.stallTimeout, "stallTimeout", 1);
}

/** @param {{ signal?: unknown, onProgress?: unknown, topK?: unknown }} options */
export function checkCallOptions(options) {
  if (options === null || typeof options !== "object") refuse("options must be an object");
  wholeNumber(options.topK, "topK", 1);
  callbacks(options, ["onProgress"]);
  abortSignal(options);
}

/**
 * Refuses an embedding that has lost its type, by way of JSON for example: its numbers would be taken for images.
 * @param {unknown} images
 */
export function refuseNumbers(images) {
  const numbers = Array.isArray(images) && images.length > 0 && images.every((one) => typeof one === "number");
  if (numbers || images instanceof Float64Array)
    refuse("an embedding must be a Float32Array: write Float32Array.from(embedding)");
}

/**
 * An embedding that another call gave.
 * @param {Float32Array} embedding
 * @param {number} dimension of the loaded model
 */
export function checkEmbedding(embedding, dimension) {
  if (embedding.length !== dimension) {
    refuse(
      `this embedding has ${embedding.length} numbers and the loaded model's have ${dimension}: it is of another model`,
    );
  }
  if (!embedding.every(Number.isFinite)) refuse("this embedding holds values that are no finite numbers");
}
