// cliplet: OpenAI's CLIP in the browser. The engine runs in a worker; nothing leaves the machine.
// Types and documentation of everything exported here: index.d.ts.

import { lookUp } from "./kept.js";

/** The small demonstration model that comes with the package. */
export const DEFAULT_MODEL = new URL("./models/cliplet-small.gguf", import.meta.url).href;
export const DEFAULT_TEMPLATE = "a photo of a {}";

export class ClipletError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "ClipletError";
    this.code = code;
  }
}

/** Modules that an engine has compiled, by variant: the next one need not. */
const compiled = {};

/** Doors with requests under way: Firefox collects a worker that nothing else holds, and with it the answer. */
const atWork = new Set();

/** The one door to the worker: numbers requests, hands answers back, turns aborts into messages. */
class Door {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "cliplet" });
  #open = new Map();
  #next = 1;

  constructor() {
    this.#worker.onmessage = ({ data }) => (data.compiled ? Object.assign(compiled, data.compiled) : this.#receive(data));
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      this.close(new ClipletError("engine", `the engine stopped: ${event.message ?? "its worker could not start"}`));
    };
  }

  #receive({ id, value, error, progress }) {
    const request = this.#open.get(id);
    if (!request) return;
    if (progress) return request.onProgress?.(progress);
    this.#open.delete(id);
    if (this.#open.size === 0) atWork.delete(this);
    request.release();
    if (error) request.reject(new ClipletError(error.code, error.message));
    else request.resolve(value);
  }

  /** Sends a request; `transfer` moves buffers instead of copying them. */
  ask(op, given, { signal, onProgress, transfer = [] } = {}) {
    if (!this.#worker) return Promise.reject(new ClipletError("disposed", "this engine was disposed of"));
    if (signal?.aborted) return Promise.reject(new ClipletError("cancelled", "cancelled"));
    const id = this.#next++;
    const settled = new Promise((resolve, reject) => {
      const abort = () => this.#worker?.postMessage({ id, op: "abort" });
      signal?.addEventListener("abort", abort);
      const release = () => signal?.removeEventListener("abort", abort);
      this.#open.set(id, { resolve, reject, onProgress, release });
      atWork.add(this);
      this.#worker.postMessage({ id, op, ...given }, transfer);
    });
    this.#open.get(id).settled = settled;
    return settled;
  }

  /** Closes once every open request is answered. */
  async closeWhenIdle() {
    await Promise.allSettled([...this.#open.values()].map(({ settled }) => settled));
    this.close(new ClipletError("disposed", "this engine was disposed of"));
  }

  close(error) {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject, release } of this.#open.values()) {
      release();
      reject(error);
    }
    this.#open.clear();
    atWork.delete(this);
  }
}

/** Draws a video frame, canvas, bitmap or image element and reads its pixels. */
function drawn(image, width, height) {
  if (!width || !height) throw new ClipletError("image", "the picture has no size yet: wait until it is loaded");
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/** A picture in a form that crosses to the worker: a Blob, or raw pixels that are nobody else's. */
function sendable(image) {
  if (image instanceof Blob) return image;
  if (image instanceof ImageData) return { width: image.width, height: image.height, data: image.data.slice() };
  const size = image?.videoWidth ?? image?.naturalWidth ?? image?.width;
  if (typeof size !== "number") {
    throw new ClipletError(
      "input",
      "the image must be a Blob, File, ImageData, ImageBitmap, HTML image, canvas or video element",
    );
  }
  const { width, height, data } = drawn(image, size, image.videoHeight ?? image.naturalHeight ?? image.height);
  return { width, height, data };
}

/** What of such pictures is moved and not copied again. */
const moved = (pictures) => pictures.flatMap(({ data }) => (data ? [data.buffer] : []));

const unit = (x) => {
  const norm = Math.hypot(...x);
  return norm > 0 ? x.map((value) => value / norm) : x;
};

function strings(value, what) {
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.some((text) => typeof text !== "string")) {
    throw new ClipletError("input", `${what} must be a string or a list of at least one string`);
  }
  return list;
}

