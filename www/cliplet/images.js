// Images as callers give them, brought into a form that crosses to the worker: encoded bytes, or raw pixels.

import { asClipletError, ClipletError } from "./errors.js";
import { documentBase } from "./host.js";

/** @typedef {import("./types.js").ImageSource} ImageSource */
/** @typedef {{ width: number, height: number, data: Uint8ClampedArray }} RawPixels four bytes a pixel: RGBA */
/** @typedef {Blob | RawPixels} SentImage */

const KINDS =
  "a Blob, File, ArrayBuffer, URL, ImageData, ImageBitmap, VideoFrame, or an HTML image, canvas or video element";
const PROTECTED =
  'its pixels may not be read, because it comes from another site: set crossorigin="anonymous" on the element, and have that site send Access-Control-Allow-Origin';

/**
 * True of an instance of a global class, which need not exist here; also of another window's, such as a frame's.
 * @param {unknown} value
 * @param {string} name of the class
 */
export const isA = (value, name) => {
  const kind = /** @type {any} */ (globalThis)[name];
  return (
    (typeof kind === "function" && value instanceof kind) ||
    Object.prototype.toString.call(value) === `[object ${name}]`
  );
};

/**
 * True if a caller gave several images: an array, a `FileList`, or anything else whose items can be listed, such as the
 * `NodeList` of `querySelectorAll`. Strings, and views of bytes, are one image.
 * @param {any} images
 * @returns {images is Iterable<ImageSource>}
 */
export const areMany = (images) =>
  typeof images === "object" && typeof images?.[Symbol.iterator] === "function" && !ArrayBuffer.isView(images);

/**
 * The images that a caller gave.
 * @param {Iterable<any>} images
 */
export function imageList(images) {
  try {
    return [...images];
  } catch (cause) {
    throw new ClipletError("input", "the list of images could not be read to its end", { cause });
  }
}

/**
 * The name of an image in messages, or null.
 * @param {any} image
 * @param {number} [index] its place among several
 * @returns {string | null}
 */
export function imageName(image, index) {
  if (typeof image === "string" && image) return image.startsWith("data:") ? "the data: address" : image;
  if (isA(image, "URL")) return image.href;
  const name = image?.name || image?.currentSrc || image?.src;
  if (typeof name === "string" && name && !name.startsWith("data:")) return name;
  return index === undefined ? null : `image ${index + 1}`;
}

/** An SVG has no pixels of its own: its longer side is drawn this large. */
const VECTOR_SIDE = 672;

/** @param {number} width @param {number} height */
function canvasOf(width, height) {
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement("canvas"), { width, height });
}

/** @param {CanvasImageSource} source without width or height */
function whyWithoutSize(source) {
  if (isA(source, "VideoFrame") || isA(source, "ImageBitmap")) return "it was closed, or moved to another thread";
  if (isA(source, "HTMLCanvasElement") || isA(source, "OffscreenCanvas")) return "it has no pixels: a side of it is 0";
  return "it has no size: wait until it is loaded, and check its address";
}

/**
 * Draws something that a canvas can draw and reads its pixels.
 * @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height
 * @returns {RawPixels}
 */
function drawn(source, width, height) {
  if (!(width > 0 && height > 0)) throw new ClipletError("image", whyWithoutSize(source));
  const context = /** @type {OffscreenCanvasRenderingContext2D | null} */ (
    canvasOf(width, height).getContext("2d", { willReadFrequently: true })
  );
  if (!context)
    throw new ClipletError("image", `${width} x ${height} pixels are more than this browser's canvas can hold`);
  // Transparent pixels become white, as everywhere in this package.
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  try {
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, data };
  } catch (cause) {
    const { name, message } = /** @type {Error} */ (cause);
    if (name === "SecurityError") throw new ClipletError("image", PROTECTED, { cause });
    throw new ClipletError("image", `${width} x ${height} pixels could not be read: ${message}`, { cause });
  }
}

/** @param {{ type: string, name?: string }} blob */
const isSvg = ({ type, name }) => /^image\/svg\+xml/i.test(type) || (type === "" && /\.svg$/i.test(name ?? ""));

/**
 * Draws an SVG, which only a document can.
 * @param {Blob} blob
 * @returns {Promise<RawPixels>}
 */
