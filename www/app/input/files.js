// The ways files come in: drop, pick, paste; whole folders too. Sorts them into images, videos, label lists and models.

const IMAGE = /^image\//;
/** Some systems give no type for these. */
const NAMED = /\.(jpe?g|jfif|png|webp|gif|bmp|avif|hei[cf]|svgz?|jxl|tiff?)$/i;
const VIDEO = /^video\//;
const LABELS = /\.(txt|csv|tsv|json)$/i;
const MODEL = /\.(gguf|safetensors|bin|pth?)$/i;
/** Weights that further files go with. */
const SNAPSHOT = /\.(safetensors|bin|pth?)$/i;
/** Those files: settings, tokenizers and the model card. */
const BESIDE_WEIGHTS = /(\.json|\.model|^vocab\.txt|^merges\.txt|^README\.md)$/i;
/** @param {string} name */
const isOfModel = (name) => MODEL.test(name) || BESIDE_WEIGHTS.test(name);
/** Images of a large folder are handed on in such steps, so that the first ones show at once. */
const AT_ONCE = 64;

/** A web image's address, from an address or from the HTML that browsers drag along. */
const addressIn = (transfer) =>
  (transfer.getData?.("text/uri-list") || transfer.getData?.("text/plain") || "").split(/[\r\n]/)[0].trim();

/** True for a pasted text that is one address. */
const isAddress = (words) => /^(https?:\/\/|data:image\/)\S+$/i.test(words);

/** Files of a folder, one after the other, each with its path; what cannot be read has no `file`. */
async function* walk(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    yield { file: await new Promise((resolve) => entry.file(resolve, () => resolve(null))), path };
    return;
  }
  const reader = entry.createReader();
  // A directory is read in batches until one comes empty.
  for (;;) {
    const batch = await new Promise((resolve) => reader.readEntries(resolve, () => resolve(null)));
    if (!batch) yield { file: null, path };
    if (!batch?.length) return;
    for (const child of batch) yield* walk(child);
  }
}

/** Files that systems put into folders, of which nobody wants to hear. */
const SYSTEM = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

/** Sorts found files, `{ file, path }`, by what they are; of a folder, only images and videos are used. */
function sort(found, inFolder) {
  const kinds = { images: [], videos: [], labels: [], models: [], others: [] };
  for (const one of found) {
    const { file } = one;
    if (IMAGE.test(file.type) || NAMED.test(file.name)) kinds.images.push(one);
    else if (VIDEO.test(file.type)) kinds.videos.push(file);
    else if (inFolder) kinds.others.push(file);
    else if (MODEL.test(file.name)) kinds.models.push(file);
    else if (LABELS.test(file.name)) kinds.labels.push(file);
    else kinds.others.push(file);
  }
  // The texts beside weights are part of the model, not lists of labels.
  if (kinds.models.some(({ name }) => SNAPSHOT.test(name))) {
    for (const kind of ["labels", "others"]) {
      kinds.models.push(...kinds[kind].filter(({ name }) => BESIDE_WEIGHTS.test(name)));
      kinds[kind] = kinds[kind].filter(({ name }) => !BESIDE_WEIGHTS.test(name));
    }
  }
  const paths = new Map(found.map(({ file, path }) => [file, path]));
  kinds.models = kinds.models.map((file) => inModelFolder(file, paths.get(file)));
  return kinds;
}

/** A file of a model, named by its path in the model's folder where it lies in a folder within. */
function inModelFolder(file, path) {
  const inner = path.slice(path.indexOf("/") + 1);
  if (file.webkitRelativePath || !inner.includes("/")) return file;
  return new File([file], inner, { type: file.type, lastModified: file.lastModified });
}

export class FileInput {
  #importer;
  #overlay;
  /** Elements that a drag is inside of, one in another. */
  #depth = 0;
  /** Names of files in the present folder that are of no use here. */
  #unused = [];

