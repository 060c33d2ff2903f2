// Several images in slices: memory stays flat however many there are, and each has its own result or error.

import { checkEmbedding } from "./arguments.js";
import { asClipletError, ClipletError, cancelled, fromSent } from "./errors.js";
import { imageName, isA, toSentImage, transferred } from "./images.js";
import { EngineStopped } from "./worker-client.js";

/** @typedef {import("./images.js").SentImage} SentImage */
/** @typedef {{ signal?: AbortSignal, onProgress?: (progress: import("./types.js").Progress) => void, named: boolean }} SliceOptions */

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
const bytesOf = (image) => ("size" in image ? image.size : "data" in image ? image.data.byteLength : image.byteLength);

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
 * A call with several images, on its way.
 * @typedef {object} Call
 * @property {import("./engine.js").Engine} engine
 * @property {string} op operation that answers each image with `{ value }` or `{ error }`
 * @property {readonly any[]} images
 * @property {object} args further arguments
 * @property {SliceOptions & { onLabels?: (progress: import("./types.js").Progress) => void }} options
 * @property {any[]} results and errors, in the images' order
 */

/**
 * Images that are ready to be sent.
 * @typedef {object} Slice
 * @property {number} to the place after the last
 * @property {number[]} places of the images to be sent
 * @property {(SentImage | Float32Array)[]} images
 */

/**
 * Reads images from the place `from` on. One that cannot be read has its error as its result, and is not sent.
 * @param {Call} call
 * @param {number} from
 * @param {number} limit the place that it ends before at the latest
 * @returns {Promise<Slice>}
 */
async function sliceOf({ engine, images, options: { signal, named }, results }, from, limit) {
  /** @type {Slice} */
  const slice = { to: from, places: [], images: [] };
  for (let bytes = 0; slice.to < limit && bytes < MAX_BYTES; slice.to += 1) {
    const place = slice.to;
    const image = images[place];
    try {
      const index = named ? place : undefined;
      const sent = isA(image, "Float32Array")
        ? checkedEmbedding(image, engine.info.dimension, index)
        : await toSentImage(image, { index, signal });
      slice.places.push(place);
      slice.images.push(sent);
      bytes += bytesOf(sent);
    } catch (error) {
      if (signal?.aborted) throw cancelled(signal);
      results[place] = error;
    }
  }
  return slice;
}

/**
 * Gives an image the engine's error as its result.
 * @param {Call} call
 * @param {number} place
 * @param {ClipletError} error
 */
function fail({ images, options, results }, place, error) {
  results[place] = imageError(error, imageName(images[place], options.named ? place : undefined));
}

/**
 * Sends a slice to the engine and takes its answers down.
 * @param {Call} call
 * @param {number} from the slice's first place
 * @param {Slice} slice
 * @param {number} attempts
 * @returns {Promise<EngineStopped | null>} the error if the engine stopped at it each time
 */
async function answer(call, from, slice, attempts) {
  const { engine, op, args, options, results } = call;
  if (slice.places.length === 0) return null;
  /** The slice as it was read last: images that could not be read the first time may be read the second. */
  let sent = slice;
  let isReady = true;
  const make = async () => {
    // Buffers that were moved to an engine which stopped are gone with it.
    if (!isReady) sent = await sliceOf(call, from, slice.to);
    isReady = false;
    return { args: { ...args, images: sent.images }, transfer: transferred(sent.images) };
  };
  try {
    const { signal, onLabels } = options;
    const answers = await engine.request(op, make, { signal, onProgress: onLabels, attempts });
    sent.places.forEach((place, i) => {
      const { value, error } = answers[i];
      if (error) fail(call, place, fromSent(error));
      else results[place] = value;
    });
    return null;
  } catch (error) {
    if (!(error instanceof EngineStopped)) throw error;
    return error;
  }
}

/**
 * Sends all images to an operation of the engine, and tells how many are answered.
 * @param {Omit<Call, "results">} asked
 * @returns {Promise<any[]>} results and errors in the images' order
 */
async function inSlices(asked) {
  /** @type {Call} */
  const call = { ...asked, results: [] };
  const { images, options, results } = call;
  const { signal, onProgress } = options;
  for (let from = 0; from < images.length; ) {
    if (signal?.aborted) throw cancelled(signal);
    const slice = await sliceOf(call, from, Math.min(images.length, from + MAX_IMAGES));
    const several = slice.places.length > 1;
    const stopped = await answer(call, from, slice, several ? 1 : 2);
    // One of them stopped the engine: each is tried by itself.
    for (const place of stopped ? slice.places : []) {
      const again = several ? await answer(call, place, await sliceOf(call, place, place + 1), 1) : stopped;
      if (again) fail(call, place, again);
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
export const embedAll = (engine, images, options) => inSlices({ engine, op: "embedImages", images, args: {}, options });

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
  return inSlices({
    engine,
    op: "classify",
    images,
    args: question,
    options: {
      ...options,
      onLabels: onProgress && (({ done }) => onProgress({ done: Math.min(done, labels), total })),
      onProgress: onProgress && (({ done }) => onProgress({ done: labels + done, total })),
    },
  });
}