async function drawnSvg(blob) {
  const typed = blob.type ? blob : new Blob([blob], { type: "image/svg+xml" });
  const address = URL.createObjectURL(typed);
  const image = new Image();
  try {
    image.src = address;
    await image.decode();
    const [width, height] = [image.naturalWidth || VECTOR_SIDE, image.naturalHeight || VECTOR_SIDE];
    const scale = VECTOR_SIDE / Math.max(width, height);
    return drawn(image, Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  } catch (cause) {
    throw asClipletError(cause, { code: "image" });
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Reasons why the image at an address could not be fetched, by its scheme. @type {Record<string, string>} */
const NOT_FETCHED = {
  "blob:": "this address is not valid any more: it was revoked, or is another page's",
  "data:": "the data in it is damaged",
  other:
    "it could not be fetched: check the address and the connection; another site must send Access-Control-Allow-Origin",
};

/**
 * Fetches an image.
 * @param {string | URL} address
 * @param {AbortSignal} [signal]
 */
async function fetched(address, signal) {
  // An empty address would mean the page itself.
  if (address === "") throw new ClipletError("input", "the image's address is empty");
  let absolute;
  try {
    absolute = new URL(address, documentBase());
  } catch (cause) {
    throw new ClipletError("input", `${address} is no address: the image must be ${KINDS}`, { cause });
  }
  let response;
  try {
    response = await fetch(absolute, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ClipletError("network", NOT_FETCHED[absolute.protocol] ?? NOT_FETCHED.other, { cause });
  }
  if (!response.ok)
    throw new ClipletError("network", `the server answered ${response.status} ${response.statusText}`.trim());
  return response.blob();
}

/**
 * @param {Blob} blob
 * @returns {Promise<SentImage>}
 */
async function ofBlob(blob) {
  if (isSvg(blob) && typeof Image !== "undefined") return drawnSvg(blob);
  return blob instanceof Blob ? blob : new Blob([blob], { type: /** @type {Blob} */ (blob).type });
}

/**
 * @param {RawPixels} image
 * @returns {RawPixels}
 */
function pixelsOf({ width, height, data }) {
  for (const side of [width, height])
    if (!(Number.isSafeInteger(side) && side > 0))
      throw new ClipletError(
        "input",
        `${width} x ${height} pixels are no image: both sides must be whole numbers above 0`,
      );
  return { width, height, data: copyOf(() => data) };
}

/**
 * A copy of bytes, which may lie in shared memory.
 * @template Copy
 * @param {() => { slice: () => Copy }} bytes gives a view of them; throws if they are gone
 * @returns {Copy}
 */
function copyOf(bytes) {
  try {
    return bytes().slice();
  } catch (cause) {
    throw new ClipletError("input", "its bytes are gone: the ArrayBuffer was moved elsewhere (detached)", { cause });
  }
}

/**
 * @param {any} image
 * @param {AbortSignal} [signal]
 * @returns {SentImage | Promise<SentImage>}
 */
function converted(image, signal) {
  if (isA(image, "Blob") || isA(image, "File")) return ofBlob(image);
  if (typeof image === "string" || isA(image, "URL")) return fetched(image, signal).then(ofBlob);
  if (isA(image, "ArrayBuffer") || isA(image, "SharedArrayBuffer"))
    return new Blob([copyOf(() => new Uint8Array(image))]);
  if (ArrayBuffer.isView(image))
    return new Blob([copyOf(() => new Uint8Array(image.buffer, image.byteOffset, image.byteLength))]);
  if (isA(image?.data, "Uint8ClampedArray")) return pixelsOf(image);
  const width =
    image?.displayWidth ?? image?.videoWidth ?? image?.naturalWidth ?? image?.width?.baseVal?.value ?? image?.width;
  const height =
    image?.displayHeight ??
    image?.videoHeight ??
    image?.naturalHeight ??
    image?.height?.baseVal?.value ??
    image?.height;
  if (typeof image?.then === "function")
    throw new ClipletError("input", "this is a promise of an image: write `await` before it");
  if (typeof width !== "number" || typeof height !== "number")
    throw new ClipletError("input", `the image must be ${KINDS}`);
  if (isA(image, "HTMLImageElement") && !image.complete)
    return image.decode().then(() => drawn(image, image.naturalWidth, image.naturalHeight));
  return drawn(image, Math.round(width), Math.round(height));
}

/**
 * An image in a form that crosses to the worker; its pixels are a copy that may be moved.
 * @param {ImageSource} image
 * @param {{ index?: number, signal?: AbortSignal }} [options]
 * @returns {Promise<SentImage>}
 */
export async function toSentImage(image, { index, signal } = {}) {
  const item = imageName(image, index);
  try {
    return await converted(image, signal);
  } catch (thrown) {
    signal?.throwIfAborted();
    const error = asClipletError(thrown, { code: "image", item });
    throw item === null
      ? error
      : new ClipletError(error.code, `${item}: ${error.message}`, { cause: error.cause ?? thrown, item });
  }
}

/**
 * The buffers of images that are moved instead of copied.
 * @param {(SentImage | Float32Array)[]} images
 */
export const transferred = (images) =>
  images.flatMap((image) => ("data" in image ? [/** @type {ArrayBuffer} */ (image.data.buffer)] : []));
