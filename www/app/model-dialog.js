// The dialog about models: the one in use and its card, others to choose from, with their size before
// anything is loaded, and those kept on this device.

import { Cliplet, DEFAULT_MODEL } from "../cliplet/index.js";
import { make } from "./dom.js";
import { size, text } from "./strings.js";

const $ = (id) => document.getElementById(id);

/** Free and used storage, as far as the browser tells. */
async function room() {
  const { quota, usage } = (await navigator.storage?.estimate?.().catch(() => null)) ?? {};
  return quota ? { quota, usage, free: Math.max(0, quota - usage) } : null;
}

/** What a person types for a Hub id, as a source: `owner/name` or its whole address. */
function hubSource(typed) {
  const id = typed.trim().replace(/^(hf:|https?:\/\/huggingface\.co\/)/, "").replace(/\/+$/, "");
  return `hf:${id}`;
}

export class ModelDialog {
  /** Another Hub than huggingface.co, where the page names one. */
  hub = document.querySelector('meta[name="cliplet-hub"]')?.content;
  #load;
  #onProblem;
  #asking = null;
  #offered = null;
  #info = null;

  /** @param {{load: (source: unknown, options: object) => void, onProblem: (message: string) => void}} does */
  constructor({ load, onProblem }) {
    this.#load = load;
    this.#onProblem = onProblem;
    const dialog = $("model-dialog");
    for (const id of ["model-button", "model-more"]) $(id).addEventListener("click", () => this.#open());
    dialog.addEventListener("close", () => this.#withdraw());
    $("model-default").addEventListener("click", () => this.#choose(DEFAULT_MODEL));
    $("model-file-button").addEventListener("click", () => $("model-file").click());
    $("model-file").addEventListener("change", ({ target }) => {
      const files = [...target.files];
      target.value = "";
      if (files.length) this.#choose(files);
    });
    const asks = (form, source) =>
      $(form).addEventListener("submit", (event) => {
        event.preventDefault();
        const asked = source();
        if (asked) this.offer(asked);
      });
    asks("model-hub-form", () => hubSource($("model-hub").value));
    asks("model-address-form", () => $("model-address").value.trim());
    $("model-offer-load").addEventListener("click", () => this.#choose(...this.#offered));
    $("model-offer-leave").addEventListener("click", () => this.#withdraw());
    $("kept-persist").addEventListener("click", () => this.#persist());
    $("model-card-points").replaceChildren(...text.modelCard.points.map((point) => make("li", {}, point)));
  }

  #open() {
    if (!$("model-dialog").open) $("model-dialog").showModal();
    this.#list();
  }

  #choose(source, options = {}) {
    $("model-dialog").close();
    this.#load(source, options);
  }

  /** Asks how large a model is and shows that, with the choice to load it. */
  async offer(source) {
    this.#withdraw();
    this.#open();
    const asking = (this.#asking = new AbortController());
    const options = { quant: $("model-quant").value };
    $("model-asking").textContent = text.modelLooking(source.replace(/^hf:/, ""));
    try {
      const told = await Cliplet.inspect(source, { ...options, hub: this.hub, signal: asking.signal });
      const space = await room();
      if (asking !== this.#asking) return;
      this.#offered = [source, options];
      this.#tell(told, space);
    } catch (error) {
      if (asking !== this.#asking || asking.signal.aborted) return;
      $("model-dialog").close();
      this.#onProblem(text.modelFailed(text.problem(error)));
    } finally {
      if (asking === this.#asking) $("model-asking").textContent = "";
    }
  }

  #tell({ name, kept, download, bytes }, space) {
    const [fetched, held] = [download, bytes].map((count) => (count === null ? "" : size(count)));
    $("model-offer-text").textContent = kept
      ? text.offerKept(name, held)
      : fetched
        ? text.offer(name, fetched, held)
        : text.offerUnknown(name);
    const tight = space && !kept && (bytes ?? 0) > space.free;
    $("model-offer-room").textContent = !space || kept ? "" : (tight ? text.offerNoRoom : text.offerRoom)(size(space.free));
    $("model-offer-load").textContent = text.offerLoad(kept ? "" : fetched);
    $("model-offer").hidden = false;
    $("model-offer-text").focus();
  }

  #withdraw() {
    this.#asking?.abort();
    this.#asking = null;
    this.#offered = null;
    $("model-asking").textContent = "";
    $("model-offer").hidden = true;
  }

  /** Shows the model in use. */
  show(info, isDefault) {
    this.#info = info;
    $("model-default").hidden = Boolean(isDefault);
    const rows = Object.entries(text.facts).filter(([key]) => ![undefined, null, ""].includes(info?.[key]));
    const fact = (key) => {
      if (key === "bytes") return size(info[key]);
      return typeof info[key] === "number" ? info[key].toLocaleString() : info[key];
    };
    $("model-facts").replaceChildren(...rows.flatMap(([key, label]) => [make("dt", {}, label), make("dd", {}, fact(key))]));
    const source = $("model-card-source");
    source.replaceChildren();
    if (!/^https:/.test(info?.origin ?? "")) return;
    source.append(text.modelCard.source(info.name), make("a", { href: info.origin, target: "_blank", rel: "noreferrer" }, info.origin));
  }

  // ---- kept models ----

  async #list() {
    const [kept, space, forGood] = await Promise.all([
      Cliplet.kept().catch(() => []),
      room(),
      navigator.storage?.persisted?.().catch(() => false),
    ]);
    $("kept").replaceChildren(...kept.map((model) => this.#row(model)));
    if (kept.length === 0) $("kept").replaceChildren(make("li.quiet", {}, text.keptNone));
    const used = space && kept.length > 0;
    const lasting = used ? [text.keptRoom(size(space.usage), size(space.quota)), forGood ? text.keptForGood : text.keptWhileRoom] : [];
    if (!used && this.#info?.keepProblem === "unavailable") lasting.push(text.keptPrivate);
    $("kept-room").textContent = lasting.join(" ");
    $("kept-persist").hidden = !used || forGood || !navigator.storage?.persist;
  }

  #row(model) {
    const { id, name, source, complete, bytes, quantization, checksum, origin } = model;
    const isFile = source.startsWith("kept:");
    const inUse = complete && this.#info?.source === source && this.#info?.checksum === checksum;
    const comesAlong = source === DEFAULT_MODEL;
    const where = comesAlong ? text.keptAlong : isFile ? text.keptFile : text.keptFrom(origin ?? source.replace(/^hf:/, "https://huggingface.co/"));
    const facts = complete ? [size(bytes), quantization, where, text.keptSum(checksum)] : [text.keptPart, where];
    const buttons = [];
    if (inUse) buttons.push(make("span.quiet", {}, text.keptInUse));
    else if (complete) buttons.push(this.#button(text.modelLoad, text.keptLoad(name), () => this.#choose(id)));
    else if (!isFile) buttons.push(this.#button(text.modelLoad, text.keptLoad(name), () => this.offer(source)));
    const remove = async () => {
      await Cliplet.forget(id).catch(() => this.#onProblem(text.notDeleted(name)));
      await this.#list();
      ($("kept").querySelector("button") ?? $("model-hub")).focus();
    };
    // Without a network the page would be left without any model.
    if (!comesAlong) buttons.push(this.#button(text.delete, text.keptDelete(name), remove));
    return make(
      "li",
      {},
      make("div", {}, make("strong", { dir: "auto" }, name), make("p.quiet", {}, facts.filter(Boolean).join(" · "))),
      make("div.choices", {}, ...buttons),
    );
  }

  #button(word, label, onclick) {
    return make("button.small", { type: "button", "aria-label": label, onclick }, word);
  }

  async #persist() {
    if (await navigator.storage.persist()) await this.#list();
    else $("kept-room").textContent = text.persistRefused;
  }
}
