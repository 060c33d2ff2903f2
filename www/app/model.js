// The model in use: loading with progress and cancel. What the person chooses among is model-dialog.js.

import { Cliplet, DEFAULT_MODEL } from "../cliplet/index.js";
import { nameOf as nameOfAddress } from "../cliplet/download.js";
import { ModelDialog } from "./model-dialog.js";
import { size, text } from "./strings.js";

const $ = (id) => document.getElementById(id);

/** What a source is called before it has told its name. */
function nameOf(source) {
  const [first] = Array.isArray(source) ? source : [source];
  if (first instanceof Blob) return first.name ?? "model";
  if (/^(hf|kept|cached):/.test(first)) return first.replace(/^(hf|kept|cached):/, "");
  return nameOfAddress(new URL(first, document.baseURI).href);
}

/** Options of the address, for tests and the curious: ?variant=simd&threads=1 */
function forced() {
  const query = new URLSearchParams(location.search);
  const threads = Number(query.get("threads"));
  return { variant: query.get("variant") ?? undefined, threads: threads > 0 ? threads : undefined };
}

export class Model {
  /** What others can load the model by: null for the one included, undefined for a file. */
  shared = null;
  #clip = null;
  #loading = null;
  #onReady;
  #onProblem;
  #dialog;

  /**
   * @param {(clip: Cliplet) => void} onReady
   * @param {(message: string) => void} onProblem
   */
  constructor(onReady, onProblem) {
    this.#onReady = onReady;
    this.#onProblem = onProblem;
    this.#dialog = new ModelDialog({ load: (source, options) => this.load(source, options), onProblem });
    $("loading-cancel").addEventListener("click", () => this.#loading?.abort());
    this.#label();
  }

  /** Tells what loading a model of that name or address would bring, and loads it if the person says so. */
  offer(source) {
    this.#dialog.offer(source);
  }

  /**
   * Loads a model; the one in use stays until the new one is whole, and if it fails.
   * @param {string | Blob | Blob[]} source
   * @param {{quant?: "q8" | "q4"}} options
   */
  async load(source = DEFAULT_MODEL, { quant } = {}) {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    const name = nameOf(source);
    const onProgress = (progress) => loading === this.#loading && this.#progress(name, progress);
    const options = { ...forced(), quant, hub: this.#dialog.hub, onProgress, signal: loading.signal };
    this.#progress(name, { loaded: 0, total: null });
    try {
      const clip = await Cliplet.load(source, options);
      if (loading !== this.#loading) return clip.dispose();
      this.#use(clip);
    } catch (error) {
      if (loading === this.#loading) {
        const what = error.code === "cancelled" ? text.loadCancelled : text.modelFailed(text.problem(error));
        this.#onProblem(this.#clip ? `${what} ${text.modelKept}` : what);
      }
    } finally {
      if (loading === this.#loading) {
        this.#loading = null;
        $("loading").hidden = true;
        this.#label();
      }
    }
  }

  #use(clip) {
    const previous = this.#clip;
    this.#clip = clip;
    const { source, name, keepProblem } = clip.info;
    this.isDefault = source === DEFAULT_MODEL;
    this.shared = this.isDefault ? null : /^(kept|cached):/.test(source) ? undefined : source;
    this.#onReady(clip);
    previous?.dispose();
    if (keepProblem && !this.isDefault) this.#onProblem(text.notKept[keepProblem](name));
  }

  #progress(name, { loaded, total }) {
    const bar = $("loading-bar");
    $("loading").hidden = false;
    if (total) {
      bar.max = total;
      bar.value = loaded;
    } else {
      bar.removeAttribute("value");
    }
    const whole = total && loaded >= total;
    $("loading-text").textContent = whole
      ? text.startingModel(name)
      : text.loadingModel(name, size(loaded), total ? size(total) : "");
  }

  #label() {
    const info = this.#clip?.info;
    $("model-name").textContent = info ? info.name : text.noModel;
    $("model-detail").textContent = info ? `${info.quantization} · ${text.threads(info.threads)}` : "";
    $("model-note").hidden = !(info && this.isDefault);
    this.#dialog.show(info, this.isDefault);
  }
}
