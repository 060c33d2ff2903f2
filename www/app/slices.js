// Long sums on the main thread in slices: what would hold up typing and scrolling pauses often enough
// that it does not.

/** Longest stretch of work between two breaths, in milliseconds; 50 is where people notice. */
const SLICE = 8;

/** Lets events and frames in. */
function breathe() {
  if (globalThis.scheduler?.yield) return globalThis.scheduler.yield();
  return new Promise((resume) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resume());
    port2.postMessage(null);
  });
}

/**
 * Calls `work` for each item, in slices.
 * @template T
 * @param {Iterable<T>} items
 * @param {(item: T) => void} work must be short for one item
 * @param {() => boolean} [stale] asked after each breath; true stops the walk
 * @returns {Promise<boolean>} whether it came to the end
 */
export async function inSlices(items, work, stale = () => false) {
  let until = performance.now() + SLICE;
  for (const item of items) {
    work(item);
    if (performance.now() < until) continue;
    await breathe();
    if (stale()) return false;
    until = performance.now() + SLICE;
  }
  return true;
}
