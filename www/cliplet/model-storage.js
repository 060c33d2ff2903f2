// Named pieces of cached models in the browser's Cache storage; where the page has none that works (some extensions and
// private modes), in folders of the origin's private file system. A model's piece "record" says what it is.

import { addressOf, cacheRoot, fileNameFor, openCache } from "./cache-keys.js";

/**
 * @typedef {object} ModelStorage
 * @property {(key: string, name: string) => Promise<Blob | undefined>} get
 * @property {(key: string, name: string, body: Blob | string) => Promise<void>} put
 * @property {(key: string) => Promise<string[]>} names of a model's pieces
 * @property {(key: string, name: string) => Promise<void>} remove
 * @property {() => Promise<Blob[]>} records of all models
 */

/** @implements {ModelStorage} */
class CacheStorageModels {
  #cache;

  /** @param {Cache} cache */
  constructor(cache) {
    this.#cache = cache;
  }

  /** @param {string} key @param {string} name */
  async get(key, name) {
    const found = await this.#cache.match(addressOf(key) + name);
    return found?.blob();
  }

  /** @param {string} key @param {string} name @param {Blob | string} body */
  put(key, name, body) {
    return this.#cache.put(addressOf(key) + name, new Response(body));
  }

  /** @param {string} key */
  async names(key) {
    const folder = addressOf(key);
    const requests = await this.#cache.keys();
    return requests.filter(({ url }) => url.startsWith(folder)).map(({ url }) => url.slice(folder.length));
  }

  /** @param {string} key @param {string} name */
  async remove(key, name) {
    await this.#cache.delete(addressOf(key) + name);
  }

  async records() {
    const requests = await this.#cache.keys();
    const records = requests.filter(({ url }) => url.startsWith(cacheRoot()) && url.endsWith("/record"));
    const found = await Promise.all(records.map(async (request) => (await this.#cache.match(request))?.blob()));
    return found.filter((blob) => blob !== undefined);
  }
}

const FOLDER = "cliplet-parts";
const missing = () => undefined;

/**
 * The contents of a file, in memory: a `File` can no longer be read once another engine has changed or deleted what it
 * stands for. Undefined where that has happened already.
 * @param {FileSystemFileHandle} handle
 */
const contents = (handle) =>
  handle
    .getFile()
    .then((file) => file.arrayBuffer())
    .then((bytes) => new Blob([bytes]), missing);

/** @implements {ModelStorage} */
class FolderModels {
  #folder;

  /** @param {FileSystemDirectoryHandle} folder */
  constructor(folder) {
    this.#folder = folder;
  }

  /** @param {string} key @param {{ create?: boolean }} [options] */
  async #of(key, options) {
    return this.#folder.getDirectoryHandle(await fileNameFor(key), options);
  }

  /** @param {string} key @param {string} name */
  async get(key, name) {
    const folder = await this.#of(key).catch(missing);
    const handle = await folder?.getFileHandle(name).catch(missing);
    return handle && contents(handle);
  }

  /** @param {string} key @param {string} name @param {Blob | string} body */
  async put(key, name, body) {
    const folder = await this.#of(key, { create: true });
    const handle = await folder.getFileHandle(name, { create: true });
    const bytes = new Uint8Array(await new Blob([body]).arrayBuffer());
    const file = await handle.createSyncAccessHandle();
    try {
      file.truncate(0);
      if (file.write(bytes, { at: 0 }) < bytes.length) throw new DOMException("no room", "QuotaExceededError");
      file.flush();
    } finally {
      file.close();
    }
  }

  /** @param {string} key */
  async names(key) {
    const folder = await this.#of(key).catch(missing);
    return folder ? names(folder) : [];
  }

  /** @param {string} key @param {string} name */
  async remove(key, name) {
    const folder = await this.#of(key).catch(missing);
    await folder?.removeEntry(name).catch(missing);
  }

  async records() {
    const found = [];
    for (const name of await names(this.#folder)) {
      const folder = await this.#folder.getDirectoryHandle(name).catch(missing);
      const handle = await folder?.getFileHandle("record").catch(missing);
      const record = handle && (await contents(handle));
      if (record) found.push(record);
    }
    return found;
  }
}

/** @param {FileSystemDirectoryHandle} folder */
async function names(folder) {
  const found = [];
  for await (const name of /** @type {any} */ (folder).keys()) found.push(/** @type {string} */ (name));
  return found;
}

/** Cache storage, where something can really be put into it. */
async function cacheThatWorks() {
  const cache = await openCache();
  if (!cache || /^https?:/.test(globalThis.location?.protocol ?? "")) return cache;
  const probe = `${cacheRoot()}probe`;
  try {
    await cache.put(probe, new Response(""));
    await cache.delete(probe);
    return cache;
  } catch {
    return undefined;
  }
}

/** @returns {Promise<ModelStorage | undefined>} */
async function findStorage() {
  const cache = await cacheThatWorks();
  if (cache) return new CacheStorageModels(cache);
  try {
    const root = await navigator.storage.getDirectory();
    return new FolderModels(await root.getDirectoryHandle(FOLDER, { create: true }));
  } catch {
    return undefined;
  }
}

/** @type {Promise<ModelStorage | undefined> | null} */
let storage = null;

/** The storage of this page, or undefined where there is none (plain http, some private modes). */
export function modelStorage() {
  storage ??= findStorage();
  return storage;
}
