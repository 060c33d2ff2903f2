// The four WebAssembly modules' JavaScript, each named in full so that it is found when the worker is bundled.

/** @typedef {typeof import("./wasm/simd/cliplet.js")} Wasm the JavaScript of one module */

/** @type {Record<import("./types.js").Variant, () => Promise<Wasm>>} */
const MODULES = {
  simd: () => import("./wasm/simd/cliplet.js"),
  relaxed: () => import("./wasm/relaxed/cliplet.js"),
  "simd-threads": () => import("./wasm/simd-threads/cliplet.js"),
  "relaxed-threads": () => import("./wasm/relaxed-threads/cliplet.js"),
};

/**
 * The JavaScript of a variant; it fetches its module when it is initialized.
 * @param {import("./types.js").Variant} name
 */
export const variantModule = (name) => MODULES[name]();
