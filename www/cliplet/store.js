// Models kept on this device, in the browser's Cache storage: each as a record and numbered parts, so
// that one whose download broke off goes on where it was, and once whole as one file where there are
// files. Everything here works, and keeps nothing, where there is no such storage (some private modes,
// plain http).

import { failure } from "./download.js";
import { addressOf, find, ROOT, storage } from "./kept.js";
import * as whole from "./whole.js";

/** Bytes gathered before a part is written. */
const PART = 4 << 20;

/** Records of all kept models, the latest first. */
export async function list() {
  const cache = await storage();
  const requests = (await cache?.keys().catch(() => [])) ?? [];
  const records = requests.filter(({ url }) => url.startsWith(ROOT) && url.endsWith("/record"));
  const found = await Promise.all(records.map(async (request) => (await cache.match(request))?.json()));
  return found.filter(Boolean).sort((a, b) => b.saved.localeCompare(a.saved));
}

/** Does `work` while no other engine, of whatever tab, changes what is kept of a model; one that ends lets go. */
async function alone(key, work) {
  return (await storage()) && navigator.locks ? navigator.locks.request(addressOf(key), work) : work();
}

/** Forgets a model. */
export const forget = (key) => alone(key, () => erase(key));

/** As `forget`, where the model is this engine's alone. */
async function erase(key) {
  await whole.remove(key);
  const cache = await storage();
  const requests = (await cache?.keys().catch(() => [])) ?? [];
  // The record goes last: what is left of a model can then still be seen and deleted.
  const own = requests.filter(({ url }) => url.startsWith(addressOf(key)));
  own.sort((a, b) => Number(a.url.endsWith("/record")) - Number(b.url.endsWith("/record")));
  for (const request of own) await cache.delete(request);
}

/** One piece of a kept model as a chunk of bytes: a part by its number, or by name. */
export async function piece(key, name) {
  const cache = await storage();
  const kept = await cache?.match(`${addressOf(key)}${name}`);
  return kept && new Uint8Array(await kept.arrayBuffer());
}

/** The parts kept of a model, in order. */
export async function* parts(key) {
  for (let number = 0; ; number += 1) {
    const part = await piece(key, number);
    if (!part) return;
    yield part;
  }
}

/** The bytes of a whole kept model, in order, as long as they are parts. */
export async function* bytes(key) {
  const header = await piece(key, "header");
  if (header) yield header;
  yield* parts(key);
}

/** The file of a model whose record says that it is `joined`; `handle` where that has been looked up. */
export async function file({ key, name }, handle) {
  try {
    return await whole.open(key, handle);
  } catch (error) {
    if (error.name === "NotFoundError") throw failure("model", `${name}: it is no longer on this device`);
    throw failure("io", `${name}: it could not be read; is another tab busy with it?`);
  }
}

/**
 * Makes one file of the parts of a model that is kept whole: many are slow to read. It may stop at any
 * time, since the parts go last; without room for both, they stay.
 */
export const join = (key) =>
  alone(key, async () => {
    const [cache, record] = [await storage(), await find(key)];
    if (!record?.complete || record.joined || !(await whole.write(key, bytes(key), record.bytes))) return;
    await cache.put(`${addressOf(key)}record`, new Response(JSON.stringify({ ...record, joined: true })));
    const kept = (await cache.keys()).filter(({ url }) => url.startsWith(addressOf(key)) && !url.endsWith("/record"));
    for (const request of kept) await cache.delete(request);
  });

/**
 * Writes a model while it arrives. A failure (the disk is full, say) ends the keeping, not the loading. Of
 * several engines that fetch the same model at once, the one that began last keeps it.
 */
export class Keeper {
  /** Why nothing is kept any more: "full" or "unavailable". */
  problem = null;
  #cache;
  #record;
  #gathered = [];
  #size = 0;
  #part = 0;

  /**
   * Goes on with what is kept under `record.key`, `part` parts, or begins.
   * @param {object} record what is known of the model; `key` and `version` at least
   */
  static async open(record, part = 0) {
    const keeper = new Keeper();
    keeper.#cache = await storage();
    if (!keeper.#cache) keeper.problem = "unavailable";
    keeper.#part = part;
    keeper.#record = { ...record, owner: crypto.randomUUID(), complete: false, bytes: 0, saved: new Date().toISOString() };
    await alone(record.key, async () => {
      if (part === 0) await erase(record.key);
      await keeper.#put("record", JSON.stringify(keeper.#record));
    });
    return keeper;
  }

  async #put(name, body) {
    if (this.problem) return;
    try {
      await this.#cache.put(addressOf(this.#record.key) + name, new Response(body));
    } catch (error) {
      this.problem = error.name === "QuotaExceededError" ? "full" : "unavailable";
      await erase(this.#record.key).catch(() => {});
    }
  }

  /** Puts what is said to be kept under the record, as long as that is this keeper's. */
  async #add(name, body) {
    const { key, owner } = this.#record;
    if (this.problem) return;
    await alone(key, async () => {
      if ((await find(key))?.owner === owner) await this.#put(name, body);
    });
  }

  /** Keeps a piece by its name. */
  async piece(name, bytes) {
    await this.#add(name, bytes);
  }

  /** Takes the next bytes; they are written once there are enough. */
  async add(bytes) {
    if (this.problem || bytes.length === 0) return;
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
    await this.#add(this.#part, body);
    this.#part += 1;
  }

  /** Marks the model as whole, with what is now known of it. */
  async finish(known) {
    await this.flush();
    const saved = new Date().toISOString();
    await this.#add("record", JSON.stringify({ ...this.#record, ...known, complete: true, saved }));
  }
}
