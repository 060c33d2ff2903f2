// The engine's worker: answers one request at a time in the order in which they come.
// Requests are { id, op, ...arguments }; answers { id, value } or { id, error }; on the way { id, progress }, and
// { compiled } for other engines. { id, op: "abort" } cancels a request that is queued or between two steps.
// { stopped } says that the WebAssembly has trapped: its memory is in no known state, and the page replaces this worker.

import { ClipletError, toSent } from "./errors.js";
import { operations } from "./operations.js";
import { joinPool } from "./pool.js";

/** For each request that is waiting or running, the controller that cancels it. @type {Map<number, AbortController>} */
const controllers = new Map();
let stopped = false;

/** Lets messages in. @returns {Promise<void>} */
const letMessagesIn = () =>
  new Promise((resume) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resume();
    };
    port2.postMessage(null);
  });

/** @param {AbortSignal} signal */
function stopIfAborted(signal) {
  if (signal.aborted) throw new ClipletError("cancelled", "cancelled");
}

/**
 * The request that an operation answers.
 * @typedef {object} Call
 * @property {AbortSignal} signal
 * @property {boolean} alone whether no other request waits, which could be one to abort
 * @property {() => Promise<void>} checkpoint lets messages in, then ends the operation if its request was aborted
 * @property {(progress: object) => void} report
 */

/**
 * @param {number} id
 * @returns {Call}
 */
function callOf(id) {
  const { signal } = /** @type {AbortController} */ (controllers.get(id));
  return {
    signal,
    get alone() {
      return controllers.size === 1;
    },
    async checkpoint() {
      await letMessagesIn();
      stopIfAborted(signal);
    },
    report: (progress) => postMessage({ id, progress }),
  };
}

/**
 * True if an error means that the WebAssembly can no longer be used: it trapped, or is still marked as busy from a trap.
 * @param {unknown} error
 */
function isTrap(error) {
  if (error instanceof WebAssembly.RuntimeError) return true;
  const { code, message } = /** @type {{ code?: unknown, message?: string }} */ (Object(error));
  return (
    typeof code !== "string" &&
    /recursive use of an object|null pointer passed to rust|call stack|too much recursion/.test(message ?? "")
  );
}

/** @param {{ id: number, op: string, [more: string]: any }} request */
async function answer({ id, op, ...args }) {
  if (stopped) return;
  const call = callOf(id);
  try {
    stopIfAborted(call.signal);
    const operation = operations[/** @type {keyof typeof operations} */ (op)];
    postMessage({ id, value: await operation(/** @type {any} */ (args), call) });
  } catch (error) {
    if (isTrap(error)) {
      stopped = true;
      return postMessage({ stopped: String(/** @type {Error} */ (error).message) });
    }
    postMessage({
      id,
      error: call.signal.aborted ? { code: "cancelled", message: "cancelled", item: null } : toSent(error),
    });
  } finally {
    controllers.delete(id);
  }
}

/** @type {Promise<void>} */
let last = Promise.resolve();

addEventListener("message", ({ data }) => {
  if (data.pool) return void joinPool(data.pool);
  if (data.op === "abort") {
    controllers.get(data.id)?.abort();
    return;
  }
  controllers.set(data.id, new AbortController());
  last = last.then(() => answer(data));
});
