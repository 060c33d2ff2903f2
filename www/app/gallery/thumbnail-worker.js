// Makes thumbnails off the main thread: { id, blob, side } to { id, blob, width, height }, or { id } where the browser
// cannot decode the image here.

/** As good as one sees at this size, at a tenth of a PNG's bytes. */
const FORMAT = { type: "image/webp", quality: 0.8 };

addEventListener("message", async ({ data: { id, blob, side } }) => {
  try {
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const scale = Math.min(1, side / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    postMessage({ id, blob: await canvas.convertToBlob(FORMAT), width, height });
  } catch {
    postMessage({ id });
  }
});
