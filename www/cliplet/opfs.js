// Whole cached models as files of the origin's private file system: a worker reads those straight into the engine's
// memory, many times as fast as a stream from Cache storage.

import { fileHandleOf, fileNameFor, modelFolder } from "./cache-keys.js";

/** Attempts at a file that another tab has open, and the milliseconds between two. */
const ATTEMPTS = 50;
const PAUSE = 100;

/**
 * Does `work` once no other tab has the file; each has it only while it reads or writes.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function whenFree(work) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "NoModificationAllowedError" || attempt === ATTEMPTS) throw error;
      await new Promise((resume) => setTimeout(resume, PAUSE));
    }
  }
}

/**
 * Writes a file of `total` bytes in place of the one of this key.
 * @param {string} key
 * @param {AsyncIterable<Uint8Array>} chunks
 * @param {number} total
 * @returns {Promise<boolean>} false where it cannot be had, or another tab has it
 */
export async function writeFile(key, chunks, total) {
  let file;
  try {
    file = await (await fileHandleOf(key, { create: true })).createSyncAccessHandle();
  } catch {
    return false;
  }
  try {
    file.truncate(0);
    let size = 0;
    for await (const chunk of chunks) {
      if (file.write(chunk, { at: size }) < chunk.length) throw new DOMException("no room", "QuotaExceededError");
      size += chunk.length;
    }
    if (size !== total) throw new DOMException("parts are missing", "NotFoundError");
    file.flush();
    file.close();
    return true;
  } catch {
    file.close();
    await deleteFile(key).catch(() => {});
    return false;
  }
}

/**
 * Opens a file to be read: `read(view, { at })` fills a view and returns the count of bytes, `close()` ends it.
 * @param {string} key
 * @param {FileSystemFileHandle} [known] its handle, where that has been looked up
 */
export async function openFile(key, known) {
  const handle = known ?? (await fileHandleOf(key));
  return whenFree(() => handle.createSyncAccessHandle({ mode: "read-only" }));
}

/**
 * Deletes a file, if there is one.
 * @param {string} key
 */
export async function deleteFile(key) {
  const folder = await modelFolder().catch(() => undefined);
  try {
    await whenFree(async () => folder?.removeEntry(await fileNameFor(key)));
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "NotFoundError") throw error;
  }
}
