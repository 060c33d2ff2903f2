// Export: what is selected, or else shown, is copied, downloaded or sorted into folders; and a link with the settings.

import { download } from "../core/dom.js";
import { inSlices } from "../core/scheduler.js";
import { html, nothing, View } from "../core/view.js";
import { text } from "../strings/index.js";
import { canWriteFolders, sortInto } from "./folders.js";
import { csv, json, npy, SHELLS, script } from "./formats.js";
import { link } from "./link.js";
import { report } from "./report.js";
import { sidecars } from "./xmp.js";

/** Some programs cut longer addresses. */
const LONG = 8000;

export class ExportDialog extends View {
  #message = "";
  #shell = "sh";
  #folders = false;

  /** Kinds of files: `make` gives the content for rows; what is no text cannot be copied. */
  #kinds = {
    csv: {
      name: "cliplet.csv",
      type: "text/csv",
      copy: true,
      make: ({ rows, labels, score }) => csv(rows, labels, score),
    },
    report: {
      name: "cliplet.html",
      type: "text/html",
      make: ({ rows, labels, score }) => this.#report(rows, labels, score),
    },
    json: {
      name: "cliplet.json",
      type: "application/json",
      copy: true,
      make: ({ rows, labels }) => json(rows, labels),
    },
    npy: { name: "cliplet-embeddings.npy", make: ({ rows }) => npy(rows.map(({ item }) => item.embedding)) },
    files: {
      name: "cliplet-embeddings.txt",
      type: "text/plain",
      copy: true,
      make: ({ rows }) => rows.map(({ path }) => `${path}\n`).join(""),
    },
    xmp: { name: "cliplet-xmp.zip", make: ({ rows }) => sidecars(rows) },
    script: {
      name: () => `cliplet-rename.${SHELLS[this.#shell].extension}`,
      type: "text/plain",
      copy: true,
      make: ({ rows }) => script(rows, this.#shell, this.#folders),
    },
  };

  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("export", () => {
      this.#message = "";
      this.part("dialog").showModal();
      this.requestUpdate();
    });
  }

  get #items() {
    const { selection, gallery } = this.app;
    const items = selection.size ? selection.items : gallery.list();
    return items.filter(({ embedding, ranked }) => embedding && ranked);
  }

  render() {
    const open = this.part("dialog")?.open ?? false;
    return html`<dialog id="export-dialog" aria-labelledby="export-heading" @close=${() => this.requestUpdate()}>
      <form method="dialog" class="dialog-head">
        <h2 id="export-heading">${text.exportHeading}</h2>
        <button class="plain">${text.close}</button>
      </form>
      ${open ? this.#content() : nothing}
      <p id="export-message" class="quiet message" aria-live="polite">${this.#message}</p>
    </dialog>`;
  }

  #content() {
    const count = this.#items.length;
    const address = link(this.app.query.settings, this.app.model.shared);
    const notes = [
      this.app.model.shared === undefined && text.linkWithoutModel,
      address.length > LONG && text.linkLong,
    ].filter(Boolean);
    return html`
      ${count ? this.#results(count) : nothing}
      <div class="field">
        <label for="share-link">${text.shareLink}</label>
        <div class="share-row">
          <input id="share-link" type="text" readonly .value=${address} aria-describedby="share-link-help" />
          <button type="button" class="small" @click=${() => this.#tell(this.#copy(address).then(() => text.linkCopied))}>${text.copy}</button>
        </div>
        <p id="share-link-help" class="quiet">${[text.shareLinkText, ...notes].join(" ")}</p>
      </div>`;
  }

  #results(count) {
    return html`<div class="exports">
      <p class="quiet">${this.app.selection.size ? text.exportOfSelected(count) : text.exportOf(count)}</p>
      ${Object.keys(this.#kinds).map((name) => this.#row(name))}
      ${
        canWriteFolders()
          ? html`<div class="export-row" role="group" aria-labelledby="export-folders-name">
            <span id="export-folders-name">${text.exportKinds.folders}</span>
            <button type="button" class="small" @click=${() => this.#tell(this.#sort())}>${text.chooseFolder}</button>
          </div>`
          : nothing
      }
    </div>`;
  }

  #row(name) {
    const { copy } = this.#kinds[name];
    return html`<div class="export-row" role="group" aria-labelledby=${`export-${name}`}>
      <span id=${`export-${name}`}>${text.exportKinds[name]}</span>
      ${name === "script" ? this.#scriptOptions() : nothing}
      ${
        copy
          ? html`<button type="button" class="small" data-copy=${name} @click=${() =>
              this.#tell(
                this.#make(name)
                  .then((content) => this.#copy(content))
                  .then(() => text.copied),
              )}>${text.copy}</button>`
          : nothing
      }
      <button type="button" class="small" data-download=${name} @click=${() => this.#tell(this.#download(name))}>${text.download}</button>
    </div>`;
  }

  #scriptOptions() {
    const shells = Object.keys(SHELLS);
    return html`<span class="export-options">
      <label for="export-shell">${text.exportShell}</label>
      <select id="export-shell" @change=${({ target }) => (this.#shell = target.value)}>${shells.map((shell) => html`<option value=${shell}>${text.exportShells[shell]}</option>`)}</select>
      <label class="check"><input id="export-by-folder" type="checkbox" @change=${({ target }) => (this.#folders = target.checked)} /> <span>${text.exportFolders}</span></label>
    </span>`;
  }

  // ---- making ----

  /** Every label's number for every image. */
  async #rows() {
    const { classifier, query } = this.app;
    const rows = [];
    await inSlices(this.#items, (item) => {
      const label = classifier.labelOf(item);
      rows.push({
        item,
        path: item.path,
        best: label ?? text.noMatch,
        keywords: label ? [label] : [],
        ranked: classifier.all(item),
      });
    });
    return { rows, labels: classifier.labels, score: query.settings.score };
  }

  async #make(name) {
    return this.#kinds[name].make(await this.#rows());
  }

  async #report(rows, labels, score) {
    for (const row of rows) row.thumbnail = await this.app.thumbnails.get(row.item);
    return report(rows, labels, score);
  }

  async #download(kind) {
    const { name, type } = this.#kinds[kind];
    const file = typeof name === "function" ? name() : name;
    download(await this.#make(kind), { name: file, type });
    return text.downloaded(file);
  }

  async #sort() {
    const root = await globalThis.showDirectoryPicker({ mode: "readwrite" });
    const { rows } = await this.#rows();
    const whole = rows
      .filter(({ item }) => item.original)
      .map(({ item, path, best }) => ({ path, best, blob: item.blob }));
    await sortInto(whole, root);
    return text.sorted(whole.length, rows.length - whole.length);
  }

  /** Copies text; where the browser has no clipboard for pages, by a selection. */
  async #copy(words) {
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: words });
      this.part("dialog").append(area);
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      if (!copied) throw new Error(text.notCopied);
    }
  }

  async #tell(promise) {
    this.#message = await promise.catch((error) => (error.name === "AbortError" ? "" : error.message));
    this.requestUpdate();
  }
}
customElements.define("cl-export-dialog", ExportDialog);
