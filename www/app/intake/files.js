// The ways files come in: drop, pick, paste; whole folders too. Sorts them into pictures, label lists and
// models by what they are.

const PICTURE = /^image\//;
/** Some systems give no type for these. */
const NAMED = /\.(jpe?g|jfif|png|webp|gif|bmp|avif|hei[cf]|svgz?|jxl|tiff?)$/i;
const LABELS = /\.(txt|csv|tsv|json)$/i;
const MODEL = /\.(gguf|safetensors)$/i;
/** What a snapshot of a model lies in its folder as. */
const OF_MODEL = /\.(gguf|safetensors|json)$/i;
const SNAPSHOT = /\.safetensors$/i;
/** Pictures of a large folder are handed on in such steps, so that the first ones show at once. */
const AT_ONCE = 64;

/** A web picture's address, from an address or from the HTML that browsers drag along. */
const addressIn = (transfer) => (transfer.getData("text/uri-list") || transfer.getData("text/plain")).split(/[\r\n]/)[0].trim();

/** Whether a pasted text is an address of one thing. */
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

/**
 * Listens for files on the whole page.
 * @param {object} parts `overlay`; `inputs` with the `openers` of each; and what takes what came: `onPictures(entries)`,
 *   `onLabels(files)`, `onModel(files)`, `onAddress(address)`, `onOthers(count)`, with 0 for a folder without pictures,
 *   `onUnread(paths)`
 */
export function listen({ overlay, inputs, onPictures, onLabels, onModel, onAddress, onOthers, onUnread }) {
  /** Hands on what is known; of a folder, files that are no pictures are passed over. */
  const take = (found, inFolder = false) => {
    const kinds = { pictures: [], labels: [], models: [], others: [] };
    for (const one of found) {
      const { file } = one;
      if (PICTURE.test(file.type) || NAMED.test(file.name)) kinds.pictures.push(one);
      else if (inFolder) continue;
      else if (MODEL.test(file.name)) kinds.models.push(file);
      else if (LABELS.test(file.name)) kinds.labels.push(file);
      else kinds.others.push(file);
    }
    // The texts beside weights are part of the model, not lists of labels.
    if (kinds.models.some(({ name }) => SNAPSHOT.test(name))) {
      kinds.models.push(...kinds.labels.filter(({ name }) => /\.json$/i.test(name)));
      kinds.labels = kinds.labels.filter(({ name }) => !/\.json$/i.test(name));
    }
    if (kinds.pictures.length) onPictures(kinds.pictures.map(({ file, path }) => ({ blob: file, name: file.name, path })));
    if (kinds.labels.length) onLabels(kinds.labels);
    if (kinds.models.length) onModel(kinds.models);
    if (kinds.others.length) onOthers(kinds.others.length);
    return kinds.pictures.length;
  };

  async function takeFolders(entries) {
    let waiting = [];
    let pictures = 0;
    const [model, unread] = [[], []];
    for (const entry of entries) {
      for await (const found of walk(entry)) {
        if (!found.file) unread.push(found.path);
        else if (OF_MODEL.test(found.file.name)) model.push(found);
        else waiting.push(found);
        if (waiting.length < AT_ONCE) continue;
        pictures += take(waiting, true);
        waiting = [];
      }
    }
    pictures += take(waiting, true);
    if (unread.length) onUnread(unread);
    else if (pictures === 0) folderWithoutPictures(model);
  }

  /** A folder may hold a model's files instead. */
  function folderWithoutPictures(files) {
    if (files.some(({ file }) => MODEL.test(file.name))) take(files);
    else onOthers(0);
  }

  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...transfer.files];
    if (entries.some((entry) => entry.isDirectory)) await takeFolders(entries);
    else if (files.length) take(files.map((file) => ({ file, path: file.name })));
    else if (isAddress(addressIn(transfer))) onAddress(addressIn(transfer));
  }

  let depth = 0;
  const wanted = ({ dataTransfer }) => dataTransfer?.types.some((type) => type === "Files" || type === "text/uri-list");
  const show = (visible) => (overlay.hidden = !visible);
  addEventListener("dragenter", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    depth += 1;
    show(true);
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) show(false);
  });
  addEventListener("dragover", (event) => wanted(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    dropped(event.dataTransfer);
  });

  addEventListener("paste", (event) => {
    const { clipboardData, target } = event;
    const files = [...(clipboardData?.files ?? [])];
    const words = clipboardData?.getData("text/plain").trim() ?? "";
    const inField = target instanceof Element && target.matches("input, textarea");
    if (files.length === 0 && (inField || !isAddress(words))) return;
    event.preventDefault();
    if (files.length) take(files.map((file) => ({ file, path: file.name })));
    else onAddress(words);
  });

  for (const { input, openers } of inputs) {
    for (const opener of openers) opener.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const found = [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
      input.value = "";
      if (take(found, input.webkitdirectory) === 0 && input.webkitdirectory && found.length) folderWithoutPictures(found.filter(({ file }) => OF_MODEL.test(file.name)));
    });
  }
}
