// Embeddings of labels, by model and templates: in memory while the engine runs, and in the browser's Cache storage, so
// that a list of labels is embedded once and not at every visit.

import { cacheRoot, openCache } from "./cache-keys.js";

const CACHE = "cliplet-labels";
/** Labels written of one list of templates; in memory all stay. */
const MAX_LABELS = 4096;
/** Lists of templates cached of one model. */
const MAX_ENSEMBLES = 8;

/** @typedef {Map<string, Float32Array<ArrayBuffer>>} Vectors unit vectors by label */

/** @param {string} model its checksum */
const folder = (model) => `${cacheRoot()}labels/${encodeURIComponent(model)}/`;

/**
 * Length of the head (four bytes), the head `{ labels }` as JSON, and the vectors.
 * @param {Vectors} vectors
 * @returns {Blob}
 */
export function encodeVectors(vectors) {
  const head = new TextEncoder().encode(JSON.stringify({ labels: [...vectors.keys()] }));
  return new Blob([Uint32Array.of(head.length), head, ...vectors.values()]);
}

/**
 * @param {ArrayBuffer} buffer
 * @param {number} dimension
 * @returns {Vectors}
 */
export function decodeVectors(buffer, dimension) {
  const [length] = new Uint32Array(buffer, 0, 1);
  /** @type {{ labels: string[] }} */
  const { labels } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const vectors = new Float32Array(buffer.slice(4 + length));
  if (vectors.length !== labels.length * dimension || !vectors.every(Number.isFinite))
    throw new Error("cached labels are damaged");
  return new Map(labels.map((label, i) => [label, vectors.slice(i * dimension, (i + 1) * dimension)]));
}

/**
 * Deletes what is cached of a model's labels.
 * @param {string} model its checksum
 */
export async function deleteLabels(model) {
  const cache = await openCache(CACHE);
  const requests = (await cache?.keys().catch(() => [])) ?? [];
  await Promise.all(
    requests.filter(({ url }) => url.startsWith(folder(model))).map((request) => cache?.delete(request)),
  );
}

/** Labels of one model. */
export class LabelCache {
  #model;
  #dimension;
  /** @type {Map<string, Vectors>} */
  #ensembles = new Map();

  /**
   * @param {string | null} model its checksum; without one nothing outlives the engine
   * @param {number} dimension of its embeddings
   */
  constructor(model, dimension) {
    this.#model = model;
    this.#dimension = dimension;
  }

  /** @param {string} key */
  #address(key) {
    return `${folder(this.#model ?? "")}${encodeURIComponent(key)}`;
  }

  /**
   * The vectors that are known under a list of templates.
   * @param {string[]} templates
   * @returns {Promise<Vectors>}
   */
  async of(templates) {
    const key = templates.join("\n");
    const known = this.#ensembles.get(key) ?? (await this.#read(key));
    // Last in the order of keys is what was used last.
    this.#ensembles.delete(key);
    this.#ensembles.set(key, known);
    for (const old of [...this.#ensembles.keys()].slice(0, -MAX_ENSEMBLES)) this.#ensembles.delete(old);
    return known;
  }

  /**
   * @param {string} key
   * @returns {Promise<Vectors>}
   */
  async #read(key) {
    const cache = this.#model === null ? undefined : await openCache(CACHE);
    try {
      const found = await cache?.match(this.#address(key));
      return found ? decodeVectors(await found.arrayBuffer(), this.#dimension) : new Map();
    } catch {
      return new Map();
    }
  }

  /**
   * Writes what is known under a list of templates; a full disk loses nothing but time.
   * @param {string[]} templates
   */
  async write(templates) {
    const key = templates.join("\n");
    const cache = this.#model === null ? undefined : await openCache(CACHE);
    if (!cache) return;
    const written = new Map([...(this.#ensembles.get(key) ?? [])].slice(-MAX_LABELS));
    try {
      await cache.put(this.#address(key), new Response(encodeVectors(written)));
      const own = (await cache.keys()).filter(({ url }) => url.startsWith(folder(this.#model ?? "")));
      await Promise.all(own.slice(0, -MAX_ENSEMBLES).map((request) => cache.delete(request)));
    } catch {
      await cache.delete(this.#address(key)).catch(() => false);
    }
  }
}
