// A model's source, opened: one of our files (an address, a local file, or one cached on this device), or a snapshot (a Hub
// id, or its files chosen together).

import { CACHED, keyOf } from "./cache-keys.js";
import { chunksOf, download, failure, fileNameOf, sameVersion, serverVersion } from "./download.js";
import { findModel, openModelFile, readBytes } from "./model-cache.js";
import { HUB } from "./model-source.js";
import { downloadFromHub, openRepository } from "./repository.js";
import {
  CONFIG,
  isApples,
  isOpenClip,
  isWeights,
  MODULES,
  OPEN_CLIP_CONFIG,
  SETTINGS,
  shardsOf,
  textTowerFolders,
  tokenizerFiles,
  WEIGHTS,
} from "./snapshot-files.js";
import { WeightFile } from "./weight-file.js";

/** @typedef {import("./cache-keys.js").CacheRecord} CacheRecord */
/** @typedef {import("./download.js").FileVersion} FileVersion */

/**
 * @typedef {object} Stream
 * @property {FileVersion} version
 * @property {number} [total]
 * @property {AsyncGenerator<Uint8Array<ArrayBuffer>>} chunks
 */

/**
 * A model as transformers and open_clip save it.
 * @typedef {object} Snapshot
 * @property {Map<string, Uint8Array<ArrayBuffer>>} files its small files
 * @property {boolean} openClip whether open_clip's settings go with its weights
 * @property {WeightFile[]} weights
 * @property {Snapshot & { name: string }} [imageTower] the CLIP that gives a text tower its image tower
 */

/**
 * @typedef {object} Opened
 * @property {string} key the model's in the cache
 * @property {string} source loads it again
 * @property {string} name
 * @property {boolean} cacheable whether it may be cached on this device
 * @property {CacheRecord} [cached] its record, where it is cached whole
 * @property {Promise<boolean>} [changed] whether the server has another version than is cached; settled within three seconds
 * @property {CacheRecord} [resumed] its record, where a part of it is cached that can be continued
 * @property {string} [id] the Hub's
 * @property {string} [quant]
 * @property {() => Promise<Snapshot>} [snapshot] opens it, where it is one
 * @property {(from: number, version?: FileVersion) => Promise<Stream>} [read]
 * @property {() => Promise<FileSystemSyncAccessHandle>} [file] opens what is cached as a file
 */

/**
 * @typedef {object} OpenOptions
 * @property {string} [quant]
 * @property {string} [hub]
 * @property {string} [baseUrl]
 * @property {number} [stallTimeout]
 * @property {AbortSignal} signal
 * @property {boolean} [anew] passes over what is cached whole
 * @property {boolean} [restart] passes over parts that could be continued
 * @property {import("./model-cache.js").Found} [found] what the page found in the cache
 */

/**
 * A download whose first answer has come.
 * @param {AsyncGenerator<any>} chunks
 * @returns {Promise<Stream>}
 */
