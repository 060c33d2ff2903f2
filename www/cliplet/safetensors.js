// The start of a safetensors file: eight bytes that tell the length of a header, and the header.

/** Name of the start in the cache, while the rest is still to come. */
export const START = "start";
/** Longest header waited for; the engine refuses longer ones. */
const MAX_HEADER = 100e6;

/**
 * Repeats `chunks`, but the first one is exactly the header of the file.
 * @param {AsyncIterable<Uint8Array<ArrayBuffer>>} chunks
 */
export async function* startFirst(chunks) {
  /** @type {Uint8Array<ArrayBuffer>[] | null} */
  let gathered = [];
  let size = 0;
  let wanted = 8;
  for await (const chunk of chunks) {
    if (!gathered) {
      yield chunk;
      continue;
    }
    gathered.push(chunk);
    size += chunk.length;
    if (size < wanted) continue;
    /** @type {Uint8Array<ArrayBuffer>} */
    const start = new Uint8Array(await new Blob(gathered).arrayBuffer());
    const length = Number(new DataView(start.buffer).getBigUint64(0, true));
    wanted = 8 + (length <= MAX_HEADER ? length : 0);
    if (size < wanted) {
      gathered = [start];
      continue;
    }
    gathered = null;
    yield start.subarray(0, wanted);
    if (size > wanted) yield start.subarray(wanted);
  }
  if (gathered?.length) yield new Uint8Array(await new Blob(gathered).arrayBuffer());
}
