// Every word that the page shows, in one place so that it can be translated.

export const text = {
  skip: "Skip to labels",
  claim: "Tag pictures with your own words. Nothing leaves this device.",
  askHeading: "What to look for",
  labelsLabel: "Labels",
  labelsHelp: "Separate them with commas or line breaks.",
  templateLabel: "Prompt template",
  modelNote: "Small demonstration model: 200 everyday things, colours, shapes, emoji.",
  modelMore: "Use the real CLIP",
  picturesHeading: "Pictures",
  add: "Add pictures",
  clear: "Remove all",
  emptyTitle: "Drop pictures here",
  emptyText: "or paste them, or choose files. JPEG, PNG, WebP, GIF and BMP of any size.",
  choose: "Choose pictures",
  samples: "No picture at hand? Add one of these:",
  limits:
    "CLIP guesses from its training pictures: it confuses fine-grained kinds, counts poorly, knows English only, and repeats the bias of its data. Use it for sorting and search, not for decisions about people.",
  dropHere: "Drop to add these pictures",
  modelHeading: "Model",
  close: "Close",
  cancel: "Cancel",
  dismiss: "Dismiss",
  otherModels: "Use the real CLIP",
  otherModelsText:
    "Convert OpenAI's weights once on your computer (about 155 MB), then open the file here. It stays on this device.",
  convertCommand: "cliplet convert openai/clip-vit-base-patch32 -o clip-vit-base-patch32-q8.gguf --quant q8",
  modelFile: "Open a .gguf file",
  modelDefault: "Back to the demonstration model",
  modelAddress: "Or an address on this site",
  modelLoad: "Load",
  updateReady: "A new version is ready.",
  reload: "Reload",
  remove: (name) => `Remove ${name}`,
  waiting: "Waiting for the model",
  queued: "Waiting",
  working: "Looking…",
  noLabels: "Type labels to see how well they fit.",
  templatePreview: (prompt) => `CLIP reads: “${prompt}”`,
  templateWrong: "The template needs {} where the label goes.",
  loadingModel: (name, done, total) => (total ? `Loading ${name}: ${done} of ${total}` : `Loading ${name}: ${done}`),
  startingModel: (name) => `Starting ${name}`,
  modelFailed: (message) => `The model could not be loaded. ${message}`,
  modelKept: "The model in use stays.",
  loadCancelled: "Loading was cancelled.",
  noModel: "No model",
  threads: (count) => (count === 1 ? "1 thread" : `${count} threads`),
  progress: (done, all) => `${done} of ${all} pictures done`,
  finished: (count, failed) =>
    `${count === 1 ? "1 picture" : `${count} pictures`} done${failed ? `, ${failed} could not be read` : ""}`,
  best: (name, label, score) => `${name}: ${label}, ${score}`,
  notPictures: (count) => (count === 1 ? "That is not a picture." : "Those are not pictures."),
  facts: {
    name: "Name",
    dimension: "Embedding dimension",
    image_size: "Picture size",
    quantization: "Weights",
    parameters: "Parameters",
    bytes: "Size",
    variant: "WebAssembly",
    threads: "Threads",
    backend: "Kernels",
    licence: "Licence",
    origin: "Origin",
  },
  sampleNames: {
    circle: "Red circle",
    square: "Blue square",
    triangle: "Green triangle",
    star: "Yellow star",
    stripes: "Black and white stripes",
  },
  defaultLabels: "red circle, blue square, green triangle, yellow star, cat, dog, car, pizza",
};

/** Fills every element that names a string with it. */
export function fill(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text[element.dataset.text];
}

const units = ["B", "kB", "MB", "GB"];

/** Bytes in words. */
export function size(bytes) {
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** power).toFixed(power > 1 ? 1 : 0)} ${units[power]}`;
}

/** A probability as a percentage that never claims certainty. */
export function percent(score) {
  const value = score * 100;
  if (value > 99.9 && value < 100) return "99.9 %";
  return value < 0.1 ? "< 0.1 %" : `${value.toFixed(1)} %`;
}
