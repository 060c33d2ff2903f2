// Names of cached models: keys, addresses in Cache storage, and names in the origin's private file system.

/** A source that begins so is the key of a cached model. */
export const CACHED = "cached:";
/** Name of the cache and of the folder. */
const MODELS = "cliplet-models";

/**
 * The record of a cached model.
 * @typedef {object} CacheRecord
 * @property {string} key under which its data is stored
 * @property {string} source
 * @property {string} name
 * @property {import("./download.js").FileVersion} version of the file on the server, or of the local one
 * @property {boolean} complete
 * @property {number} bytes
 * @property {string} saved ISO date
 * @property {boolean} [joined] whether it is one file and no longer parts
 * @property {string} [owner] the engine that writes it
 * @property {string} [quantization]
 * @property {string | null} [checksum]
 * @property {string | null} [origin]
 * @property {string | null} [licence]
 * @property {number} [parameters]
 */

/**
 * The address under which all models are cached; nothing is ever fetched from it. Cache storage accepts http addresses
 * only, so pages with another scheme (extensions, sandboxed frames) use a host name that belongs to no site.
 */
export function cacheRoot() {
  const origin = globalThis.location?.origin ?? "";
  return new URL("/.cliplet/", /^https?:/.test(origin) ? origin : "http://localhost").href;
}

/**
 * The address under which everything of a model is cached.
 * @param {string} key
 */
export const addressOf = (key) => `${cacheRoot()}${encodeURIComponent(key)}/`;

/**
 * The key in a source that names a cached model, also as earlier versions wrote it; undefined of other sources.
 * @param {string} source
 */
export const cachedKeyOf = (source) => /^(?:cached|kept):(.*)$/s.exec(source)?.[1];

/**
 * The key of a source given by name: one for each quantization of a Hub model; an address is its own key.
 * @param {string} source
 * @param {string} [quant]
 */
export function keyOf(source, quant) {
  return cachedKeyOf(source) ?? (source.startsWith("hf:") ? `${source} ${quant}` : source);
}

const NEXT = "next:";

/**
 * The two slots of a model: its replacement is written to one while the copy in the other stays.
 * @param {string} key
 */
export const slotsOf = (key) => [key, NEXT + key];

/**
 * The model's key, from that of either slot.
 * @param {string} slot
 */
export const modelKeyOf = (slot) => (slot.startsWith(NEXT) ? slot.slice(NEXT.length) : slot);

/**
 * A cache by name, or undefined where there is no such storage.
 * @param {string} [name]
 * @returns {Promise<Cache | undefined>}
 */
export async function openCache(name = MODELS) {
  try {
    return await globalThis.caches?.open(name);
  } catch {
    return undefined;
  }
}

/** The folder of the files; fails where there is none (some private modes, plain http). */
export const modelFolder = async () =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(MODELS, { create: true });

/**
 * A file's name has fewer letters than a key may have.
 * @param {string} key
 */
export async function fileNameFor(key) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * A model's file; fails where there is none, unless it is to be made.
 * @param {string} key
 * @param {{ create?: boolean }} [options]
 */
export async function fileHandleOf(key, options) {
  const [folder, name] = await Promise.all([modelFolder(), fileNameFor(key)]);
  return folder.getFileHandle(name, options);
}
