// The four WebAssembly modules' JavaScript, each named in full so that it is found when the worker is bundled.

const MODULES = {
  simd: () => import("./wasm/simd/cliplet.js"),
  relaxed: () => import("./wasm/relaxed/cliplet.js"),
  "simd-threads": () => import("./wasm/simd-threads/cliplet.js"),
  "relaxed-threads": () => import("./wasm/relaxed-threads/cliplet.js"),
};

/** The JavaScript of a variant; it fetches its module when it is initialised. */
export const variantModule = (name) => MODULES[name]();
