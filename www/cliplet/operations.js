// The operations of the engine's worker: the loaded model, and what it computes.

import { failure } from "./download.js";
import { toSent } from "./errors.js";
import { instantiate, instantiateEarly } from "./instantiate.js";
import { LabelCache } from "./label-cache.js";
import { announce, loadModel } from "./load-model.js";
import { allWeights, loadOpened, textsOf } from "./loading.js";
import { joinParts } from "./model-cache.js";
import { setAlarm } from "./pool.js";
import { openSource } from "./source.js";
import { totalOf } from "./weight-file.js";
import { preprocessed } from "./worker-images.js";

/** @typedef {import("./worker.js").Call} Call */
/** @typedef {import("./loading.js").WasmEngine} WasmEngine */
/** @typedef {import("./images.js").SentImage} SentImage */
/** @typedef {{ value: any } | { error: import("./errors.js").SentError }} Answer one image's */

/** Milliseconds of loading, or of reading images, between two checkpoints. */
const CHECK_EVERY = 50;
/** Prompts embedded between two checkpoints. */
const PROMPTS_A_STEP = 32;

/** @type {WasmEngine | null} */
let engine = null;
/** The module, threads and cache state of the loaded model. @type {any} */
let backend = null;
/** Labels of the present model. @type {LabelCache | null} */
let labelCache = null;

/** @returns {WasmEngine} */
function loaded() {
  if (!engine) throw failure("model", "no model is loaded");
  return engine;
}

/**
 * Splits concatenated embeddings.
 * @param {Float32Array} flat
 * @param {number} count
 */
function rows(flat, count) {
  const width = flat.length / count;
  return Array.from(
    { length: count },
    (_, i) => /** @type {Float32Array<ArrayBuffer>} */ (flat.slice(i * width, (i + 1) * width)),
  );
}

/**
 * Loads an opened model into a new engine, which takes the place of the one before when it is whole.
 * @param {import("./source.js").Opened} opened
 * @param {any} options
 * @param {Call} call
 */
async function take(opened, { threads, variant, compiled, report }, call) {
  /** @type {import("./instantiate.js").Running | undefined} */
  let running;
  const start = async (/** @type {number} */ bytes) =>
    (running = await instantiate({ threads, variant, bytes, compiled }));
  let checked = 0;
  const { engine: next, writer } = await loadOpened(start, opened, async (done, total) => {
    const now = performance.now();
    if (now - checked < CHECK_EVERY && done !== total) return;
    checked = now;
    await call.checkpoint();
    announce(done, total ?? null);
    report(done, total ?? null);
  });
  engine?.free();
  engine = next;
  const { checksum, dimension } = JSON.parse(engine.info());
  labelCache = new LabelCache(checksum, dimension);
  const { wasm, pool: _pool, ...rest } = /** @type {import("./instantiate.js").Running} */ (running);
  postMessage({ compiled: { [rest.variant]: wasm.compiled() } });
  // Not waited for: the engine is ready. What does not come about now does after the next load.
  joinParts(opened.key).catch(() => {});
  const cached = Boolean(opened.cached) || Boolean(writer && !writer.error);
  backend = { ...rest, source: opened.source, cached, cacheError: writer?.error ?? null, outdated: false };
}

