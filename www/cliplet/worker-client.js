// The page's end of the engine's worker: numbers requests, hands answers back, turns aborts into messages, and notices
// when the engine has stopped.

import { ClipletError, cancelled, fromSent } from "./errors.js";
import { startEngineWorker } from "./host.js";

/**
 * @typedef {object} RequestOptions
 * @property {AbortSignal} [signal]
 * @property {(progress: any) => void} [onProgress]
 * @property {Transferable[]} [transfer] buffers that are moved instead of copied
 */

/**
 * @typedef {object} OpenRequest
 * @property {(value: any) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {(progress: any) => void} [onProgress]
 * @property {AbortSignal} [signal]
 * @property {() => void} release stops listening to the signal
 * @property {Promise<any>} settled
 */

/** WebAssembly modules that an engine of this page has compiled, by variant: the next one need not. */
/** @type {Record<string, WebAssembly.Module>} */
export const compiledModules = {};

/** Clients with requests under way. Firefox collects a worker that nothing else holds, and with it the answer. */
const busy = new Set();

/** The engine stopped while it computed. `culprit` marks the request that it was at. */
export class EngineStopped extends ClipletError {
  culprit = false;

  /** @param {string} reason */
  constructor(reason) {
    super("engine", `the engine stopped: ${reason}`, { cause: new Error(reason) });
  }
}

export const disposed = () => new ClipletError("disposed", "this engine was disposed of");

export class WorkerClient {
  /** @type {Worker | null} */
  #worker;
  /** @type {Map<number, OpenRequest>} in the order in which the worker answers them */
  #open = new Map();
  #next = 1;
  #started = false;
  /** @type {unknown} */
  #closed = null;
  /** Carries word of a thread that stopped: the worker that waits for it cannot. @type {BroadcastChannel | null} */
  #alarm;
  /** Name of that channel. */
  alarm = `cliplet-${Math.random().toString(36).slice(2)}`;

  /** @param {{ workerUrl?: string }} host */
  constructor(host) {
    this.#worker = startEngineWorker(host);
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      if (this.#started) this.#stopped(event.message ?? "its worker failed");
      else this.close(this.#notStarted(event.message));
    };
    this.#alarm = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(this.alarm);
    // Outside of a browser it would keep the program from ending.
    /** @type {any} */ (this.#alarm)?.unref?.();
    if (this.#alarm) this.#alarm.onmessage = ({ data }) => this.#stopped(String(data));
  }

  /** @param {string} [message] */
  #notStarted(message) {
    const reason = message ? ` (${message})` : "";
    return new ClipletError(
      "engine",
      `the engine stopped: its worker could not start${reason}. Where a bundler does not copy worker.js and wasm/, serve the package's folder and name it as \`baseUrl\``,
    );
  }

  /** True if requests can be sent. */
  get alive() {
    return this.#worker !== null;
  }

  /** @param {{ id: number, value?: any, error?: import("./errors.js").SentError, progress?: any, compiled?: object, stopped?: string }} data */
  #receive({ id, value, error, progress, compiled, stopped }) {
    this.#started = true;
    if (compiled) return void Object.assign(compiledModules, compiled);
    if (stopped !== undefined) return this.#stopped(stopped);
    const request = this.#open.get(id);
    if (!request) return;
    if (progress) return request.onProgress?.(progress);
    this.#open.delete(id);
    if (this.#open.size === 0) busy.delete(this);
    request.release();
    if (!error) request.resolve(value);
    else request.reject(error.code === "cancelled" ? cancelled(request.signal) : fromSent(error));
  }

  /** @param {string} reason */
  #stopped(reason) {
    const [atWork] = this.#open.values();
    const error = new EngineStopped(reason);
    if (atWork) {
      const culprit = Object.assign(new EngineStopped(reason), { culprit: true });
      atWork.reject(culprit);
    }
    this.close(error);
  }

  /**
   * Sends a request.
   * @param {string} op
   * @param {object} args
   * @param {RequestOptions} [options]
   * @returns {Promise<any>}
   */
  request(op, args, { signal, onProgress, transfer = [] } = {}) {
    const worker = this.#worker;
    if (!worker) return Promise.reject(this.#closed);
    if (signal?.aborted) return Promise.reject(cancelled(signal));
    const id = this.#next++;
    const { promise, resolve, reject } = withResolvers();
    const abort = () => this.#worker?.postMessage({ id, op: "abort" });
    signal?.addEventListener("abort", abort);
    const release = () => signal?.removeEventListener("abort", abort);
    try {
      worker.postMessage({ id, op, ...args }, transfer);
    } catch (cause) {
      release();
      return Promise.reject(
        new ClipletError("input", `this cannot be sent to the engine: ${/** @type {Error} */ (cause).message}`, {
          cause,
        }),
      );
    }
    this.#open.set(id, { resolve, reject, onProgress, signal, release, settled: promise });
    busy.add(this);
    return promise;
  }

  /** Closes once every open request is answered. */
  async closeWhenIdle() {
    await Promise.allSettled([...this.#open.values()].map(({ settled }) => settled));
    this.close(disposed());
  }

  /**
   * Ends the worker; open and later requests are rejected.
   * @param {unknown} error
   */
  close(error) {
    if (!this.#worker) return;
    this.#worker.terminate();
    this.#worker = null;
    this.#alarm?.close();
    this.#closed = error;
    for (const { reject, release } of this.#open.values()) {
      release();
      reject(error);
    }
    this.#open.clear();
    busy.delete(this);
  }
}

/**
 * `Promise.withResolvers`, which is younger than some browsers that run the engine.
 * @returns {{ promise: Promise<any>, resolve: (value: any) => void, reject: (error: unknown) => void }}
 */
function withResolvers() {
  /** @type {any} */
  let [resolve, reject] = [];
  const promise = new Promise((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}
