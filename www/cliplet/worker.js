// The engine's worker: owns the WebAssembly, answers one request at a time in the order they come.
// Requests are { id, op, ...arguments }; answers { id, value } or { id, error: { code, message } };
// on the way { id, progress }, and { compiled } for other engines. { id, op: "abort" } cancels what is
// queued or between two steps.

import { boot, startEarly } from "./boot.js";
import { failure } from "./download.js";
import { find, KEPT } from "./kept.js";
import { forgetLabels, LabelStore } from "./label-store.js";
import { load } from "./loading.js";
import { joinPool } from "./pool.js";
import { open } from "./source.js";
import { forget, join, list } from "./store.js";

/** Milliseconds of loading, or of reading pictures, between two looks at the mailbox. */
const LOOK_EVERY = 50;
/** Prompts embedded between two looks at the mailbox. */
const PROMPTS_A_STEP = 32;

let engine = null;
let backend = null;
/** Labels of the present model. */
let store = null;
/** What cancels each request that is waiting or at work. */
const controllers = new Map();

/** Lets messages in, then stops here if the request was aborted. */
async function checkpoint(id) {
  await new Promise((resume) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resume());
    port2.postMessage(null);
  });
  stopIfAborted(id);
}

function stopIfAborted(id) {
  if (controllers.get(id).signal.aborted) throw failure("cancelled", "cancelled");
}

function loaded() {
  if (!engine) throw failure("model", "no model is loaded");
  return engine;
}

/** How the pictures begin that the engine reads. Where one is damaged, some browsers would make up the rest. */
const READ_HERE = /^(\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF.{4}WEBP)/s;

/** Decodes with the browser what the engine does not know (HEIC, AVIF, SVG where it can). */
async function decodeInBrowser(blob, original) {
  try {
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context.getImageData(0, 0, width, height);
  } catch {
    throw original;
  }
}

/** One picture, as index.js sends it, to pixels that the engine takes. */
async function pixels(picture) {
  const clip = loaded();
  if (!(picture instanceof Blob)) return clip.preprocessRgba(picture.width, picture.height, picture.data);
  const bytes = new Uint8Array(await picture.arrayBuffer());
  try {
    return clip.preprocess(bytes);
  } catch (error) {
    if (error.code !== "image" || READ_HERE.test(String.fromCharCode(...bytes.subarray(0, 12)))) throw error;
    const { width, height, data } = await decodeInBrowser(picture, error);
    return clip.preprocessRgba(width, height, data);
  }
}

/** Splits concatenated embeddings. */
function rows(flat, count) {
  const width = flat.length / count;
  return Array.from({ length: count }, (_, i) => flat.slice(i * width, (i + 1) * width));
}

/**
 * Streams an opened model into a new engine, which takes the place of the old one when it is whole; nothing where
 * the server has another by now.
 */
async function take(id, opened, { threads, variant, compiled, report }) {
  let running;
  const start = async (bytes) => (running = await boot({ threads, variant, bytes, compiled }));
  let looked = 0;
  const { engine: next, keeper } = await load(start, opened, async (loaded, total) => {
    const now = performance.now();
    if (now - looked < LOOK_EVERY && loaded !== total) return;
    looked = now;
    await checkpoint(id);
    if (report) postMessage({ id, progress: { loaded, total: total ?? null } });
  });
  if (opened.same && !(await opened.same)) return void next.free();
  engine?.free();
  engine = next;
  const { checksum, dimension } = JSON.parse(engine.info());
  store = new LabelStore(checksum, dimension);
  const { wasm, pool: _, ...rest } = running;
  postMessage({ compiled: { [rest.variant]: wasm.compiled() } });
  // Not waited for: the engine is ready. What does not come about now does after the next load.
  join(opened.key).catch(() => {});
  const kept = Boolean(opened.kept) || Boolean(keeper && !keeper.problem);
  backend = { ...rest, source: opened.source, kept, keepProblem: keeper?.problem ?? null };
  return operations.info();
}

/** Errors after which nothing that is kept of the model is any good. */
const SPOILT = ["model", "tokenizer", "unsupported", "changed"];

