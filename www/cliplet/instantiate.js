// Starts the best WebAssembly module that this browser can run, and its threads.

import { variantModule } from "./modules.js";
import { variants } from "./variants.js";

/** @typedef {import("./types.js").Variant} Variant */
/** @typedef {import("./modules.js").Wasm} Wasm */

/**
 * A module that runs; where it has threads, `pool` is settled when they are there.
 * @typedef {{ wasm: Wasm, memory: WebAssembly.Memory, variant: Variant, threads: number, pool?: Promise<void> }} Running
 */

/**
 * @typedef {object} InstantiateOptions
 * @property {number} threads wanted
 * @property {Variant} [variant] the only one to try
 * @property {number} bytes of the model
 * @property {Record<string, WebAssembly.Module>} [compiled] by another engine
 */

const PAGE = 65536;
/** A threaded module starts with this memory: at least what the linker set, and no more, since what is allocated comes on top. */
const INITIAL_BYTES = 4 << 20;
const MAXIMUM_BYTES = 4 * 2 ** 30;

/**
 * Maxima to ask for, in pages, largest first: shared memory reserves its maximum up front on some devices (iOS Safari
 * refuses 4 GiB), so it is sized to the model and stepped down.
 * @param {number} modelBytes
 */
export function memoryMaxima(modelBytes) {
  const wanted = Math.min(MAXIMUM_BYTES, 2 * modelBytes + (512 << 20));
  const least = Math.min(wanted, 1.25 * modelBytes + (128 << 20));
  return [wanted, (wanted + least) / 2, least].map((bytes) => Math.ceil(bytes / PAGE));
}

/** @param {number} modelBytes */
function sharedMemory(modelBytes) {
  const initial = INITIAL_BYTES / PAGE;
  for (const maximum of memoryMaxima(modelBytes)) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared: true });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return null;
}

/**
 * The error that the engine cannot run here, whatever the model. `threads` marks one that is over without threads.
 * @param {unknown} error
 * @param {{ threads?: boolean }} [more]
 */
const unable = (error, more) =>
  Object.assign(/** @type {Error} */ (error), { code: "unsupported", engine: true, ...more });

/** @type {Promise<Running> | null} */
let running = null;

/**
 * The running module, started on the first call.
 * @param {InstantiateOptions} options
 */
export async function instantiate(options) {
  running ??= start(options).catch((error) => {
    running = null;
    throw error;
  });
  return running;
}

/**
 * Starts what it takes no model's size to start: a module without threads. Errors are reported by {@link instantiate}.
 * @param {Omit<InstantiateOptions, "bytes">} options
 */
export function instantiateEarly(options) {
  const [best] = variants(options.threads, options.variant);
  if (best && !best.endsWith("-threads")) instantiate({ ...options, bytes: 0 }).catch(() => {});
}

/**
 * Starts the threads of a module; nothing may be computed before. Where there are none to be had, the next start has none.
 * @param {Wasm} wasm
 * @param {number} threads
 */
async function startThreads(wasm, threads) {
  try {
    await wasm.initThreadPool(threads);
  } catch (error) {
    running = null;
    throw unable(error, { threads: true });
  }
}

/**
 * @param {InstantiateOptions} options
 * @returns {Promise<Running>}
 */
async function start({ threads: wanted, variant, bytes, compiled = {} }) {
  // More threads than cores wait for one another.
  const threads = Math.min(wanted, navigator.hardwareConcurrency ?? wanted);
  /** @type {unknown} */
  let failed = new Error("this browser has no WebAssembly SIMD: update it, or use another");
  for (const name of variants(threads, variant)) {
    try {
      const wasm = await variantModule(name);
      const module_or_path = compiled[name];
      if (!name.endsWith("-threads")) {
        const { memory } = await wasm.default({ module_or_path });
        return { wasm, memory, variant: name, threads: 1 };
      }
      const memory = sharedMemory(bytes);
      if (!memory) continue;
      await wasm.default({ module_or_path, memory });
      return { wasm, memory, variant: name, threads, pool: startThreads(wasm, threads) };
    } catch (error) {
      failed = error;
    }
  }
  throw unable(failed);
}
