/// <reference lib="esnext.disposable" preserve="true" />
// A CLIP model that runs in a worker of the page.

import { checkCallOptions, checkLoadOptions, labelList, refuseNumbers, stringList, templateList } from "./arguments.js";
import { deleteCached, listCached } from "./cached-models.js";
import { deprecated } from "./deprecated.js";
import { Engine, inspectModel } from "./engine.js";
import { ClipletError } from "./errors.js";
import { configure } from "./host.js";
import { areMany, imageList } from "./images.js";
import { embedAll, rankAll } from "./slices.js";

/** @typedef {import("./types.js").ImageSource} ImageSource */
/** @typedef {import("./types.js").ModelSource} ModelSource */
/** @typedef {import("./types.js").LoadOptions} LoadOptions */
/** @typedef {import("./types.js").Ranked} Ranked */
/** @typedef {import("./types.js").EmbedOptions} EmbedOptions */
/** @typedef {import("./types.js").OperationOptions} OperationOptions */
/** @typedef {import("./types.js").ProgressOptions} ProgressOptions */
/** @typedef {import("./types.js").PromptOptions} PromptOptions */
/** @typedef {import("./types.js").RankOptions} RankOptions */

/** Only `load` makes instances. */
const FROM_LOAD = Symbol("from load");

/** @param {Float32Array} vector */
function unit(vector) {
  const norm = Math.hypot(...vector);
  return norm > 0 ? vector.map((value) => value / norm) : vector;
}

/** A CLIP model running in a worker of this page. Every rejection is a {@link ClipletError}. */
export class Cliplet {
  #engine;

  /**
   * Use {@link Cliplet.load}.
   * @private
   * @param {symbol} token
   * @param {Engine} engine
   */
  constructor(token, engine) {
    if (token !== FROM_LOAD)
      throw new ClipletError("input", "an engine is made by `await Cliplet.load()`, not by `new Cliplet()`");
    this.#engine = engine;
  }

  /**
   * Loads a model: the small one that comes with the package, unless another is named. Models that come over a network are
   * cached on this device, and a download that broke off is continued.
   * @param {ModelSource} [source]
   * @param {LoadOptions} [options]
   * @returns {Promise<Cliplet>}
   */
  static async load(source, options = {}) {
    checkLoadOptions(options);
    const engine = new Engine();
    await engine.load(source, options);
    return new Cliplet(FROM_LOAD, engine);
  }

  /**
   * Says what loading would fetch and cache, without doing so.
   * @param {ModelSource} source
   * @param {import("./types.js").InspectOptions} [options]
   * @returns {Promise<import("./types.js").Inspection>}
   */
  static async inspect(source, options = {}) {
    checkLoadOptions(options);
    return inspectModel(source, options);
  }

  /**
   * Models cached on this device, the latest first.
   * @returns {Promise<import("./types.js").CachedModel[]>}
   */
  static listCached() {
    return listCached();
  }

  /**
   * Deletes a cached model.
   * @param {string} id
   * @returns {Promise<void>}
   */
  static async deleteCached(id) {
    if (typeof id !== "string")
      throw new ClipletError("input", "deleteCached wants the id of a model that listCached gave");
    await deleteCached(id);
  }

  /**
   * Sets for the whole page where the package's files are; a call's own options go before.
   * @param {import("./types.js").HostOptions} options
   */
  static configure(options) {
    configure(options);
  }

  /**
   * @deprecated use {@link Cliplet.listCached}
   * @returns {Promise<import("./types.js").CachedModel[]>}
   */
  static kept() {
    deprecated("Cliplet.kept", "Cliplet.listCached");
    return Cliplet.listCached();
  }

  /**
   * @deprecated use {@link Cliplet.deleteCached}
   * @param {string} id
   * @returns {Promise<void>}
   */
  static forget(id) {
    deprecated("Cliplet.forget", "Cliplet.deleteCached");
    return Cliplet.deleteCached(id);
  }

  /**
   * Loads another model in place; on failure the present one stays.
   * @param {ModelSource} [source]
   * @param {LoadOptions} [options]
   * @returns {Promise<this>}
   */
  async replace(source, options = {}) {
    checkLoadOptions(options);
    await this.#engine.load(source, options);
    return this;
  }

  /**
   * The loaded model and how it runs.
   * @returns {import("./types.js").Info}
   */
  get info() {
    return this.#engine.info;
  }

