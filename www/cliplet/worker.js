// The engine's worker: owns the WebAssembly, answers one request at a time in the order they come.
// Requests are { id, op, ...arguments }; answers { id, value } or { id, error: { code, message } };
// on the way { id, progress }. { id, op: "abort" } cancels what is queued or between two steps.

import { boot } from "./boot.js";
import { open } from "./model-source.js";

/** Prompts embedded between two looks at the mailbox. */
const PROMPTS_A_STEP = 32;

let engine = null;
let backend = null;
/** What cancels each request that is waiting or at work. */
const controllers = new Map();

const failure = (code, message) => Object.assign(new Error(message), { code });

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
  try {
    return clip.preprocess(new Uint8Array(await picture.arrayBuffer()));
  } catch (error) {
    if (error.code !== "image") throw error;
    const { width, height, data } = await decodeInBrowser(picture, error);
    return clip.preprocessRgba(width, height, data);
  }
}

/** Splits concatenated embeddings. */
function rows(flat, count) {
  const width = flat.length / count;
  return Array.from({ length: count }, (_, i) => flat.slice(i * width, (i + 1) * width));
}

/** Streams an opened model into a new engine, which takes the place of the old one when it is whole. */
async function load(id, { name, total, chunks }, { threads, variant, report }) {
  const { wasm, ...running } = await boot({ threads, variant, bytes: total ?? 0 });
  const loader = new wasm.Loader(name, total);
  let done = 0;
  for await (const chunk of chunks()) {
    await checkpoint(id);
    loader.push(chunk);
    done += chunk.length;
    if (report) postMessage({ id, progress: { loaded: done, total: total ?? null } });
  }
  const previous = engine;
  engine = loader.finish();
  backend = running;
  previous?.free();
  return operations.info();
}

const operations = {
  async load(id, { source, threads, variant, report }) {
    const { signal } = controllers.get(id);
    let opened = await open(source, signal);
    try {
      return await load(id, opened, { threads, variant, report });
    } catch (error) {
      await opened.discard();
      if (!opened.cached || error.code !== "model") throw error;
    }
    // What was kept is broken: once more, from where it came.
    opened = await open(source, signal);
    try {
      return await load(id, opened, { threads, variant, report });
    } catch (error) {
      await opened.discard();
      throw error;
    }
  },

  info() {
    const core = JSON.parse(loaded().info());
    const { memory, ...running } = backend;
    return { ...core, ...running, memory: memory.buffer.byteLength, embeddedPrompts: engine.embeddedPrompts };
  },

  async embedImages(id, { pictures }) {
    const ready = [];
    for (const picture of pictures) {
      await checkpoint(id);
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

  async classify(id, { picture, embedding, labels, templates, topK }) {
    const image = embedding ?? (await operations.embedImages(id, { pictures: [picture] }))[0];
    const step = Math.max(1, Math.floor(PROMPTS_A_STEP / templates.length));
    for (let i = 0; i < labels.length; i += step) {
      await checkpoint(id);
      loaded().prepareLabels(labels.slice(i, i + step), templates);
    }
    return JSON.parse(loaded().rank(image, labels, templates, topK ?? labels.length));
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
  if (data.op === "abort") {
    controllers.get(data.id)?.abort();
    return;
  }
  controllers.set(data.id, new AbortController());
  last = last.then(() => answer(data));
});