  /**
   * Listens for drops and pastes on the whole page.
   * @param {import("./importer.js").Importer} importer
   * @param {(visible: boolean) => void} overlay shows where to drop
   */
  constructor(importer, overlay) {
    this.#importer = importer;
    this.#overlay = overlay;
    addEventListener("dragenter", (event) => this.#entered(event));
    addEventListener("dragleave", () => this.#left());
    addEventListener("dragover", (event) => wanted(event) && event.preventDefault());
    addEventListener("drop", (event) => this.#dropped(event));
    addEventListener("paste", (event) => this.#pasted(event));
  }

  /** Takes the files of an input, and empties it. */
  picked(input) {
    this.#unused = [];
    const found = [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
    input.value = "";
    const images = this.#take(found, input.webkitdirectory);
    if (!input.webkitdirectory || found.length === 0) return;
    if (images === 0) this.#folderWithoutImages(found.filter(({ file }) => isOfModel(file.name)));
    else this.#tellUnused();
  }

  /** Tells of files in a folder that are of no use here. */
  #tellUnused() {
    const names = this.#unused.filter((name) => !SYSTEM.test(name));
    if (names.length) this.#importer.unused(names);
  }

  /** Hands on what is known; gives the number of images and videos. */
  #take(found, inFolder = false) {
    const { images, videos, labels, models, others } = sort(found, inFolder);
    if (images.length) this.#importer.images(images.map(({ file, path }) => ({ blob: file, name: file.name, path })));
    if (videos.length) this.#importer.videos(videos);
    if (labels.length) this.#importer.labels(labels);
    if (models.length) this.#importer.model(models);
    const unused = others.map(({ name }) => name);
    if (inFolder) this.#unused.push(...unused);
    else if (unused.length) this.#importer.skipped(unused);
    return images.length + videos.length;
  }

  async #takeFolders(entries) {
    this.#unused = [];
    let waiting = [];
    let images = 0;
    const [model, unread] = [[], []];
    for (const entry of entries) {
      for await (const found of walk(entry)) {
        if (!found.file) unread.push(found.path);
        else if (isOfModel(found.file.name)) model.push(found);
        else waiting.push(found);
        if (waiting.length < AT_ONCE) continue;
        images += this.#take(waiting, true);
        waiting = [];
      }
    }
    images += this.#take(waiting, true);
    if (unread.length) this.#importer.unreadable(unread);
    else if (images === 0) return this.#folderWithoutImages(model);
    this.#unused.push(...model.map(({ file }) => file.name));
    this.#tellUnused();
  }

  /** A folder may hold a model's files instead. */
  #folderWithoutImages(files) {
    if (files.some(({ file }) => MODEL.test(file.name))) this.#take(files);
    else this.#importer.skipped([]);
  }

  // ---- dragging ----

  #entered(event) {
    if (!wanted(event)) return;
    event.preventDefault();
    this.#depth += 1;
    this.#overlay(true);
  }

  #left() {
    this.#depth = Math.max(0, this.#depth - 1);
    if (this.#depth === 0) this.#overlay(false);
  }

  async #dropped(event) {
    if (!wanted(event)) return;
    event.preventDefault();
    this.#depth = 0;
    this.#overlay(false);
    const { dataTransfer } = event;
    const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...dataTransfer.files];
    const address = addressIn(dataTransfer);
    if (entries.some((entry) => entry.isDirectory)) await this.#takeFolders(entries);
    else if (files.length) this.#take(files.map((file) => ({ file, path: file.name })));
    else if (isAddress(address)) this.#importer.address(address);
  }

  #pasted(event) {
    const { clipboardData, target } = event;
    const files = [...(clipboardData?.files ?? [])];
    const words = clipboardData?.getData("text/plain").trim() ?? "";
    const inField = target instanceof Element && target.matches("input, textarea");
    if (files.length === 0 && (inField || !isAddress(words))) return;
    event.preventDefault();
    if (files.length) this.#take(files.map((file) => ({ file, path: file.name })));
    else this.#importer.address(words);
  }
}

const wanted = ({ dataTransfer }) => dataTransfer?.types.some((type) => type === "Files" || type === "text/uri-list");
