// The model in use: loads one while the former goes on answering, with progress, cancel and resume.

import { Cliplet, DEFAULT_MODEL, fileNameOf } from "../../cliplet/index.js";
import { sentence } from "../core/problems.js";
import { size, text } from "../strings/index.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;

/** Another Hub than huggingface.co, where the page names one. */
export const HUB = meta("cliplet-hub");
/** The larger model that is offered in one click. */
export const BETTER_MODEL = meta("cliplet-better-model");

/** A source's name before its model has loaded. */
function nameOf(source) {
  if (source === DEFAULT_MODEL) return text.theIncludedModel;
  const [first] = Array.isArray(source) ? source : [source];
  if (first instanceof Blob) return first.name ?? "model";
  if (/^(hf|cached):/.test(first)) return first.replace(/^\w+:/, "");
  return fileNameOf(new URL(first, document.baseURI).href);
}

/** The reason why a model could not be had, as people read it. */
export const reasonOf = (error) =>
  error.code === "network" && !navigator.onLine ? text.offline : sentence(text.problem(error));

/** Options of the address, for tests and the curious: ?variant=simd&threads=1 */
function forced() {
  const query = new URLSearchParams(location.search);
  const threads = Number(query.get("threads"));
  return { variant: query.get("variant") ?? undefined, threads: threads > 0 ? threads : undefined };
}

export class Model {
  /** @type {Cliplet | null} */
  clip = null;
  isDefault = false;
  /** A source that others can load the model by: null for the one included, undefined for a file. */
  shared = null;
  /** `{ name, loaded, total }` while a model is loading; else null. */
  progress = null;
  /** The last problem, until something else is tried. */
  problem = "";
  /** Set while the dialog about models is open, which shows progress and problems itself. */
  dialogOpen = false;
  #app;
  #loading = null;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  get info() {
    return this.clip?.info ?? null;
  }

  get ready() {
    return this.clip !== null && this.progress === null;
  }

  /** Text for the progress of loading. */
  get progressText() {
    const { name, loaded, total } = this.progress;
    return total && loaded >= total
      ? text.startingModel(name)
      : text.loadingModel(name, size(loaded), total ? size(total) : "");
  }

  cancel() {
    this.#loading?.abort();
  }

  /**
   * Loads a model; the one in use stays until the new one is whole, and if it fails.
   * @param {string | Blob | Blob[]} source
   * @param {{quant?: "q8" | "q4"}} [options]
   * @returns {Promise<boolean>} whether it is in use now
   */
  async load(source = DEFAULT_MODEL, { quant } = {}) {
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    const name = nameOf(source);
    const onProgress = ({ loaded, total }) =>
      loading === this.#loading && this.#set({ progress: { name, loaded, total } });
    this.#set({ progress: { name, loaded: 0, total: null }, problem: "" });
    try {
      const clip = await Cliplet.load(source, { ...forced(), quant, hub: HUB, onProgress, signal: loading.signal });
      if (loading !== this.#loading) {
        clip.dispose();
        return false;
      }
      this.#use(clip);
      return true;
    } catch (error) {
      if (loading === this.#loading) this.#failed(error, () => this.load(source, { quant }));
      return false;
    } finally {
      if (loading === this.#loading) {
        this.#loading = null;
        this.#set({ progress: null });
      }
    }
  }

  #failed(error, again) {
    const canceled = error.code === "cancelled";
    const message = canceled ? text.loadCanceled : text.modelFailed(reasonOf(error));
    const words = this.clip ? `${message} ${text.modelStays}` : message;
    this.problem = words;
    // The dialog shows it where it is open; what was loaded so far is cached, and loading resumes from there.
    if (!this.dialogOpen) this.#app.notices.add(words, { label: canceled ? text.resume : text.retry, run: again });
  }

  #use(clip) {
    const previous = this.clip;
    const { source, name, cacheError, warnings = [] } = clip.info;
    const isDefault = source === DEFAULT_MODEL;
    const shared = isDefault ? null : source.startsWith("cached:") ? undefined : source;
    this.#set({ clip, isDefault, shared });
    for (const part of ["session", "classifier", "search", "suggestions"]) this.#app[part].use(clip);
    previous?.dispose();
    if (cacheError && !isDefault) this.#app.notices.add(text.notStored[cacheError](name));
    if (warnings.length) this.#app.notices.offer(text.modelWarnings(name, warnings));
  }

  #set(some) {
    Object.assign(this, some);
    this.#app.redraw();
  }
}
