// Embeddings of labels, by model and templates: in memory while the engine runs, and in the browser's
// Cache storage, so that a list of labels is embedded once and not at every visit.

import { ROOT, storage } from "./kept.js";

const CACHE = "cliplet-labels";
/** Labels written of one list of templates; in memory all are kept. */
const LABELS_KEPT = 4096;
/** Lists of templates kept of one model. */
const ENSEMBLES_KEPT = 8;

const folder = (model) => `${ROOT}labels/${encodeURIComponent(model)}/`;

/** `{ labels }` as text, its length before it, the vectors behind it. */
function encode(vectors) {
  const head = new TextEncoder().encode(JSON.stringify({ labels: [...vectors.keys()] }));
  return new Blob([Uint32Array.of(head.length), head, ...vectors.values()]);
}

function decode(buffer, dimension) {
  const [length] = new Uint32Array(buffer, 0, 1);
  const { labels } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const vectors = new Float32Array(buffer.slice(4 + length));
  if (vectors.length !== labels.length * dimension || !vectors.every(Number.isFinite)) throw new Error("not what was kept");
  return new Map(labels.map((label, i) => [label, vectors.slice(i * dimension, (i + 1) * dimension)]));
}

/** Forgets what is kept of a model's labels. */
export async function forgetLabels(model) {
  const cache = await storage(CACHE);
  const requests = (await cache?.keys().catch(() => [])) ?? [];
  await Promise.all(requests.filter(({ url }) => url.startsWith(folder(model))).map((request) => cache.delete(request)));
}

/** Labels of one model. */
export class LabelStore {
  #model;
  #dimension;
  #ensembles = new Map();

  /**
   * @param {string | null} model its checksum; without one nothing outlives the engine
   * @param {number} dimension of its embeddings
   */
  constructor(model, dimension) {
    this.#model = model;
    this.#dimension = dimension;
  }

  #address(key) {
    return `${folder(this.#model)}${encodeURIComponent(key)}`;
  }

  /** What is known under a list of templates: label to unit vector. */
  async of(templates) {
    const key = templates.join("\n");
    const known = this.#ensembles.get(key) ?? (await this.#read(key));
    // Last in the order of keys is what was used last.
    this.#ensembles.delete(key);
    this.#ensembles.set(key, known);
    for (const old of [...this.#ensembles.keys()].slice(0, -ENSEMBLES_KEPT)) this.#ensembles.delete(old);
    return known;
  }

  async #read(key) {
    const cache = this.#model && (await storage(CACHE));
    try {
      const kept = await cache?.match(this.#address(key));
      return kept ? decode(await kept.arrayBuffer(), this.#dimension) : new Map();
    } catch {
      return new Map();
    }
  }

  /** Writes what is known under a list of templates; a full disk loses nothing but time. */
  async keep(templates) {
    const key = templates.join("\n");
    const cache = this.#model && (await storage(CACHE));
    if (!cache) return;
    const written = new Map([...this.#ensembles.get(key)].slice(-LABELS_KEPT));
    try {
      await cache.put(this.#address(key), new Response(encode(written)));
      const own = (await cache.keys()).filter(({ url }) => url.startsWith(folder(this.#model)));
      await Promise.all(own.slice(0, -ENSEMBLES_KEPT).map((request) => cache.delete(request)));
    } catch {
      await cache.delete(this.#address(key)).catch(() => false);
    }
  }
}
