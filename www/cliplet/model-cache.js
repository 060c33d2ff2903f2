// Models cached on this device: each as a record and numbered parts, so that one whose download broke off is continued, and
// once whole as one file where there are files. A model has two slots, so that nothing is deleted before its replacement is
// whole. Everything here works, and caches nothing, where there is no storage.

import { addressOf, fileHandleOf, keyOf, modelKeyOf, slotsOf } from "./cache-keys.js";
import { failure } from "./download.js";
import { modelStorage } from "./model-storage.js";
import * as opfs from "./opfs.js";

/** @typedef {import("./cache-keys.js").CacheRecord} CacheRecord */

/** Bytes gathered before a part is written. */
const PART = 4 << 20;

/** @param {CacheRecord} a @param {CacheRecord} b */
const latestFirst = (a, b) => b.saved.localeCompare(a.saved);

/**
 * @param {Blob | undefined} blob
 * @returns {Promise<CacheRecord | undefined>}
 */
async function parsed(blob) {
  try {
    return blob && JSON.parse(await blob.text());
  } catch {
    return undefined;
  }
}

/** @param {string} slot */
async function recordOf(slot) {
  const storage = await modelStorage();
  return parsed(await storage?.get(slot, "record").catch(() => undefined));
}

/**
 * The cached copies of a model: the complete one, and incomplete ones, the latest first.
 * @param {string} key
 * @returns {Promise<{ whole?: CacheRecord, parts: CacheRecord[] }>}
 */
export async function findModel(key) {
  const records = (await Promise.all(slotsOf(key).map(recordOf)))
    .filter((record) => record !== undefined)
    .sort(latestFirst);
  return { whole: records.find(({ complete }) => complete), parts: records.filter(({ complete }) => !complete) };
}

/**
 * The cached copy of a source, as the page found it: its record, and its file.
 * @typedef {{ whole: CacheRecord, handle?: FileSystemFileHandle }} Found
 */

/**
 * Looks up what is cached of a source that is named while a worker starts, to be sent to it; undefined where there is
 * nothing, or the worker must look itself.
 * @param {string} source
 * @param {string} [quant]
 * @returns {Promise<Found | undefined>}
 */
export async function lookUp(source, quant) {
  const key = keyOf(source, quant);
  // A clone fails where a message would.
  const clone = (/** @type {string} */ slot) =>
    fileHandleOf(slot)
      .then((file) => structuredClone(file))
      .catch(() => undefined);
  try {
    const slots = slotsOf(key);
    const [{ whole }, ...handles] = await Promise.all([findModel(key), ...slots.map(clone)]);
    return whole && { whole, handle: handles[slots.indexOf(whole.key)] };
  } catch {
    return undefined;
  }
}

/** Records of all cached models under their models' keys, the latest first; of each model the whole copy, or else a part. */
export async function listRecords() {
  const storage = await modelStorage();
  const blobs = (await storage?.records().catch(() => [])) ?? [];
  const records = (await Promise.all(blobs.map(parsed))).filter((record) => record !== undefined).sort(latestFirst);
  /** @type {Map<string, CacheRecord>} */
  const models = new Map();
  for (const wanted of [true, false]) {
    for (const record of records.filter(({ complete }) => complete === wanted)) {
      const key = modelKeyOf(record.key);
      if (!models.has(key)) models.set(key, { ...record, key });
    }
  }
  return [...models.values()].sort(latestFirst);
}

/**
 * Does `work` while no other engine, of whatever tab, changes what is cached of a model; one that ends lets go.
 * @template T
 * @param {string} key
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function alone(key, work) {
  if (!globalThis.navigator?.locks || !(await modelStorage())) return work();
  return /** @type {Promise<T>} */ (navigator.locks.request(addressOf(modelKeyOf(key)), work));
}

/**
 * Deletes a model, with all that is cached of it.
 * @param {string} key
 */
export const deleteModel = (key) =>
  alone(key, async () => {
    for (const slot of slotsOf(key)) await erase(slot);
  });

/**
 * Empties one slot of a model.
 * @param {string} slot
 */
export const deleteSlot = (slot) => alone(slot, () => erase(slot));

/** @param {string} slot */
async function erase(slot) {
  await opfs.deleteFile(slot);
  const storage = await modelStorage();
  const names = (await storage?.names(slot).catch(() => [])) ?? [];
  // The record goes last: what is left of a model can then still be seen and deleted.
  names.sort((a, b) => Number(a === "record") - Number(b === "record"));
  for (const name of names) await storage?.remove(slot, name);
}

/**
 * One piece of a cached model as a chunk of bytes: a part by its number, or by name.
 * @param {string} slot
 * @param {string | number} name
 */
export async function readPiece(slot, name) {
  const storage = await modelStorage();
  const blob = await storage?.get(slot, String(name));
  return blob && new Uint8Array(await blob.arrayBuffer());
}

/**
 * The parts cached of a model, in order.
 * @param {string} slot
 */
export async function* readParts(slot) {
  for (let number = 0; ; number += 1) {
    const part = await readPiece(slot, number);
    if (!part) return;
    yield part;
  }
}

/**
 * The bytes of a whole cached model, in order, as long as they are parts.
 * @param {string} slot
 */
export async function* readBytes(slot) {
  const header = await readPiece(slot, "header");
  if (header) yield header;
  yield* readParts(slot);
}

/**
 * Opens the file of a model whose record says that it is `joined`.
 * @param {CacheRecord} record
 * @param {FileSystemFileHandle} [handle] where that has been looked up
 */
