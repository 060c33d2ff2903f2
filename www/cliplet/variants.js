// Which of the four WebAssembly modules this browser can run, best first, found by asking it.

/** @typedef {import("./types.js").Variant} Variant */

/** `i32x4.relaxed_dot_i8x16_i7x16_add_s` of three splats: validates where relaxed SIMD does. */
const RELAXED_SIMD = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0],
  ...[65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 147, 2, 11],
);

/** `i8x16.splat`: validates where SIMD does. */
const SIMD = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11],
);

/** True if this context can share memory between workers. */
export const canThread = () => globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";

/**
 * The instructions that serve best: relaxed SIMD where the engine has it, else plain SIMD, or null where there is no
 * SIMD at all. The module with relaxed SIMD asks at its start what the engine's dot product does.
 * @returns {"relaxed" | "simd" | null}
 */
export function simdKind() {
  if (!WebAssembly.validate(SIMD)) return null;
  return WebAssembly.validate(RELAXED_SIMD) ? "relaxed" : "simd";
}

/**
 * Names of the variants to try, best first. Plain SIMD comes after relaxed SIMD, for a site that has not all four.
 * @param {number} threads wanted
 * @param {Variant} [forced] the only one to try
 * @returns {Variant[]}
 */
export function variants(threads, forced) {
  if (forced) return [forced];
  const best = simdKind();
  if (!best) return [];
  const kinds = best === "relaxed" ? /** @type {const} */ (["relaxed", "simd"]) : /** @type {const} */ (["simd"]);
  const threaded = threads > 1 && canThread() ? kinds.map((kind) => /** @type {const} */ (`${kind}-threads`)) : [];
  return [...threaded, ...kinds];
}
