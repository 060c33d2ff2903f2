// Whole kept models as files of the origin's private file system: a worker reads those straight into
// the engine's memory, many times as fast as a stream from Cache storage.

import { folder, handleOf, nameOf } from "./kept.js";

/** How often a file that another tab has is asked for again, and the pause between in milliseconds. */
const TRIES = 50;
const PAUSE = 100;

/** Does `work` once no other tab has the file; each has it only while it reads or writes. */
async function once(work) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (error.name !== "NoModificationAllowedError" || tries === TRIES) throw error;
      await new Promise((resume) => setTimeout(resume, PAUSE));
    }
  }
}

/** Writes a file of `total` bytes, in place of the one of this key; false where that cannot be had, or another tab does. */
export async function write(key, chunks, total) {
  let file;
  try {
    file = await (await handleOf(key, { create: true })).createSyncAccessHandle();
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
    await remove(key).catch(() => {});
    return false;
  }
}

/**
 * A file to be read: `read(view, { at })` fills a view and gives the count of bytes, `close()` ends it.
 * @param {FileSystemFileHandle} [known] its handle, where that has been looked up
 */
export async function open(key, known) {
  const handle = known ?? (await handleOf(key));
  return once(() => handle.createSyncAccessHandle({ mode: "read-only" }));
}

/** Deletes a file, if there is one. */
export async function remove(key) {
  const inside = await folder().catch(() => undefined);
  try {
    await once(async () => inside?.removeEntry(await nameOf(key)));
  } catch (error) {
    if (error.name !== "NotFoundError") throw error;
  }
}