export const operations = {
  /**
   * @param {any} args
   * @param {Call} call
   */
  async load({ source, quant, hub, baseUrl, stallTimeout, cache, found, refresh = false, alarm, ...options }, call) {
    const { signal } = call;
    setAlarm(alarm);
    instantiateEarly(options);
    const open = { quant, hub, baseUrl, stallTimeout, signal, found };
    let most = 0;
    /** Progress never goes back, as it would after another tab's download. @param {number} bytes @param {number | null} total */
    const report = (bytes, total) => {
      if (bytes < most || !options.report) return;
      most = bytes;
      call.report({ loaded: bytes, total });
    };
    for (;;) {
      try {
        const taking = (/** @type {import("./source.js").Opened} */ opened) =>
          take(opened, { ...options, report }, call);
        const { opened } = await loadModel({ source, open, cache, refresh, take: taking, report });
        backend.outdated = (await opened.changed) ?? false;
        return operations.info();
      } catch (error) {
        if (!(/** @type {any} */ (error).threads) || options.threads === 1 || options.variant) throw error;
        // Threads cannot be had here.
        options.threads = 1;
      }
    }
  },

  /**
   * The bytes that loading a source would bring and cache.
   * @param {any} args
   * @param {Call} call
   */
  async inspect({ source, quant, hub, baseUrl }, { signal }) {
    const open = { quant, hub, baseUrl, signal };
    let opened = await openSource(source, open);
    if (await opened.changed) opened = await openSource(source, { ...open, anew: true });
    const { name, cached, snapshot } = opened;
    const about = { name, source: opened.source, cached: Boolean(cached) };
    if (cached) return { ...about, download: 0, bytes: cached.bytes, quantization: cached.quantization };
    if (!snapshot) {
      const stream = await /** @type {NonNullable<typeof opened.read>} */ (opened.read)(0);
      const total = stream.total ?? null;
      await stream.chunks.return?.(undefined);
      return { ...about, download: total, bytes: total, quantization: null };
    }
    const files = await snapshot();
    const weights = allWeights(files);
    for (const file of weights) {
      await file.begin();
      file.close();
    }
    const { wasm } = await instantiate({ threads: 1, bytes: 0 });
    const texts = textsOf(wasm, opened, files);
    const bytes = texts.fileBytes(quant);
    const total = totalOf(weights) ?? null;
    return { ...about, download: total, bytes, quantization: quant };
  },

  info() {
    const core = JSON.parse(loaded().info());
    const { memory, ...running } = backend;
    return { ...core, ...running, memory: memory.buffer.byteLength, embeddedPrompts: loaded().embeddedPrompts };
  },

  /**
   * Embeddings of images, each its own or an error.
   * @param {{ images: (SentImage | Float32Array)[] }} args
   * @param {Call} call
   * @returns {Promise<Answer[]>}
   */
  async embedImages({ images }, call) {
    /** @type {Answer[]} */
    const answers = [];
    const ready = [];
    // A request that is alone cannot have been cancelled since.
    if (!call.alone) await call.checkpoint();
    let checked = performance.now();
    for (const [place, image] of images.entries()) {
      if (performance.now() - checked > CHECK_EVERY) {
        await call.checkpoint();
        checked = performance.now();
      }
      try {
        ready.push({ place, pixels: await preprocessed(loaded(), image) });
      } catch (error) {
        // The engine's own errors carry a code; any other is a trap, which the worker reports.
        if (typeof (/** @type {any} */ (error)?.code) !== "string") throw error;
        answers[place] = { error: toSent(error) };
      }
    }
    if (ready.length === 0) return answers;
    const embeddings = rows(loaded().embedImages(ready.map(({ pixels }) => pixels)), ready.length);
    for (const [i, { place }] of ready.entries()) answers[place] = { value: embeddings[i] };
    return answers;
  },

  /**
   * @param {{ texts: string[] }} args
   * @param {Call} call
   */
  async embedTexts({ texts }, call) {
    const embeddings = [];
    for (let i = 0; i < texts.length; i += PROMPTS_A_STEP) {
      await call.checkpoint();
      const step = texts.slice(i, i + PROMPTS_A_STEP);
      embeddings.push(...rows(loaded().embedTexts(step), step.length));
      call.report({ done: embeddings.length, total: texts.length });
    }
    return embeddings;
  },

  /**
   * Unit vectors of labels.
   * @param {{ labels: string[], templates: string[] }} args
   * @param {Call} call
   */
  async embedLabels({ labels, templates }, call) {
    const clip = loaded();
    const cache = /** @type {LabelCache} */ (labelCache);
    const known = await cache.of(templates);
    const all = [...new Set(labels)];
    const missing = all.filter((label) => !known.has(label));
    const step = Math.max(1, Math.floor(PROMPTS_A_STEP / templates.length));
    for (let i = 0; i < missing.length; i += step) {
      await call.checkpoint();
      const some = missing.slice(i, i + step);
      for (const [n, vector] of rows(clip.embedLabels(some, templates), some.length).entries())
        known.set(some[n], vector);
      call.report({ done: all.length - missing.length + i + some.length, total: all.length });
    }
    if (missing.length > 0) await cache.write(templates);
    else call.report({ done: all.length, total: all.length });
    return labels.map((label) => /** @type {Float32Array} */ (known.get(label)));
  },

  /**
   * Ranked labels of images or embeddings, each its own answer or error.
   * @param {{ images: (SentImage | Float32Array)[], labels: string[], templates: string[], topK?: number }} args
   * @param {Call} call
   * @returns {Promise<Answer[]>}
   */
  async classify({ images, labels, templates, topK }, call) {
    const encoded = images.filter((image) => !(image instanceof Float32Array));
    const embedded = encoded.length > 0 ? await operations.embedImages({ images: encoded }, call) : [];
    const vectors = await operations.embedLabels({ labels, templates }, call);
    const width = vectors[0].length;
    const flat = new Float32Array(vectors.length * width);
    for (const [i, vector] of vectors.entries()) flat.set(vector, i * width);
    const next = embedded.values();
    return images.map((image) => {
      const answer = image instanceof Float32Array ? { value: image } : /** @type {Answer} */ (next.next().value);
      if ("error" in answer) return answer;
      return { value: JSON.parse(loaded().rank(answer.value, labels, flat, topK ?? labels.length)) };
    });
  },
};
