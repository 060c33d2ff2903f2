// The model in use: loading with progress and cancel, the dialog that tells about it and changes it.

import { Cliplet, DEFAULT_MODEL } from "../cliplet/index.js";
import { size, text } from "./strings.js";

const $ = (id) => document.getElementById(id);
const fileName = (source) => (source instanceof File ? source.name : new URL(source, document.baseURI).pathname.split("/").pop());

/** Options of the address, for tests and the curious: ?variant=simd&threads=1 */
function forced() {
  const query = new URLSearchParams(location.search);
  const threads = Number(query.get("threads"));
  return { variant: query.get("variant") ?? undefined, threads: threads > 0 ? threads : undefined };
}

export class Model {
  #clip = null;
  #loading = null;
  #onReady;
  #onProblem;

  /**
   * @param {(clip: Cliplet) => void} onReady
   * @param {(message: string) => void} onProblem
   */
  constructor(onReady, onProblem) {
    this.#onReady = onReady;
    this.#onProblem = onProblem;
    const dialog = $("model-dialog");
    const open = () => (this.#describe(), dialog.showModal());
    $("model-button").addEventListener("click", open);
    $("model-more").addEventListener("click", open);
    $("loading-cancel").addEventListener("click", () => this.#loading?.abort());
    $("model-file-button").addEventListener("click", () => $("model-file").click());
    const choose = (source) => (dialog.close(), this.load(source));
    $("model-file").addEventListener("change", ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file) choose(file);
    });
    $("model-default").addEventListener("click", () => choose(DEFAULT_MODEL));
    const fromAddress = () => $("model-address").value.trim() && choose($("model-address").value.trim());
    $("model-address-button").addEventListener("click", fromAddress);
    $("model-address").addEventListener("keydown", (event) => event.key === "Enter" && fromAddress());
    this.#label();
  }

  /** Loads a model; the one in use stays until the new one is whole, and if it fails. */
  async load(source = DEFAULT_MODEL) {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    const name = fileName(source);
    const onProgress = (progress) => loading === this.#loading && this.#progress(name, progress);
    const options = { ...forced(), onProgress, signal: loading.signal };
    this.#progress(name, { loaded: 0, total: null });
    try {
      this.#clip = await (this.#clip ? this.#clip.replace(source, options) : Cliplet.load(source, options));
      this.isDefault = source === DEFAULT_MODEL;
      this.#onReady(this.#clip);
    } catch (error) {
      if (loading === this.#loading) {
        const what = error.code === "cancelled" ? text.loadCancelled : text.modelFailed(error.message);
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
    $("model-default").hidden = !info || this.isDefault;
  }

  #describe() {
    const info = this.#clip?.info ?? {};
    const rows = Object.entries(text.facts).filter(([key]) => info[key] !== undefined && info[key] !== null && info[key] !== "");
    const cells = rows.flatMap(([key, label]) => {
      const [term, fact] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = label;
      fact.textContent = key === "bytes" ? size(info[key]) : typeof info[key] === "number" ? info[key].toLocaleString() : info[key];
      return [term, fact];
    });
    $("model-facts").replaceChildren(...cells);
  }
}