const operations = {
  async load(id, { source, quant, hub, keep, found, ...options }) {
    const { signal } = controllers.get(id);
    startEarly(options);
    let anew = false;
    for (let again = false; ; again = true) {
      const opened = await open(source, { quant, hub, signal, anew, found });
      found = undefined;
      try {
        const taken = await take(id, { ...opened, keeps: opened.keeps && keep }, options);
        if (taken) return taken;
        anew = true;
      } catch (error) {
        if (error.threads && options.threads > 1 && !options.variant) {
          options.threads = 1;
          continue;
        }
        if (signal.aborted || error.engine || !SPOILT.includes(error.code)) throw error;
        // Another engine may have made one file of its parts while they were read.
        if (!again && opened.kept && !opened.kept.joined && (await find(opened.key))?.joined) continue;
        await forget(opened.key);
        // What was kept is broken, or of an older version: once more, from where it came.
        if (again || !(opened.kept ?? opened.resumed)) throw error;
      }
    }
  },

  /** What loading a source would bring and keep. */
  async inspect(id, { source, quant, hub }) {
    const { signal } = controllers.get(id);
    let opened = await open(source, { quant, hub, signal });
    if (opened.same && !(await opened.same)) opened = await open(source, { quant, hub, signal, anew: true });
    const { name, kept, texts } = opened;
    const about = { name, source: opened.source, kept: Boolean(kept) };
    if (kept) return { ...about, download: 0, bytes: kept.bytes, quantization: kept.quantization };
    const stream = await opened.read(0);
    const total = stream.total ?? null;
    await stream.chunks.return?.();
    if (!texts) return { ...about, download: total, bytes: total, quantization: null };
    const { wasm } = await boot({ threads: 1, bytes: 0 });
    const { config, tokenizer, preprocessor, card } = texts;
    const read = new wasm.SnapshotTexts(config, tokenizer, preprocessor, card);
    const loader = new wasm.SnapshotLoader(name, opened.id, read, quant, undefined);
    const bytes = loader.fileBytes;
    loader.free();
    return { ...about, download: total, bytes, quantization: quant };
  },

  /** Models kept on this device. */
  async kept() {
    return (await list()).map(({ key, owner: _, parameters, ...record }) => ({ ...record, id: `${KEPT}${key}`, parameters }));
  },

  async forget(id, { kept }) {
    const key = kept.slice(KEPT.length);
    const record = await find(key);
    if (record?.checksum) await forgetLabels(record.checksum);
    await forget(key);
  },

  info() {
    const core = JSON.parse(loaded().info());
    const { memory, ...running } = backend;
    return { ...core, ...running, memory: memory.buffer.byteLength, embeddedPrompts: engine.embeddedPrompts };
  },

  async embedImages(id, { pictures }) {
    const ready = [];
    // What comes alone cannot have been cancelled since.
    if (controllers.size > 1) await checkpoint(id);
    let looked = performance.now();
    for (const picture of pictures) {
      if (performance.now() - looked > LOOK_EVERY) {
        await checkpoint(id);
        looked = performance.now();
      }
      ready.push(await pixels(picture));
    }
    return rows(loaded().embedImages(ready), pictures.length);
  },

  async embedTexts(id, { texts }) {
    const embeddings = [];
    for (let i = 0; i < texts.length; i += PROMPTS_A_STEP) {
      await checkpoint(id);
      const step = texts.slice(i, i + PROMPTS_A_STEP);
      embeddings.push(...rows(loaded().embedTexts(step), step.length));
    }
    return embeddings;
  },

  async embedLabels(id, { labels, templates }) {
    // The engine says what is wrong with no labels at all.
    if (!labels.length) loaded().embedLabels(labels, templates);
    loaded();
    const known = await store.of(templates);
    const missing = [...new Set(labels)].filter((label) => !known.has(label));
    const step = Math.max(1, Math.floor(PROMPTS_A_STEP / templates.length));
    for (let i = 0; i < missing.length; i += step) {
      await checkpoint(id);
      const some = missing.slice(i, i + step);
      rows(loaded().embedLabels(some, templates), some.length).forEach((vector, n) => known.set(some[n], vector));
      postMessage({ id, progress: { done: i + some.length, total: missing.length } });
    }
    const vectors = labels.map((label) => known.get(label));
    if (missing.length) await store.keep(templates);
    return vectors;
  },

  async classify(id, { picture, embedding, labels, templates, topK }) {
    const image = embedding ?? (await operations.embedImages(id, { pictures: [picture] }))[0];
    const vectors = await operations.embedLabels(id, { labels, templates });
    const flat = new Float32Array(vectors.length * image.length);
    vectors.forEach((vector, i) => flat.set(vector, i * image.length));
    return JSON.parse(loaded().rank(image, labels, flat, topK ?? labels.length));
  },
};

/** An error as it is sent; a DOMException's code is a number and says nothing. */
const failed = (code, message) => ({ code: typeof code === "string" ? code : "engine", message });

let last = Promise.resolve();

async function answer({ id, op, ...given }) {
  try {
    stopIfAborted(id);
    postMessage({ id, value: await operations[op](id, given) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const cancelled = controllers.get(id).signal.aborted;
    postMessage({ id, error: cancelled ? failed("cancelled", "cancelled") : failed(error?.code, message) });
  } finally {
    controllers.delete(id);
  }
}

addEventListener("message", ({ data }) => {
  if (data.pool) return void joinPool(data.pool);
  if (data.op === "abort") {
    controllers.get(data.id)?.abort();
    return;
  }
  controllers.set(data.id, new AbortController());
  last = last.then(() => answer(data));
});
