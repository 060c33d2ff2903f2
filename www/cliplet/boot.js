// Starts the best WebAssembly variant that this engine can run, and its threads.

import { variantModule } from "./modules.js";
import { variants } from "./variants.js";

const PAGE = 65536;
/** What a threaded module starts with; at least what the linker set. */
const INITIAL_BYTES = 64 << 20;
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

let running = null;

/**
 * The running module, started on the first call.
 * @param {{threads: number, variant?: string, bytes: number}} options `bytes` is the model's size.
 */
export async function boot({ threads, variant, bytes }) {
  running ??= start({ threads, variant, bytes }).catch((error) => {
    running = null;
    throw error;
  });
  return running;
}

async function start({ threads, variant, bytes }) {
  let failed = new Error("this browser has no WebAssembly SIMD: update it, or use another");
  for (const name of variants(threads, variant)) {
    try {
      const wasm = await variantModule(name);
      if (!name.endsWith("-threads")) {
        const { memory } = await wasm.default();
        return { wasm, memory, variant: name, threads: 1 };
      }
      const memory = sharedMemory(bytes);
      if (!memory) continue;
      await wasm.default({ memory });
      await wasm.initThreadPool(threads);
      return { wasm, memory, variant: name, threads };
    } catch (error) {
      failed = error;
    }
  }
  throw Object.assign(failed, { code: "unsupported" });
}
