// Threads of the engine. Each runs the engine's own worker script once more, whatever a bundler has made of its name, so a
// policy need allow nothing but the page's own scripts.

import { variantModule } from "./modules.js";

/** @typedef {import("./types.js").Variant} Variant */
/**
 * @typedef {object} Pool
 * @property {Variant} variant
 * @property {WebAssembly.Module} module
 * @property {WebAssembly.Memory} memory
 * @property {number} receiver address of the channel that hands out jobs
 * @property {string} [alarm] name of the channel that tells the page of a thread that stopped
 */

/** The workers are held here, since Firefox collects those that nothing holds. @type {Worker[]} */
let threads = [];
/** @type {string | undefined} */
let alarm;

/**
 * Names the channel that tells the page of a thread that stopped; the engine's worker, which waits for that thread, cannot.
 * @param {string | undefined} name
 */
export function setAlarm(name) {
  alarm = name;
}

/**
 * The kind of script that this worker runs: some bundlers (Turbopack) make a classic one of it, which a thread must be too.
 * @returns {WorkerType}
 */
export function scriptKind() {
  /** @type {any} */
  const worker = globalThis;
  try {
    // Modules have the function and may not call it. Firefox notices that only where there is something to import.
    worker.importScripts();
    worker.importScripts("data:text/javascript,");
  } catch (error) {
    // A classic script whose policy forbids the address gets another error.
    if (error instanceof TypeError) return "module";
  }
  return "classic";
}

/** @param {Worker} worker */
const ready = (worker) =>
  new Promise((resolve, reject) => {
    worker.onmessage = resolve;
    worker.onerror = ({ message }) => reject(new Error(message ?? "a thread could not start"));
  });

/**
 * Starts the pool of a module; the build puts this in the place of wasm-bindgen-rayon's own starter.
 * @param {Variant} variant
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory
 * @param {{ numThreads(): number, receiver(): number, build(): void }} builder
 */
export async function startPool(variant, module, memory, builder) {
  const pool = { variant, module, memory, receiver: builder.receiver(), alarm };
  const options = /** @type {const} */ ({ type: scriptKind(), name: "cliplet-thread" });
  const start = () => new Worker(globalThis.location.href, options);
  threads = Array.from({ length: builder.numThreads() }, start);
  try {
    for (const worker of threads) worker.postMessage({ pool });
    await Promise.all(threads.map(ready));
  } catch (error) {
    for (const worker of threads) worker.terminate();
    throw error;
  }
  builder.build();
}

/**
 * Becomes one thread of a pool, for good.
 * @param {Pool} pool
 */
export async function joinPool({ variant, module, memory, receiver, alarm: channel }) {
  const wasm = await variantModule(variant);
  await wasm.default({ module_or_path: module, memory });
  postMessage("ready");
  try {
    wasm.wbg_rayon_start_worker(receiver);
  } catch (error) {
    if (channel) new BroadcastChannel(channel).postMessage(String(/** @type {Error} */ (error)?.message ?? error));
    throw error;
  }
}
