// Several images in slices: memory stays flat however many there are, and each has its own result or error.

import { checkEmbedding } from "./arguments.js";
import { asClipletError, ClipletError, cancelled, fromSent } from "./errors.js";
import { imageName, toSentImage, transferred } from "./images.js";
import { EngineStopped } from "./worker-client.js";

/** @typedef {import("./images.js").SentImage} SentImage */
/** @typedef {{ signal?: AbortSignal, onProgress?: (progress: import("./types.js").Progress) => void, named: boolean }} SliceOptions */
/** @typedef {{ signal?: AbortSignal, named: boolean, dimension: number }} ReadOptions */

/** Most images, and most bytes of them, that are sent to the engine at once. */
const MAX_IMAGES = 8;
const MAX_BYTES = 64 << 20;

/**
 * Calls a listener. One that throws is reported as an event's listener would be, and the call goes on.
 * @param {SliceOptions["onProgress"]} listener
 * @param {import("./types.js").Progress} progress
 */
function tell(listener, progress) {
  try {
    listener?.(progress);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}

/** @param {SentImage | Float32Array} image */
const bytesOf = (image) =>
  image instanceof Blob ? image.size : "data" in image ? image.data.byteLength : image.byteLength;

/**
 * @param {Float32Array} embedding
 * @param {number} dimension of the loaded model
 * @param {number} [index] its place among several
 */
function checkedEmbedding(embedding, dimension, index) {
  try {
    checkEmbedding(embedding, dimension);
    return embedding;
  } catch (error) {
    throw imageError(asClipletError(error), imageName(null, index));
  }
}

/**
 * Images from the place `from` on, ready to be sent; those that cannot be read have their errors at once.
 * @typedef {object} Slice
 * @property {number} to the place after the last
 * @property {number[]} places of the images to be sent
 * @property {(SentImage | Float32Array)[]} images
 * @property {Map<number, ClipletError>} errors by place
 */

/**
 * @param {readonly any[]} images
 * @param {number} from
 * @param {number} limit the place that it ends before at the latest
 * @param {ReadOptions} options
 * @returns {Promise<Slice>}
 */
async function sliceOf(images, from, limit, { signal, named, dimension }) {
  /** @type {Slice} */
  const slice = { to: from, places: [], images: [], errors: new Map() };
  for (let bytes = 0; slice.to < limit && bytes < MAX_BYTES; slice.to += 1) {
    const place = slice.to;
    const image = images[place];
    try {
      const index = named ? place : undefined;
      const sent =
        image instanceof Float32Array
          ? checkedEmbedding(image, dimension, index)
          : await toSentImage(image, { index, signal });
      slice.places.push(place);
      slice.images.push(sent);
      bytes += bytesOf(sent);
    } catch (error) {
      if (signal?.aborted) throw cancelled(signal);
      slice.errors.set(place, /** @type {ClipletError} */ (error));
    }
  }
  return slice;
}

/**
 * Sends all images to an operation of the engine that answers each with `{ value }` or `{ error }`.
 * @param {import("./engine.js").Engine} engine
 * @param {string} op
 * @param {readonly any[]} images
 * @param {object} args further arguments
 * @param {SliceOptions & { onLabels?: (progress: import("./types.js").Progress) => void }} options
 * @returns {Promise<any[]>} results and errors in the images' order
 */
async function inSlices(engine, op, images, args, options) {
  const { signal, onProgress, onLabels, named } = options;
  const reading = { signal, named, dimension: engine.info.dimension };
  /** @type {any[]} */
  const results = [];

  /**
   * @param {Slice} slice
   * @param {number} from
   * @param {number} attempts
   */
  async function answer(slice, from, attempts) {
    /** @type {Slice | null} */
    let ready = slice;
    const make = async () => {
      const now = ready ?? (await sliceOf(images, from, slice.to, reading));
      ready = null;
      const pixels = /** @type {SentImage[]} */ (now.images.filter((image) => !(image instanceof Float32Array)));
      return { args: { ...args, images: now.images }, transfer: transferred(pixels) };
    };
    const answers = await engine.request(op, make, { signal, onProgress: onLabels, attempts });
    slice.places.forEach((place, i) => {
      const { value, error } = answers[i];
      results[place] = error ? imageError(fromSent(error), imageName(images[place], named ? place : undefined)) : value;
    });
  }

  /** @param {number} place @param {number} attempts */
  async function alone(place, attempts) {
    try {
      const slice = await sliceOf(images, place, place + 1, reading);
      for (const [failed, error] of slice.errors) results[failed] = error;
      if (slice.places.length > 0) await answer(slice, place, attempts);
    } catch (error) {
      if (!(error instanceof EngineStopped)) throw error;
      results[place] = imageError(error, imageName(images[place], named ? place : undefined));
    }
  }

  for (let from = 0; from < images.length; ) {
    if (signal?.aborted) throw cancelled(signal);
    const slice = await sliceOf(images, from, Math.min(images.length, from + MAX_IMAGES), reading);
    for (const [place, error] of slice.errors) results[place] = error;
    const several = slice.places.length > 1;
    try {
      if (slice.places.length > 0) await answer(slice, from, several ? 1 : 2);
    } catch (error) {
      if (!(error instanceof EngineStopped)) throw error;
      // One of them stopped the engine: each is tried by itself.
      if (several) for (const place of slice.places) await alone(place, 1);
      else
        results[slice.places[0]] = imageError(
          error,
          imageName(images[slice.places[0]], named ? slice.places[0] : undefined),
        );
    }
    from = slice.to;
    tell(onProgress, { done: from, total: images.length });
  }
  return results;
}

/**
 * An error of one image that names it.
 * @param {ClipletError} error
 * @param {string | null} item
 */
function imageError(error, item) {
  const message =
    error instanceof EngineStopped
      ? `the engine stopped at this image, perhaps for want of memory, and was started again`
      : error.message;
  return new ClipletError(error.code, item === null ? message : `${item}: ${message}`, { cause: error.cause, item });
}

/**
 * Embeddings of images.
 * @param {import("./engine.js").Engine} engine
 * @param {readonly any[]} images
 * @param {SliceOptions} options
 * @returns {Promise<(Float32Array | ClipletError)[]>}
 */
export const embedAll = (engine, images, options) => inSlices(engine, "embedImages", images, {}, options);

/**
 * Ranked labels of images, or of their embeddings. Progress counts labels that are embedded and images that are answered.
 * @param {import("./engine.js").Engine} engine
 * @param {readonly any[]} images
 * @param {{ labels: string[], templates: string[], topK?: number }} question
 * @param {SliceOptions} options
 * @returns {Promise<(import("./types.js").Ranked[] | ClipletError)[]>}
 */
export function rankAll(engine, images, question, options) {
  const { onProgress } = options;
  const labels = new Set(question.labels).size;
  const total = labels + images.length;
  return inSlices(engine, "classify", images, question, {
    ...options,
    onLabels: onProgress && (({ done }) => onProgress({ done: Math.min(done, labels), total })),
    onProgress: onProgress && (({ done }) => onProgress({ done: labels + done, total })),
  });
}
