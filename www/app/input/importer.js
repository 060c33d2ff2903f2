// Takes what comes in: images go to the session, label lists to the labels, models to the model, and videos become
// frames. Tells what was skipped, by name.

import { fileKey } from "../core/session.js";
import { text } from "../strings/index.js";
import { imageAt } from "./address.js";
import { frames } from "./video.js";

export class Importer {
  #app;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  /** Adds image files, except those that are there already. @param {{blob: Blob, name: string, path?: string}[]} entries */
  images(entries) {
    const known = new Map(this.#app.session.list.map((item) => [item.key, item]));
    const fresh = [];
    const twice = [];
    for (const entry of entries) {
      const key = fileKey({
        name: entry.path ?? entry.name,
        size: entry.blob.size,
        lastModified: entry.blob.lastModified,
      });
      const found = known.get(key);
      if (!found) fresh.push(entry);
      else if (found.original === false) Object.assign(found, { blob: entry.blob, original: true });
      else twice.push(entry);
      known.set(key, found ?? {});
    }
    if (fresh.length) this.#app.session.add(fresh);
    if (twice.length === 0) return;
    const again = () =>
      this.#app.session.add(twice.map((entry) => ({ ...entry, key: crypto.randomUUID?.() ?? String(Math.random()) })));
    this.#app.notices.offer(text.duplicates(twice.map(({ name }) => name)), { label: text.addAnyway, run: again });
  }

  labels(files) {
    return this.#app.labels.importFiles(files);
  }

  model(files) {
    this.#app.model.load(files);
  }

  /** Adds frames of videos as images. */
  async videos(files) {
    for (const file of files) {
      try {
        const taken = await frames(file);
        this.images(taken);
        this.#app.notices.toast(text.framesTaken(file.name, taken.length));
      } catch {
        this.#app.notices.add(text.cannotPlay(file.name));
      }
    }
  }

  async address(address) {
    try {
      this.images([await imageAt(address)]);
    } catch (error) {
      this.#app.notices.add(error.message);
    }
  }

  /** Tells of files that are of no use here. @param {string[]} names none for a folder without images */
  skipped(names) {
    this.#app.notices.add(names.length ? text.notPictures(names) : text.noPicturesInFolder);
  }

  /** Tells of files in a folder beside its images. */
  unused(names) {
    this.#app.notices.offer(text.notPictures(names));
  }

  unreadable(paths) {
    this.#app.notices.add(text.notRead(paths));
  }
}
