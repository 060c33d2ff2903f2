// Images in the engine's worker: decoded by the engine, or by the browser where that knows a format which the engine does
// not, and made ready for the image tower.

import { failure } from "./download.js";

/** @typedef {import("./images.js").SentImage} SentImage */

/** First bytes of the images that the engine decodes itself: of a damaged one, some browsers would invent the rest. */
const READ_HERE = /^(\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF.{4}WEBP)/s;

/**
 * Decodes with the browser (HEIC and AVIF where it can).
 * @param {Blob} blob
 * @param {unknown} original the engine's own error
 */
async function decodedInBrowser(blob, original) {
  try {
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      new OffscreenCanvas(width, height).getContext("2d")
    );
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context.getImageData(0, 0, width, height);
  } catch {
    throw original;
  }
}

/**
 * @param {import("./loading.js").WasmEngine} clip
 * @param {SentImage | Float32Array} image
 */
export async function preprocessed(clip, image) {
  if (image instanceof Float32Array) throw failure("input", "this is an embedding, not an image");
  if (!(image instanceof Blob)) return clip.preprocessRgba(image.width, image.height, image.data);
  let bytes;
  try {
    bytes = new Uint8Array(await image.arrayBuffer());
  } catch (cause) {
    throw failure("io", "the file could not be read; was it moved or changed meanwhile?", { cause });
  }
  try {
    return clip.preprocess(bytes);
  } catch (error) {
    const start = String.fromCharCode(...bytes.subarray(0, 12));
    if (/** @type {{ code?: unknown }} */ (error).code !== "image" || READ_HERE.test(start)) throw error;
    const { width, height, data } = await decodedInBrowser(image, error);
    return clip.preprocessRgba(width, height, data);
  }
}
