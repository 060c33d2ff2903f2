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

/**
 * A function `f(weight, code)`: the first lane of `i32x4.relaxed_dot_i8x16_i7x16_add_s` of both splats and zero, which
 * is the sum of four products.
 */
const RELAXED_DOT = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0],
  ...[10, 22, 1, 20, 0, 32, 0, 253, 15, 32, 1, 253, 15, 65, 0, 253, 15, 253, 147, 2, 253, 27, 0, 11],
);

/** Weights and codes whose products an instruction that saturates gets wrong. */
const PROBES = [
  [-127, 255],
  [127, 255],
  [127, 128],
  [-127, 128],
  [1, 200],
];

/** @type {boolean | null} */
let exact = null;

/**
 * If this engine's relaxed dot product is exact for codes of eight bits, unsigned or signed. Where the processor has
 * no such instruction, pairs of products saturate at sixteen bits: there the plain module, whose codes have eleven
 * bits, is as fast and more accurate. Asked once.
 * @returns {boolean}
 */
export function hasExactDot() {
  if (exact !== null) return exact;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(RELAXED_DOT)).exports;
  const dot = /** @type {(weight: number, code: number) => number} */ (f);
  const equals = (/** @type {(code: number) => number} */ value) =>
    PROBES.every(([weight, code]) => dot(weight, code) === 4 * weight * value(code));
  exact = equals((code) => code) || equals((code) => (code << 24) >> 24);
  return exact;
}

/** True if this context can share memory between workers. */
export const canThread = () => globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";

/**
 * The instructions that serve best: relaxed SIMD where its dot product is exact, else plain SIMD, or null where there
 * is no SIMD at all.
 * @returns {"relaxed" | "simd" | null}
 */
export function simdKind() {
  if (!WebAssembly.validate(SIMD)) return null;
  return WebAssembly.validate(RELAXED_SIMD) && hasExactDot() ? "relaxed" : "simd";
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