async function begun(chunks) {
  const { value } = await chunks.next();
  return { ...value, chunks };
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
async function* readBlob(blob, name) {
  try {
    yield* chunksOf(blob.stream());
  } catch (cause) {
    throw failure("io", `${name}: it could not be read; was it moved or changed meanwhile?`, { cause });
  }
}

/**
 * A file's name without the folders that it lies in.
 * @param {Blob & { name?: string }} file
 */
const baseName = ({ name = "" }) => name.slice(name.lastIndexOf("/") + 1);

/**
 * A local file; another of the same name, size and date is taken for the same.
 * @param {Blob & { name?: string, lastModified?: number }} file
 * @returns {Opened}
 */
function fromFile(file) {
  const name = baseName(file) || "model";
  const version = { total: file.size, modified: file.lastModified };
  const key = ["file", name, file.size, file.lastModified].filter((part) => part !== undefined).join(":");
  /** @param {number} from */
  const read = async (from) => ({
    version,
    total: file.size,
    chunks: /** @type {any} */ (readBlob(file.slice(from), name)),
  });
  return { key, source: CACHED + key, name, cacheable: Boolean(file.name), read };
}

/**
 * @param {string} key
 * @param {CacheRecord} cached
 * @param {FileSystemFileHandle} [handle]
 * @returns {Opened}
 */
function fromCache(key, cached, handle) {
  const { source, name, version, bytes: total } = cached;
  const opened = { key, source, name, cacheable: false, cached };
  if (cached.joined) return { ...opened, file: () => openModelFile(cached, handle) };
  return { ...opened, read: async () => ({ version, total, chunks: readBytes(cached.key) }) };
}

/**
 * The part that can be continued: of a file that no mark tells from its next version none can.
 * @param {CacheRecord[]} parts
 * @param {FileVersion | null} [now] of the server, where that is known
 */
const resumable = (parts, now) =>
  parts.find(({ version }) => (version.etag || version.modified) && !(now && !sameVersion(version, now)));

/**
 * @param {string} key
 * @param {OpenOptions} options
 */
async function cachedOf(key, { found, anew, restart }) {
  if (found && !anew) return { whole: found.whole, handle: found.handle, parts: [] };
  const { whole, parts } = await findModel(key);
  return { whole: anew ? undefined : whole, parts: restart ? [] : parts };
}

/**
 * @param {string} address
 * @param {OpenOptions} options
 * @returns {Promise<Opened>}
 */
async function fromAddress(address, options) {
  const { signal, stallTimeout, baseUrl, hub = HUB } = options;
  const name = fileNameOf(address);
  const ofHub = new URL(address).origin === new URL(hub).origin;
  const { whole, handle, parts } = await cachedOf(address, options);
  if (whole) {
    // It is read while the server is asked. The Hub is left alone.
    const now = ofHub ? Promise.resolve(null) : serverVersion(address, signal);
    const changed = now.then((version) => version !== null && !sameVersion(whole.version, version)).catch(() => false);
    return { ...fromCache(address, whole, handle), name, changed };
  }
  const now = parts.length > 0 && !ofHub ? await serverVersion(address, signal) : null;
  /** @param {number} from @param {FileVersion} [version] */
  const read = (from, version) =>
    begun((ofHub ? downloadFromHub : download)(address, { from, version, signal, stallTimeout, baseUrl }));
  return { key: address, source: address, name, cacheable: true, resumed: resumable(parts, now), read };
}

/**
 * The files of weights among those chosen: the first in the order of `WEIGHTS` that are there, else any.
 * @param {Map<string, Blob>} files
 */
async function chosenWeights(files) {
  const known = WEIGHTS.find((name) => files.has(name) && (!isOpenClip(name) || files.has(OPEN_CLIP_CONFIG)));
  if (known?.endsWith(".json")) {
    const shards = shardsOf(await /** @type {Blob} */ (files.get(known)).text(), known);
    const missing = shards.filter((shard) => !files.has(shard));
    if (missing.length > 0) throw failure("input", `${known}: choose ${missing.join(", ")} too, which it lists`);
    return shards;
  }
  if (known) return [known];
  const others = [...files.keys()].filter(isWeights);
  if (others.length > 1)
    throw failure("input", `${others[0]}: choose the .index.json of its folder too, which says what is in each part`);
  return others;
}

/**
 * A text tower of sentence-transformers among files that were chosen as a folder, or undefined.
 * @param {(Blob & { name?: string, lastModified?: number })[]} chosen
 * @param {string} [quant]
 * @returns {Promise<Opened | undefined>}
 */
async function fromTextTower(chosen, quant) {
  const list = chosen.find((file) => baseName(file) === MODULES);
  const folders = list && textTowerFolders(await list.text(), MODULES);
  if (!list || !folders) return undefined;
  const root = (list.name ?? "").slice(0, -MODULES.length);
  const byPath = new Map(chosen.map((file) => [(file.name ?? "").slice(root.length), file]));
  const weights = [];
  for (const folder of [folders.transformer, folders.linear]) {
    const inside = [...byPath].filter(([path]) => path.startsWith(folder) && !path.slice(folder.length).includes("/"));
    const found = await chosenWeights(new Map(inside.map(([path, file]) => [path.slice(folder.length), file])));
    if (found.length === 0 || (folder === "" && folders.linear === ""))
      throw failure(
        "input",
        `${folder || MODULES}: choose the whole folder of this text tower, whose parts have files of the same names`,
      );
    weights.push(...found.map((name) => /** @type {File} */ (byPath.get(folder + name))));
  }
  /** @type {Map<string, Uint8Array<ArrayBuffer>>} */
  const files = new Map();
  for (const [path, file] of byPath)
    if (!isWeights(path) && !path.endsWith(".index.json")) files.set(path, new Uint8Array(await file.arrayBuffer()));
  return fromWeights(weights, quant, { files, openClip: false });
}

/**
 * A snapshot whose weights are local files.
 * @param {(Blob & { name?: string, lastModified?: number })[]} weights
 * @param {string | undefined} quant
 * @param {Omit<Snapshot, "weights">} snapshot
 * @returns {Opened}
 */
function fromWeights(weights, quant, snapshot) {
  const parts = weights.map(fromFile);
  const opened = parts.map((part) => new WeightFile(part.name, /** @type {NonNullable<Opened["read"]>} */ (part.read)));
  const sizes = weights.map(({ size }) => size);
  const [first] = parts;
  const key = [first.key, sizes.length > 1 ? sizes.join("+") : undefined, quant].filter((part) => part !== undefined);
  return {
    ...first,
    key: key.join(":"),
    source: CACHED + key.join(":"),
    read: undefined,
    quant,
    snapshot: async () => ({ ...snapshot, weights: opened }),
  };
}

/**
 * The files of a snapshot, chosen together.
 * @param {(Blob & { name?: string, lastModified?: number })[]} chosen
 * @param {string} [quant]
 * @returns {Promise<Opened>}
 */
async function fromFiles(chosen, quant) {
  const tower = await fromTextTower(chosen, quant);
  if (tower) return tower;
  const byName = new Map(chosen.map((file) => [baseName(file), file]));
  const names = await chosenWeights(byName);
  const [name] = names;
  if (!name) {
    const first = (chosen[0] && baseName(chosen[0])) ?? "nothing";
    throw failure(
      "input",
      `${first}: choose a .gguf, or weights (.safetensors, .bin) with the small files beside them`,
    );
  }
  const openClip = byName.has(OPEN_CLIP_CONFIG) && (isOpenClip(name) || !byName.has(CONFIG));
  const settings = openClip ? OPEN_CLIP_CONFIG : CONFIG;
  const config = (await byName.get(settings)?.text()) ?? "";
  const tokenizers = tokenizerFiles(config);
  const missing = byName.has(settings) || isApples(name) ? [] : [settings];
  if (!tokenizers.some((files) => files.every((file) => byName.has(file)))) missing.push(...tokenizers[0]);
  // A vision tower alone has no texts, which its configuration tells the engine.
  const onlyImages = /"CLIPVisionModel/.test(config) || /"clip_vision_model"/.test(config);
  if (missing.length > 0 && !(onlyImages && byName.has(settings)))
    throw failure(
      "input",
      `${name} holds weights only: choose it together with ${missing.join(" and ")} of its folder`,
    );
  /** @type {Map<string, Uint8Array<ArrayBuffer>>} */
  const files = new Map();
  for (const small of [settings, "tokenizer_config.json", ...tokenizers.flat(), ...SETTINGS]) {
    const bytes = await byName.get(small)?.arrayBuffer();
    if (bytes) files.set(small, new Uint8Array(bytes));
  }
  const weights = names.map((part) => /** @type {File} */ (byName.get(part)));
  return fromWeights(weights, quant, { files, openClip });
}

/**
 * @param {string} source
 * @param {OpenOptions} options
 * @returns {Promise<Opened>}
 */
async function fromHub(source, options) {
  const { quant } = options;
  const key = keyOf(source, quant);
  const { whole, handle, parts } = await cachedOf(key, options);
  // A complete cached copy is used without asking the server, so that it works without a network.
  if (whole) return fromCache(key, whole, handle);
  const { id, snapshot } = await openRepository(source, options);
  return { key, source, name: id, id, cacheable: true, resumed: resumable(parts), quant, snapshot };
}

/**
 * @param {string} source
 * @param {OpenOptions} options
 * @returns {Promise<Opened>}
 */
async function fromCachedId(source, options) {
  const key = keyOf(source);
  const { whole, parts } =
    options.found && !options.anew ? { whole: options.found.whole, parts: [] } : await findModel(key);
  const origin = (whole ?? parts[0])?.source;
  // A damaged or incomplete copy is replaced from its original source.
  if (origin && !origin.startsWith(CACHED) && (options.anew || !whole)) {
    const quant = origin.startsWith("hf:") ? key.slice(origin.length + 1) : options.quant;
    return openSource(origin, { ...options, quant, found: undefined });
  }
  if (!whole || options.anew)
    throw failure("input", "this model is no longer cached on this device; load it from where it came");
  return fromCache(key, whole, options.found?.handle);
}

/**
 * A snapshot from files that is already cached packed is one of our files.
 * @param {Opened} opened
 * @param {OpenOptions} options
 * @returns {Promise<Opened>}
 */
async function packed(opened, options) {
  const { whole, parts } = await cachedOf(opened.key, options);
  return whole ? fromCache(opened.key, whole) : { ...opened, resumed: resumable(parts) };
}

/**
 * Opens a model to be read.
 * @param {import("./model-source.js").SentSource} source
 * @param {OpenOptions} options
 * @returns {Promise<Opened>}
 */
export async function openSource(source, options) {
  const files = Array.isArray(source) ? source : source instanceof Blob ? [source] : null;
  if (files) {
    const [first] = /** @type {File[]} */ (files);
    if (files.length === 1 && !isWeights(first.name ?? "")) return fromFile(first);
    return packed(await fromFiles(files, options.quant), options);
  }
  const named = /** @type {string} */ (source);
  if (named.startsWith("hf:")) return fromHub(named, options);
  return named.startsWith(CACHED) ? fromCachedId(named, options) : fromAddress(named, options);
}