  /**
   * {@link info}, read again: `embeddedPrompts`, `memory` and `restarts` change.
   * @returns {Promise<import("./types.js").Info>}
   */
  refreshInfo() {
    return this.#engine.refreshInfo();
  }

  /**
   * Ranks labels for an image, best first. Prompts are embedded once and remembered. Instead of an image, an embedding that
   * {@link embedImage} gave may be passed.
   * @overload
   * @param {ImageSource | Float32Array} image
   * @param {string | readonly string[]} labels
   * @param {PromptOptions & RankOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<Ranked[]>}
   */
  /**
   * Ranks labels for several images, in slices with flat memory. Each has its own answer or error, in the images' order.
   * @overload
   * @param {Iterable<ImageSource | Float32Array> | FileList} images
   * @param {string | readonly string[]} labels
   * @param {PromptOptions & RankOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<(Ranked[] | ClipletError)[]>}
   */
  /**
   * @param {any} image
   * @param {string | readonly string[]} labels
   * @param {PromptOptions & RankOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<any>}
   */
  async classify(image, labels, options = {}) {
    checkCallOptions(options);
    const { signal, onProgress, topK } = options;
    const question = { labels: labelList(labels), templates: templateList(options), topK };
    refuseNumbers(image);
    const many = areMany(image);
    const answers = await rankAll(this.#engine, many ? imageList(image) : [image], question, {
      signal,
      onProgress,
      named: many,
    });
    return many ? answers : only(answers);
  }

  /**
   * Embedding of one image; not of unit length unless asked.
   * @overload
   * @param {ImageSource} image
   * @param {EmbedOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<Float32Array>}
   */
  /**
   * Embeddings of several images, in slices with flat memory. Each has its own embedding or error, in the images' order.
   * @overload
   * @param {Iterable<ImageSource> | FileList} images
   * @param {EmbedOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<(Float32Array | ClipletError)[]>}
   */
  /**
   * @param {any} image
   * @param {EmbedOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<any>}
   */
  async embedImage(image, options = {}) {
    checkCallOptions(options);
    const { normalize = false, signal, onProgress } = options;
    const many = areMany(image);
    const results = await embedAll(this.#engine, many ? imageList(image) : [image], {
      signal,
      onProgress,
      named: many,
    });
    const done = normalize
      ? results.map((result) => (result instanceof ClipletError ? result : unit(result)))
      : results;
    return many ? done : only(done);
  }

  /**
   * Embedding of one text; not of unit length unless asked.
   * @overload
   * @param {string} text
   * @param {EmbedOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<Float32Array>}
   */
  /**
   * Embeddings of several texts, in their order.
   * @overload
   * @param {readonly string[]} texts
   * @param {EmbedOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<Float32Array[]>}
   */
  /**
   * @param {string | readonly string[]} text
   * @param {EmbedOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<any>}
   */
  async embedText(text, options = {}) {
    checkCallOptions(options);
    const { normalize = false, signal, onProgress } = options;
    const many = Array.isArray(text);
    if (many && text.length === 0) return [];
    const args = { texts: stringList(text, "text") };
    /** @type {Float32Array[]} */
    const embeddings = await this.#engine.request("embedTexts", args, { signal, onProgress });
    const done = normalize ? embeddings.map(unit) : embeddings;
    return many ? done : done[0];
  }

  /**
   * Unit vectors of labels, in their order: of each the mean over all templates. They are remembered, and cached on this
   * device for the next visit, by model and templates.
   * @param {string | readonly string[]} labels
   * @param {PromptOptions & OperationOptions & ProgressOptions} [options]
   * @returns {Promise<Float32Array[]>}
   */
  async embedLabels(labels, options = {}) {
    checkCallOptions(options);
    const { signal, onProgress } = options;
    const args = { labels: labelList(labels), templates: templateList(options) };
    return this.#engine.request("embedLabels", args, { signal, onProgress });
  }

  /** Stops the worker and frees its memory; open calls are rejected. */
  dispose() {
    this.#engine.dispose();
  }

  /** As {@link dispose}, at the end of a block that declared the instance by `using`. */
  [Symbol.dispose]() {
    this.dispose();
  }
}

/**
 * The one result of a call with one image.
 * @template T
 * @param {(T | ClipletError)[]} results
 * @returns {T}
 */
function only([result]) {
  if (result instanceof ClipletError) throw result;
  return result;
}