function defaultThreads() {
  return Math.max(1, Math.min(navigator.hardwareConcurrency ?? 1, 8));
}

/** Runs something in an engine that is not needed afterwards. */
async function briefly(run) {
  const door = new Door();
  try {
    return await run(door);
  } finally {
    door.close(new ClipletError("disposed", "this engine was disposed of"));
  }
}

/** A source as it is sent: files as they are, addresses absolute, other names as they are. */
function sourceOf(source) {
  if (source instanceof Blob) return source;
  if (Array.isArray(source) || (globalThis.FileList && source instanceof FileList)) return [...source];
  if (typeof source === "string" && /^(hf|kept):/.test(source)) return source;
  return new URL(source, globalThis.document?.baseURI ?? location.href).href;
}

export class Cliplet {
  #door = null;
  #info = null;

  static async load(source = DEFAULT_MODEL, options = {}) {
    return new Cliplet().replace(source, options);
  }

  static inspect(source, { quant = "q8", hub, signal } = {}) {
    return briefly((door) => door.ask("inspect", { source: sourceOf(source), quant, hub }, { signal }));
  }

  static kept() {
    return briefly((door) => door.ask("kept", {}));
  }

  static forget(kept) {
    return briefly((door) => door.ask("forget", { kept }));
  }

  async replace(source, { onProgress, threads = defaultThreads(), variant, quant = "q8", keep = true, hub, signal } = {}) {
    // An engine of its own: its memory is sized to the model, and the old one's is given back whole.
    const door = new Door();
    try {
      const named = sourceOf(source);
      // While the worker starts.
      const found = typeof named === "string" ? await lookUp(named, quant) : undefined;
      const given = { source: named, found, threads, variant, quant, keep, hub, compiled, report: Boolean(onProgress) };
      const info = await door.ask("load", given, { signal, onProgress });
      const previous = this.#door;
      this.#door = door;
      this.#info = info;
      await previous?.closeWhenIdle();
      return this;
    } catch (error) {
      door.close(error);
      throw error;
    }
  }

  get info() {
    return this.#info;
  }

  async classify(image, labels, { template, templates, topK, signal } = {}) {
    const given = {
      labels: strings(labels, "labels"),
      templates: strings(templates ?? template ?? DEFAULT_TEMPLATE, "templates"),
      topK,
    };
    if (image instanceof Float32Array) return this.#door.ask("classify", { ...given, embedding: image }, { signal });
    const picture = sendable(image);
    return this.#door.ask("classify", { ...given, picture }, { signal, transfer: moved([picture]) });
  }

  async embedImage(image, { normalize = false, signal } = {}) {
    const many = Array.isArray(image);
    const pictures = (many ? image : [image]).map(sendable);
    const embeddings = pictures.length ? await this.#door.ask("embedImages", { pictures }, { signal, transfer: moved(pictures) }) : [];
    const done = normalize ? embeddings.map(unit) : embeddings;
    return many ? done : done[0];
  }

  async embedText(text, { normalize = false, signal } = {}) {
    const many = Array.isArray(text);
    const embeddings =
      many && text.length === 0 ? [] : await this.#door.ask("embedTexts", { texts: strings(text, "text") }, { signal });
    const done = normalize ? embeddings.map(unit) : embeddings;
    return many ? done : done[0];
  }

  async embedLabels(labels, { template, templates, onProgress, signal } = {}) {
    const given = { labels: strings(labels, "labels"), templates: strings(templates ?? template ?? DEFAULT_TEMPLATE, "templates") };
    return this.#door.ask("embedLabels", given, { onProgress, signal });
  }

  async refreshInfo() {
    this.#info = await this.#door.ask("info", {});
    return this.#info;
  }

  dispose() {
    this.#door?.close(new ClipletError("disposed", "this engine was disposed of"));
  }
}
