// Runs long computations on the main thread in slices, so that typing and scrolling are never held up.

/** Longest stretch of work between two pauses, in milliseconds; 50 is where people notice. */
const SLICE = 8;

/** Lets pending events and frames run. */
function yieldToEvents() {
  if (globalThis.scheduler?.yield) return globalThis.scheduler.yield();
  return new Promise((resume) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resume();
    };
    port2.postMessage(null);
  });
}

/**
 * Calls `work` for each item, in slices.
 * @template T
 * @param {Iterable<T>} items
 * @param {(item: T) => void} work must be short for one item
 * @param {() => boolean} [stale] asked after each pause; true stops the walk
 * @returns {Promise<boolean>} false where it was stopped
 */
export async function inSlices(items, work, stale = () => false) {
  let until = performance.now() + SLICE;
  for (const item of items) {
    work(item);
    if (performance.now() < until) continue;
    await yieldToEvents();
    if (stale()) return false;
    until = performance.now() + SLICE;
  }
  return true;
}
