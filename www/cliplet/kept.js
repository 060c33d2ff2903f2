// How what is kept of a model on this device is found: a record in Cache storage and, once it is whole, a
// file of the origin's private file system. The page looks for both while the engine's worker starts.

/** What marks the key of a kept model as a source. */
export const KEPT = "kept:";
/** What the cache and the folder are called. */
const MODELS = "cliplet-models";

/** Where everything that is kept has its addresses; nothing is ever fetched from them. */
export const ROOT = new URL("/.cliplet/", globalThis.location.origin === "null" ? "http://localhost" : globalThis.location.origin).href;

/** Under which address everything of a model lies. */
export const addressOf = (key) => `${ROOT}${encodeURIComponent(key)}/`;

/** What a source that is named is kept under: a Hub's model in each quantization, an address as it is. */
export function keyOf(source, quant) {
  if (source.startsWith(KEPT)) return source.slice(KEPT.length);
  return source.startsWith("hf:") ? `${source} ${quant}` : source;
}

/** A cache by name, or undefined where there is no such storage. */
export async function storage(name = MODELS) {
  try {
    return await globalThis.caches?.open(name);
  } catch {
    return undefined;
  }
}

/** The record of a kept model, whole or not, or undefined. */
export async function find(key) {
  const cache = await storage();
  const kept = await cache?.match(`${addressOf(key)}record`).catch(() => undefined);
  return kept?.json();
}

/** The folder of the files; fails where there is none (some private modes, plain http). */
export const folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle(MODELS, { create: true });

/** A file's name has fewer letters than a key may have. */
export async function nameOf(key) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A model's file; fails where there is none, unless it is to be made. */
export async function handleOf(key, options) {
  const [inside, name] = await Promise.all([folder(), nameOf(key)]);
  return inside.getFileHandle(name, options);
}

/**
 * What is kept of a source that is named, to be sent to a worker: its record, and its file where there is
 * one and this browser sends such; undefined where the worker must look itself.
 */
export async function lookUp(source, quant) {
  const key = keyOf(source, quant);
  // A clone fails where a message would.
  const handle = handleOf(key).then(structuredClone).catch(() => undefined);
  try {
    return { record: await find(key), handle: await handle };
  } catch {
    return undefined;
  }
}
