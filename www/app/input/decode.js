// Gives the engine what it does not read itself: SVG through the page's own image element, and a clear message about
// formats that this browser does not have.

import { text } from "../strings/index.js";

/** The kinds that depend on the browser, by how their files begin or are called. */
const KINDS = [
  { kind: "HEIC", type: /^image\/hei[cf]/, name: /\.(heic|heif|hif)$/i },
  { kind: "AVIF", type: /^image\/avif/, name: /\.avif$/i },
  { kind: "SVG", type: /^image\/svg/, name: /\.svgz?$/i },
  { kind: "JPEG XL", type: /^image\/jxl/, name: /\.jxl$/i },
  { kind: "TIFF", type: /^image\/tiff/, name: /\.tiff?$/i },
];
/** An SVG has no pixels of its own: its longer side is drawn this large. */
const VECTOR_SIDE = 672;
/** A photo that only an image element decodes is made at most this large on its way. */
const PHOTO_SIDE = 1344;

/** The kind of an image whose decoding depends on the browser, or undefined. */
const special = ({ blob, name }) => KINDS.find(({ type, name: ends }) => type.test(blob.type) || ends.test(name))?.kind;

/** Draws an encoded image by an image element, its longer side at most `side` pixels. */
export async function drawn(blob, side) {
  const typed = blob.type ? blob : new Blob([blob], { type: "image/svg+xml" });
  const image = new Image();
  image.src = URL.createObjectURL(typed);
  try {
    await image.decode();
    const [width, height] = [image.naturalWidth || side, image.naturalHeight || side];
    const scale = typed.type.startsWith("image/svg")
      ? side / Math.max(width, height)
      : Math.min(1, side / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    const context = canvas.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** An image's embedding, not of unit length. Rejects with a message for the person. */
export async function embed(clip, item) {
  const kind = special(item);
  if (kind !== "SVG") {
    try {
      return await clip.embedImage(item.blob);
    } catch (error) {
      if (!kind || error.code !== "image") throw error;
    }
  }
  // Some browsers decode in an image element what they do not decode in a worker.
  const canvas = await drawn(item.blob, kind === "SVG" ? VECTOR_SIDE : PHOTO_SIDE).catch(() => null);
  if (!canvas) throw new Error(text.cannotDecode(kind));
  return clip.embedImage(canvas);
}
