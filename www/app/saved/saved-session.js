// Saves the session on this device, so that it comes back after a reload and is shared by all tabs: names, embeddings,
// labels by hand and small thumbnails, and the original files where the person wants that. Of images that are not analyzed
// yet there is nothing to save but the original; where that is not wanted, the next visit says which they were.

import { createStore, delMany, entries, getMany, setMany } from "idb-keyval";
import { recall, remember } from "../core/storage.js";
import { text } from "../strings/index.js";
import { rememberUnsaved, takeUnsaved } from "./unsaved.js";

const KEEP_ORIGINALS = "keep-originals";
/** Milliseconds after which what is new is written. */
const SETTLE = 400;
/** Images written at a time. */
const BATCH = 16;
/** So many wait before they are written while the queue still runs; the rest is written at its end. */
const WHILE_BUSY = 64;
/** More images than this are not saved. */
const MOST = 5000;

/** Fields written of each image. */
const record = ({ key, name, path, size, embedding, model, corrected, width, height, addedAt, place }) => ({
  key,
  name,
  path,
  size,
  embedding,
  model,
  corrected,
  width,
  height,
  addedAt,
  place,
});

export class SavedSession {
  keepOriginals = recall(KEEP_ORIGINALS, false) === true;
  /** False where this browser stores nothing for the page. */
  available = true;
  /** Set where the page itself loads anew, which asks nobody. */
  leavingOnPurpose = false;
  #app;
  #store;
  #channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("cliplet-session") : null;
  #waiting = new Set();
  #timer = null;
  #writing = false;
  #asked = false;
  /** Set while images come from storage or another tab, which are not written again. */
  #reading = false;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
    try {
      this.#store = createStore("cliplet-session", "images");
    } catch {
      this.available = false;
    }
    const { session } = app;
    session.addEventListener("changed", ({ item }) => this.#changed(item));
    session.addEventListener("added", ({ items }) => {
      for (const item of this.#reading ? [] : items) {
        item.addedAt ??= Date.now();
        item.place ??= item.id;
        this.#changed(item);
      }
    });
    session.addEventListener("removed", ({ items }) => this.#removed(items));
    session.addEventListener("queue", () => this.#schedule());
    this.#channel?.addEventListener("message", ({ data }) => this.#heard(data));
    addEventListener("beforeunload", (event) => this.#leaving(event));
    addEventListener("pagehide", () => rememberUnsaved(this.#unsavedNames()));
    // The page was not left but set aside, with everything in it.
    addEventListener("pageshow", ({ persisted }) => persisted && takeUnsaved());
  }

  /** Brings back what was saved, before anything else is there. */
  async restore() {
    const { names, count } = takeUnsaved();
    if (count > 0) this.#app.notices.offer(text.notSaved(names, count));
    try {
      const saved = (await entries(this.#store)).map(([, value]) => value);
      const restored = this.#add(saved.sort((a, b) => a.addedAt - b.addedAt || a.place - b.place));
      if (restored)
        this.#app.notices.toast(text.restored(restored), {
          label: text.startFresh,
          run: () => this.#app.remove(this.#app.session.list),
        });
    } catch {
      this.available = false;
    }
  }

  /** Sets whether original files are saved too. */
  setKeepOriginals(keep) {
    this.keepOriginals = keep;
    remember(KEEP_ORIGINALS, keep);
    for (const item of this.#app.session.items.values()) {
      item.saved = undefined;
      this.#changed(item);
    }
    this.#app.redraw();
  }

  /** Adds saved images that are not here; gives their number. */
  #add(saved) {
    const known = new Set(this.#app.session.list.map(({ key }) => key));
    const fresh = saved.filter(({ key, thumbnail, original }) => !known.has(key) && (original ?? thumbnail));
    this.#reading = true;
    this.#app.session.add(
      fresh.map(({ thumbnail, original, ...item }) => ({
        ...item,
        saved: stamp(item, Boolean(original)),
        blob: original ?? thumbnail,
        original: Boolean(original),
      })),
    );
    this.#reading = false;
    return fresh.length;
  }

  // ---- writing ----

  #changed(item) {
    if (this.#reading || !this.available || !this.#worthSaving(item)) return;
    this.#waiting.add(item);
    this.#asked = false;
    this.#schedule();
  }

  /** True of an image that is analyzed, or whose original is to be kept, unless just that is written already. */
  #worthSaving(item) {
    const has = item.state === "done" || (this.keepOriginals && item.original && item.state !== "working");
    return has && item.saved !== stamp(item, this.keepOriginals);
  }

  /** Names of readable images of which nothing would be left after a reload. */
  #unsavedNames() {
    const lost = ({ saved, state }) => saved === undefined && state !== "failed";
    return this.#app.session.list.filter(lost).map(({ name }) => name);
  }

  /** True where something is to be written now: the queue comes first, unless much would be lost with it. */
  get #due() {
    return this.#waiting.size >= (this.#app.session.open > 0 && !this.keepOriginals ? WHILE_BUSY : 1);
  }

  #schedule() {
    if (this.#timer !== null || this.#writing || !this.#due) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#write();
    }, SETTLE);
  }

  async #write() {
    this.#writing = true;
    const { session, thumbnails } = this.#app;
    try {
      while (this.#due) {
        const batch = [...this.#waiting].slice(0, BATCH);
        for (const item of batch) this.#waiting.delete(item);
        const saved = new Set(session.list.slice(0, MOST));
        const written = [];
        for (const item of batch) {
          if (!saved.has(item)) continue;
          item.saved = stamp(item, this.keepOriginals);
          const thumbnail = await this.#smallCopy(item, thumbnails);
          written.push([
            item.key,
            { ...record(item), thumbnail, original: this.keepOriginals && item.original ? item.blob : undefined },
          ]);
        }
        await setMany(written, this.#store);
        this.#channel?.postMessage({ written: written.map(([key]) => key) });
      }
    } catch {
      // Private modes refuse it and it can be full; the page works all the same.
      this.available = false;
      this.#waiting.clear();
    } finally {
      this.#writing = false;
      this.#schedule();
    }
  }

  /** An image's small copy; none of one whose original is saved before it is analyzed. */
  async #smallCopy(item, thumbnails) {
    if (!item.original) return item.blob;
    return this.keepOriginals && item.state !== "done" ? undefined : thumbnails.get(item);
  }

  #removed(items) {
    items.forEach((item) => {
      this.#waiting.delete(item);
      item.saved = undefined;
    });
    if (this.#reading || !this.available) return;
    const keys = items.map(({ key }) => key);
    delMany(keys, this.#store).then(
      () => this.#channel?.postMessage({ removed: keys }),
      () => {},
    );
  }

  // ---- other tabs ----

  async #heard({ written, removed }) {
    const { session } = this.#app;
    if (removed) {
      this.#reading = true;
      session.remove(session.list.filter(({ key }) => removed.includes(key)).map(({ id }) => id));
      this.#reading = false;
      return;
    }
    const saved = (await getMany(written, this.#store).catch(() => [])).filter(Boolean);
    const byKey = new Map(session.list.map((item) => [item.key, item]));
    this.#add(saved);
    for (const { key, corrected } of saved) {
      const item = byKey.get(key);
      if (!item || item.corrected === corrected) continue;
      item.corrected = corrected;
      item.saved = stamp(item, this.keepOriginals);
      session.touch(item);
    }
  }

  // ---- leaving ----

  /** Asks once before results are left whose files are not stored here. */
  #leaving(event) {
    const { counts, open } = this.#app.session;
    const unsaved = open > 0 || this.#waiting.size > 0 || !this.available || !this.keepOriginals;
    if (this.#asked || this.leavingOnPurpose || (counts.done === 0 && open === 0) || !unsaved) return;
    this.#asked = true;
    event.preventDefault();
  }
}

/** Tells apart what is worth writing again. */
const stamp = ({ model, corrected }, original) => JSON.stringify([model, corrected ?? null, original]);
