// Starts the best WebAssembly variant that this engine can run, and its threads.

import { variantModule } from "./modules.js";
import { variants } from "./variants.js";

const PAGE = 65536;
/** What a threaded module starts with: at least what the linker set, and no more, since what is allocated comes on top. */
const INITIAL_BYTES = 4 << 20;
const MAXIMUM_BYTES = 4 * 2 ** 30;

/**
 * Maxima to ask for, in bytes, largest need first: shared memory reserves its maximum up front on
 * some devices (iOS Safari refuses 4 GiB), so it is sized to the model and stepped down.
 */
function maxima(modelBytes) {
  const wanted = Math.min(MAXIMUM_BYTES, 2 * modelBytes + (512 << 20));
  const least = Math.min(wanted, modelBytes + (modelBytes >> 2) + (128 << 20));
  return [wanted, (wanted + least) / 2, least].map((bytes) => Math.ceil(bytes / PAGE));
}

function sharedMemory(modelBytes) {
  const initial = INITIAL_BYTES / PAGE;
  for (const maximum of maxima(modelBytes)) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared: true });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return null;
}

/** The error that the engine cannot run here, whatever the model. */
const unable = (error, more) => Object.assign(error, { code: "unsupported", engine: true, ...more });

let running = null;

/**
 * The running module, started on the first call; where it has threads, `pool` is when they are there.
 * @param {{threads: number, variant?: string, bytes: number, compiled?: Record<string, WebAssembly.Module>}} options
 *   `bytes` is the model's size, `compiled` what another engine has compiled.
 */
export async function boot(options) {
  running ??= start(options).catch((error) => {
    running = null;
    throw error;
  });
  return running;
}

/** Starts what it takes no model's size to start: a module without threads. What is wrong is told by {@link boot}. */
export function startEarly(options) {
  const [best] = variants(options.threads, options.variant);
  if (best && !best.endsWith("-threads")) boot({ ...options, bytes: 0 }).catch(() => {});
}

/** Starts the threads of a module; nothing may be computed before. Where there are none to be had, the next start has none. */
async function pool(wasm, threads) {
  try {
    await wasm.initThreadPool(threads);
  } catch (error) {
    running = null;
    throw unable(error, { threads: true });
  }
}

async function start({ threads: wanted, variant, bytes, compiled = {} }) {
  // More threads than cores wait for one another.
  const threads = Math.min(wanted, navigator.hardwareConcurrency ?? wanted);
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
      return { wasm, memory, variant: name, threads, pool: pool(wasm, threads) };
    } catch (error) {
      failed = error;
    }
  }
  throw unable(failed);
}
