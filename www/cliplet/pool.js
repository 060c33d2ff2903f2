// Threads of the engine. Each runs the engine's own worker script once more, whatever a bundler has
// made of its name, so a policy need allow nothing but the page's own scripts.

import { variantModule } from "./modules.js";

/** Kept, since Firefox collects workers that nothing holds. */
let threads = [];

const ready = (worker) =>
  new Promise((resolve, reject) => {
    worker.onmessage = resolve;
    worker.onerror = ({ message }) => reject(new Error(message ?? "a thread could not start"));
  });

/** Starts the pool of a module; the build puts this in the place of wasm-bindgen-rayon's own starter. */
export async function startPool(variant, module, memory, builder) {
  const pool = { variant, module, memory, receiver: builder.receiver() };
  const start = () => new Worker(globalThis.location.href, { type: "module", name: "cliplet-thread" });
  threads = Array.from({ length: builder.numThreads() }, start);
  try {
    await Promise.all(threads.map((worker) => (worker.postMessage({ pool }), ready(worker))));
  } catch (error) {
    for (const worker of threads) worker.terminate();
    throw error;
  }
  builder.build();
}

/** Becomes one thread of a pool, for good. */
export async function joinPool({ variant, module, memory, receiver }) {
  const wasm = await variantModule(variant);
  await wasm.default({ module_or_path: module, memory });
  postMessage("ready");
  wasm.wbg_rayon_start_worker(receiver);
}