export async function openModelFile({ key, name }, handle) {
  try {
    return await opfs.openFile(key, handle);
  } catch (cause) {
    if (/** @type {Error} */ (cause).name === "NotFoundError")
      throw failure("model", `${name}: it is no longer on this device`, { cause });
    throw failure("io", `${name}: it could not be read; is another tab busy with it?`, { cause });
  }
}

/**
 * Makes one file of the parts of a model that is cached whole, since many are slow to read, and empties its other slot. It
 * may stop at any time, since the parts go last; without room for both, they stay.
 * @param {string} key
 */
export const joinParts = (key) =>
  alone(key, async () => {
    const storage = await modelStorage();
    const { whole } = await findModel(key);
    if (!storage || !whole) return;
    const slot = whole.key;
    for (const other of slotsOf(key)) if (other !== slot && (await recordOf(other))?.complete) await erase(other);
    if (whole.joined || !(await opfs.writeFile(slot, readBytes(slot), whole.bytes))) return;
    await storage.put(slot, "record", JSON.stringify({ ...whole, joined: true }));
    for (const name of await storage.names(slot)) if (name !== "record") await storage.remove(slot, name);
  });

/**
 * The slot for a new copy: one without a whole copy and, if possible, without parts that could still be continued.
 * @param {string} key
 */
async function freeSlot(key) {
  const { whole, parts } = await findModel(key);
  const slots = slotsOf(key).filter((slot) => slot !== whole?.key);
  return slots.find((slot) => !parts.some((part) => part.key === slot)) ?? parts[parts.length - 1].key;
}

/**
 * Writes a model while it arrives. A failure (the disk is full, say) ends the caching, not the loading. Of several engines
 * that write the same slot at once, the one that began last goes on.
 */
export class CacheWriter {
  /** The reason that nothing is cached any more. @type {"full" | "unavailable" | null} */
  error = null;
  /** @type {import("./model-storage.js").ModelStorage | undefined} */
  #storage;
  /** @type {CacheRecord} */
  #record;
  /** @type {BlobPart[]} */
  #gathered = [];
  #size = 0;
  #part = 0;

  /**
   * @param {import("./model-storage.js").ModelStorage | undefined} storage
   * @param {CacheRecord} record
   * @param {number} part
   */
  constructor(storage, record, part) {
    this.#storage = storage;
    if (!storage) this.error = "unavailable";
    this.#record = record;
    this.#part = part;
  }

  /**
   * Begins a copy in a free slot, or continues one of which `part` parts are there.
   * @param {{ key: string, source: string, name: string, version: import("./download.js").FileVersion }} model
   * @param {CacheRecord} [resumed]
   */
  static async open({ key, source, name, version }, resumed, part = 0) {
    const storage = await modelStorage();
    const owner = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    return alone(key, async () => {
      const slot = resumed?.key ?? (storage ? await freeSlot(key) : key);
      const record = {
        source,
        name,
        version,
        key: slot,
        owner,
        complete: false,
        bytes: 0,
        saved: new Date().toISOString(),
      };
      const writer = new CacheWriter(storage, record, part);
      if (part === 0) await erase(slot);
      await writer.#put("record", JSON.stringify(record));
      return writer;
    });
  }

  /** @param {string} name @param {Blob | string} body */
  async #put(name, body) {
    if (this.error) return;
    try {
      await this.#storage?.put(this.#record.key, name, body);
    } catch (error) {
      this.error = /** @type {Error} */ (error).name === "QuotaExceededError" ? "full" : "unavailable";
      await erase(this.#record.key).catch(() => {});
    }
  }

  /**
   * Puts a piece of the model, as long as its record is this writer's.
   * @param {string} name
   * @param {Blob | string} body
   */
  async #add(name, body) {
    const { key, owner } = this.#record;
    if (this.error) return;
    await alone(key, async () => {
      if ((await recordOf(key))?.owner === owner) await this.#put(name, body);
    });
  }

  /**
   * Writes a piece by its name.
   * @param {string} name
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async piece(name, bytes) {
    await this.#add(name, new Blob([bytes]));
  }

  /**
   * Takes the next bytes; they are written once there are enough.
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async add(bytes) {
    if (this.error || bytes.length === 0) return;
    this.#gathered.push(bytes);
    this.#size += bytes.length;
    if (this.#size >= PART) await this.flush();
  }

  /** Writes what has been gathered. */
  async flush() {
    if (this.#size === 0) return;
    const body = new Blob(this.#gathered);
    this.#gathered = [];
    this.#size = 0;
    await this.#add(String(this.#part), body);
    this.#part += 1;
  }

  /**
   * Marks the copy as whole, with what is now known of it, and deletes those that it replaces.
   * @param {Partial<CacheRecord>} known
   */
  async finish(known) {
    await this.flush();
    const saved = new Date().toISOString();
    const { key } = this.#record;
    await this.#add("record", JSON.stringify({ ...this.#record, ...known, complete: true, saved }));
    if (this.error || !(await recordOf(key))?.complete) return;
    const other = slotsOf(modelKeyOf(key)).filter((slot) => slot !== key);
    // One that another tab reads goes with the next load.
    for (const slot of other) await deleteSlot(slot).catch(() => {});
  }

  /** Empties the slot again: the copy turned out to be no good. */
  async discard() {
    const { key, owner } = this.#record;
    if (this.error) return;
    await alone(key, async () => {
      if ((await recordOf(key))?.owner === owner) await erase(key);
    });
  }
}
