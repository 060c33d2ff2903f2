// Taking results out: what is shown at present is copied or downloaded, or a link to the question is made.

import { $, make, setText } from "../dom.js";
import { inSlices } from "../slices.js";
import { text } from "../strings.js";
import { SHELLS, csv, json, npy, script } from "./formats.js";
import { link } from "./link.js";

/** What can be taken, by what the dialog's buttons name; what is no text cannot be copied. */
const KINDS = {
  csv: { name: "cliplet.csv", type: "text/csv", make: (out) => csv(out.rows, out.labels, out.score) },
  json: { name: "cliplet.json", type: "application/json", make: (out) => json(out.rows, out.labels) },
  npy: { name: "cliplet-embeddings.npy", binary: true, make: (out) => npy(out.rows.map(({ embedding }) => embedding)) },
  files: { name: "cliplet-embeddings.txt", type: "text/plain", make: (out) => out.rows.map(({ path }) => `${path}\n`).join("") },
  script: {
    get name() {
      return `cliplet-rename.${SHELLS[$("out-shell").value].extension}`;
    },
    type: "text/plain",
    make: (out) => script(out.rows, $("out-shell").value, $("out-folders").checked),
  },
};

/** Some programs cut longer addresses. */
const LONG = 8000;

/** One kind's row: what it is, and its buttons. */
function row([name, { binary }]) {
  const button = (property, words) => make("button.small", { type: "button", [property]: name }, words);
  const buttons = [...(binary ? [] : [button("data-copy", text.copy)]), button("data-download", text.download)];
  return make("div.out-row", { role: "group", "aria-labelledby": `out-${name}` }, make("span", { id: `out-${name}` }, text.outKinds[name]), ...buttons);
}

function download(content, { name, type }) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const anchor = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  // The download has begun with the click; the address only has to outlive that.
  setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
}

/** Copies text; where the browser has no clipboard for pages, by a selection. */
async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: words });
    $("out-dialog").append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error(text.notCopied);
  }
}

export class Out {
  #context;

  /** @param {object} context `judge`, `question`, `shelf` and `model()`, what others can load the model by */
  constructor(context) {
    this.#context = context;
    $("out-rows").replaceChildren(...Object.entries(KINDS).map(row));
    $("out-open").addEventListener("click", () => this.#open());
    $("share-open").addEventListener("click", () => this.#open());
    // Answers that were still to come belong to what is shown.
    context.judge.addEventListener("judged", () => $("out-dialog").open && this.#fill());
    $("out-dialog").addEventListener("click", ({ target }) => {
      const { copy: what, download: which } = target.dataset;
      if (which) this.#take(which, (content, kind) => (download(content, kind), text.downloaded(kind.name)));
      else if (what === "link") this.#say(copy($("out-link").value).then(() => text.linkCopied));
      else if (what) this.#take(what, (content) => copy(content).then(() => text.copied));
    });
  }

  #open() {
    this.#fill();
    setText($("out-said"), "");
    $("out-dialog").showModal();
  }

  #fill() {
    const pictures = this.#pictures();
    $("out-results").hidden = pictures.length === 0;
    setText($("out-what"), text.outOf(pictures.length));
    $("out-link").value = link(this.#context.question.asked, this.#context.model());
    const notes = [this.#context.model() === undefined && text.linkWithoutModel, $("out-link").value.length > LONG && text.linkLong];
    setText($("out-link-note"), notes.filter(Boolean).join(" "));
  }

  #pictures() {
    return this.#context.shelf.list().filter(({ embedding, ranks }) => embedding && ranks);
  }

  /** Every label's number for every picture shown. */
  async #rows() {
    const { judge, question } = this.#context;
    const rows = [];
    await inSlices(this.#pictures(), (picture) => {
      const { path, embedding } = picture;
      rows.push({ path, embedding, best: question.best(picture) ?? text.noneOfThese, places: judge.all(picture) });
    });
    return { rows, labels: judge.labels, score: question.asked.score };
  }

  #take(name, give) {
    const kind = KINDS[name];
    return this.#say(this.#rows().then((out) => give(kind.make(out), kind)));
  }

  async #say(promise) {
    setText($("out-said"), await promise.catch((error) => error.message));
  }
}
