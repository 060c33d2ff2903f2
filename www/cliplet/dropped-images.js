// The images among what was dropped on the element, pasted or chosen, with those of folders.

/** Names and types of the files that are taken for images in a folder. */
const IMAGE = /\.(avif|bmp|gif|heic|heif|hif|ico|jfif|jpe?g|jxl|pbm|pgm|png|pnm|ppm|svg|tga|tiff?|webp)$/i;

/** @param {File} file */
export const looksLikeImage = (file) =>
  (file.type.startsWith("image/") || IMAGE.test(file.name)) && !/^\._/.test(file.name);

/**
 * The files of a folder and its folders, in the order of their names.
 * @param {any} entry a FileSystemEntry
 * @returns {AsyncGenerator<File>}
 */
async function* filesOf(entry) {
  if (entry.isFile) {
    yield await new Promise((resolve, reject) => entry.file(resolve, reject));
    return;
  }
  if (entry.name === "__MACOSX") return;
  const reader = entry.createReader();
  const entries = [];
  for (;;) {
    // A reader gives a hundred entries at a time.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    entries.push(...some);
  }
  entries.sort((a, b) => a.name.localeCompare(b.name));
  for (const one of entries) yield* filesOf(one);
}

/**
 * The images of what was dropped or pasted, folders included; of single files all, so that one that is no image is named.
 * @param {DataTransfer | null} transfer
 * @returns {Promise<{ images: File[], folder: boolean }>}
 */
export async function imagesIn(transfer) {
  const files = [...(transfer?.files ?? [])];
  const entries = [...(transfer?.items ?? [])].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry);
  if (!entries.some((entry) => entry?.isDirectory)) {
    const images = files.filter(looksLikeImage);
    return { images: images.length > 0 ? images : files.slice(0, 1), folder: false };
  }
  const found = [];
  for (const entry of entries) {
    for await (const file of filesOf(entry)) if (looksLikeImage(file)) found.push(file);
  }
  return { images: found, folder: true };
}
