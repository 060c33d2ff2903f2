// Every word that the page shows, in one place so that it can be translated.

export const text = {
  /** Language and direction of these strings. */
  language: "en",
  direction: "ltr",
  title: "cliplet: tag pictures with your own words",
  skip: "Skip to pictures",
  claim: "Tag pictures with your own words. Nothing leaves this device.",

  // ---- labels ----
  askHeading: "What to look for",
  labelsLabel: "Labels",
  labelsTextLabel: "All labels",
  labelsHelp: "Enter or a comma adds a label. Lists can be pasted.",
  labelsTextHelp: "Separated by commas or line breaks.",
  labelPlaceholder: "a label, or several",
  chipsName: "Labels in use: arrow keys move, Enter edits, Delete removes",
  labelAdd: "Add label",
  labelCount: (count) => (count === 1 ? "1 label" : `${count.toLocaleString()} labels`),
  moreLabels: (count) => `and ${count.toLocaleString()} more. Edit them as text.`,
  editLabel: (label) => `Edit ${label}`,
  removeLabel: (label) => `Remove label ${label}`,
  asText: "Edit as text",
  asChips: "Done",
  clearLabels: "Clear",
  replaced: (before) => `${before === 1 ? "1 label" : `${before.toLocaleString()} labels`} replaced.`,
  undo: "Undo",
  importLabels: "Import",
  importTitle: "Add labels from a text, CSV or JSON file",
  imported: (count, name) => `${count === 1 ? "1 label" : `${count.toLocaleString()} labels`} from ${name}`,
  noLabelsIn: (name) => `${name} holds no labels: give a text file with one a line, or a CSV file with a column of them.`,
  readingLabels: (done, total) => `Reading new labels: ${done.toLocaleString()} of ${total.toLocaleString()}`,
  setLabel: "Label set",
  chooseSet: "Choose a set…",
  ownSets: "Your sets",
  presetSets: "Presets",
  saveSet: "Save as a set",
  removeSet: "Delete set",
  setDialog: "Save these labels as a set",
  setName: "Name",
  save: "Save",
  setSaved: (name) => `The set ${name} is saved.`,
  setNotKept: (name) => `The set ${name} lasts only until this page is closed: this browser keeps nothing for it.`,
  presets: {
    shapes: "Colours and shapes",
    everyday: "Everyday things",
    animals: "Animals",
    scenes: "Places",
    food: "Food and drink",
    kinds: "Kinds of picture",
    cifar: "CIFAR-10 classes",
  },

  // ---- templates and scores ----
  templatesHeading: "Prompt and scores",
  templateKind: "Prompt",
  templateKinds: { one: "One template", own: "Several of your own", best7: "CLIP’s 7 best", all80: "CLIP’s 80" },
  ensembleNames: { best7: "CLIP’s 7 best", all80: "CLIP’s 80" },
  templateLabel: "Prompt template",
  templatesOwnLabel: "Your templates, one a line",
  templatesList: "Show these templates",
  templatePreview: (prompt, count) =>
    count > 1 ? `CLIP reads: “${prompt}” and ${count - 1} more, averaged` : `CLIP reads: “${prompt}”`,
  templateWrong: "The template needs {} where the label goes.",
  scoreName: "Scores",
  scoreShareName: "Probability",
  scoreCosineName: "Similarity",
  scoreShare: "Shares among your labels, adding up to 100 %.",
  scoreCosine: "Cosine of picture and label: comparable between label sets.",
  topName: "Labels on a card",
  top: (count) => (count === 1 ? "1, the best" : String(count)),
  none: "Say “none of these”",
  least: "when the best is below",
  noneOfThese: "none of these",
  modelNote: "Small demonstration model: 200 everyday things, colours, shapes, emoji.",
  modelMore: "Use the real CLIP",

  // ---- pictures in ----
  picturesHeading: "Pictures",
  add: "Add pictures",
  addFolder: "Add folder",
  addAddress: "From address",
  openCamera: "Camera",
  clear: "Remove all",
  emptyTitle: "Drop pictures here",
  emptyText: "or whole folders, or paste, or choose files. JPEG, PNG, WebP, GIF, BMP and SVG of any size, and what else this browser reads.",
  choose: "Choose pictures",
  samples: "No picture at hand? Add one of these:",
  dropHere: "Drop to add",
  pastedName: "pasted picture",
  addressHeading: "Add a picture by its address",
  addressLabel: "Address",
  addressText: "Of a picture on this site, or a data: address. For a picture elsewhere, copy or save it, then paste or drop it here: this page contacts no other site.",
  addressAdd: "Add",
  addressElsewhere: (host) =>
    `The picture is on ${host}, and this page contacts no other site, so that nothing can leak. Copy the picture itself and paste it here, or save it and drop the file.`,
  addressNotFound: (name, status) => `${name} could not be fetched${status ? `: the server answered ${status}` : ""}. Check the address.`,
  addressNotPicture: (name) => `${name} is not a picture.`,
  cannotDecode: (kind) => `This browser cannot read this ${kind} picture. Save it as JPEG or PNG, or try another browser.`,
  notPictures: (count) =>
    count === 0 ? "There are no pictures in that folder." : count === 1 ? "That is not a picture." : `${count} files are not pictures and were left out.`,
  notRead: (paths) => `Could not read ${paths.length === 1 ? paths[0] : `${paths[0]} and ${paths.length - 1} more`}. All else was taken.`,
  cameraHeading: "Camera",
  cameraStop: "Stop",
  cameraTake: "Add this frame",
  cameraChoice: "Camera in use",
  cameraVideo: "Camera picture",
  cameraBars: "What the camera sees",
  cameraNumber: (number) => `Camera ${number}`,
  cameraOn: "The camera is on.",
  cameraHidden: "The camera was stopped because the page was hidden.",
  cameraProblem: (name) =>
    ({
      NotAllowedError: "The camera was not allowed. Allow it in the browser’s settings for this site and try again.",
      NotFoundError: "This device has no camera.",
      NotReadableError: "The camera is in use by another program.",
    })[name] ?? `The camera could not be started (${name}).`,
  framesASecond: (rate) => `${rate.toFixed(rate < 10 ? 1 : 0)} frames a second`,
  snapshotName: (time) => `camera ${time}.jpg`,

  // ---- the queue ----
  queueLabel: "Queue",
  pause: "Pause",
  resume: "Go on",
  queueCancel: "Cancel the rest",
  retry: "Retry",
  retryPicture: (name) => `Retry ${name}`,
  retryAll: (count) => (count === 1 ? "Retry 1 picture" : `Retry ${count} pictures`),
  queueAt: (done, all, rate) => `${done} of ${all}${rate > 0 ? ` · ${rate.toFixed(rate < 10 ? 1 : 0)} pictures a second` : ""}`,
  paused: (done, all) => `Paused at ${done} of ${all}`,
  stopped: "Not looked at",

  // ---- views ----
  searchLabel: "Search the pictures",
  searchPlaceholder: "any sentence",
  search: "Search",
  likeWords: (words) => `Most like “${words}” first`,
  likePicture: (name) => `Most like ${name} first`,
  showAll: "Show all again",
  backToOrder: "Back to the usual order",
  likeness: (value) => `Likeness ${value}`,
  filterLabel: "Show",
  sortLabel: "Order",
  sorts: { added: "As added", name: "By name", certain: "Most certain first", uncertain: "Least certain first", label: "By label" },
  allPictures: (count) => `All (${count})`,
  filterOf: (name, count) => `${name} (${count})`,
  pickedByHand: "Picked in the overview",
  stateNames: { failed: "Could not be read", stopped: "Not looked at" },
  shown: (shown, all) => `${shown} of ${all} shown`,
  nothing: "No picture fits. Show all, or change the filter.",
  views: "Views",
  viewGallery: "Gallery",
  viewOverview: "Overview",
  viewMap: "Map",
  openPicture: (name) => `Open ${name}`,
  findLike: (name) => `Find alike: ${name}`,
  findLikeShort: "Find alike",
  previous: "Previous",
  next: "Next",
  barsName: "Labels, best first",
  moreBars: (count) => `and ${count.toLocaleString()} more`,
  countsHeading: "Pictures a label",
  countOf: (count, all) => `${count} · ${((100 * count) / all).toFixed(0)} %`,
  bestIs: (label) => `Best label: ${label}`,
  matrixHeading: "What is mistaken for what",
  matrixRows: "Rows",
  matrixByFolder: "Folders, against the best label",
  matrixByLabel: "Best labels, against the second best",
  matrixFolders: "Rows are the folders the pictures came from, columns the best label. Press a number to see its pictures.",
  matrixLabels: "Rows are the best label, columns the second best: large numbers are labels that are hard to tell apart. Press a number to see its pictures.",
  cell: (row, column, count) => `${row} / ${column}: ${count}`,
  histogramHeading: "How certain the best label is",
  histogramText: "Pictures by the score of their best label. Press a bar to see its pictures.",
  bin: (from, to, count) => `${from} to ${to}: ${count === 1 ? "1 picture" : `${count} pictures`}`,
  overviewEmpty: "There is nothing to sum up yet: add pictures and labels.",
  mapNote: (shown, all) =>
    `${shown === all ? `${all} pictures` : `The first ${shown} of ${all} pictures`}, at the two principal components of their embeddings. Arrow keys go from one to the next.`,
  mapNeeds: "A map needs at least three pictures that have been looked at.",
  mapName: "Map of the pictures",
  pointOf: (name, label) => `${name}: ${label}`,
  zoomIn: "Larger",
  zoomOut: "Smaller",
  speed: ({ pictures, seconds, longTasks, longest }) =>
    pictures < 2 || seconds <= 0
      ? ""
      : `${pictures} pictures in ${seconds.toFixed(1)} s, ${(pictures / seconds).toFixed(1)} a second.${
          longTasks === null ? "" : longTasks === 0 ? " The page never stalled for 50 ms." : ` The page stalled ${longTasks} times, at most ${Math.round(longest)} ms.`
        }`,

  // ---- out ----
  outOpen: "Take out",
  shareOpen: "Share these labels",
  outHeading: "Take out",
  outOf: (count) => (count === 1 ? "Of the 1 picture shown:" : `Of the ${count.toLocaleString()} pictures shown:`),
  outKinds: {
    csv: "Table (CSV)",
    json: "JSON, as Azure ML answers",
    npy: "Embeddings (.npy, unit length)",
    files: "Their file names (.txt)",
    script: "Script that renames by label",
  },
  outShell: "For",
  outShells: { sh: "macOS, Linux", powershell: "Windows" },
  outFolders: "Into a folder a label",
  outLink: "Link that asks the same",
  outLinkText: "Carries labels, templates and model, never pictures.",
  copy: "Copy",
  download: "Download",
  copied: "Copied.",
  linkCopied: "The link is copied.",
  notCopied: "This browser does not let the page copy. Select and copy by hand, or download.",
  downloaded: (name) => `${name} is downloaded.`,
  linkWithoutModel: "The model in use comes from a file on this device, so the link leaves it out.",
  linkLong: "It is very long: some programs cut such links.",
  linkWantsModel: (model) => `This link was made with the model ${model}. It is loaded only if you ask for it.`,

  limits:
    "CLIP guesses from its training pictures: it confuses fine-grained kinds, counts poorly, knows English only, and repeats the bias of its data. Use it for sorting and search, not for decisions about people.",
  modelHeading: "Model",
  close: "Close",
  cancel: "Cancel",
  dismiss: "Dismiss",
  modelCard: {
    heading: "What CLIP can and cannot do",
    points: [
      "It compares a picture with sentences. It has no other knowledge: a label is only as good as its words, so try several.",
      "Its percentages are shares among your labels. A picture of none of them still gets a best one.",
      "It is weak at counting, at small things, at where things are, at fine-grained kinds and at text in pictures; a word written in a picture can mislead it.",
      "It knows English, mostly.",
      "It learned from pictures and captions of the web and repeats their bias: labels about people follow stereotypes of gender, skin colour, age and origin. OpenAI’s own study saw crime-related and non-human labels go to some groups of people more than to others.",
      "Do not use it to judge or identify people, for surveillance, or for any decision that matters to someone.",
    ],
    source: (name) => `Of the model in use, ${name}, see also: `,
  },
  otherModels: "Another model",
  modelHub: "From the Hugging Face Hub",
  modelHubHelp: "Asks huggingface.co for the model’s size first. Pictures and labels are never sent anywhere.",
  modelQuant: "Precision",
  quants: { q8: "8 bits", q4: "4 bits, half the size" },
  modelLook: "Look up",
  modelLooking: (name) => `Asking for the size of ${name}…`,
  modelFile: "Open a model file",
  modelFileHelp: "A .gguf, or a .safetensors chosen together with config.json and tokenizer.json of its folder.",
  modelDefault: "Back to the demonstration model",
  modelAddress: "Or an address on this site",
  offer: (name, download, kept) =>
    download === kept ? `${name}: ${download} to download.` : `${name}: ${download} to download, ${kept} kept on this device.`,
  offerKept: (name, kept) => `${name}: ${kept}, already on this device.`,
  offerUnknown: (name) => `${name}: the server does not say how large it is.`,
  offerRoom: (free) => `There is room for ${free}.`,
  offerNoRoom: (free) =>
    `There is room for ${free} only. It can be used now, but will not be kept: delete a model below, or make room on this device.`,
  offerLoad: (download) => (download ? `Load ${download}` : "Load"),
  offerLeave: "Not now",
  keptModels: "On this device",
  keptNone: "No model is kept on this device.",
  keptPart: "not all of it yet: load it again to go on",
  keptInUse: "in use",
  keptLoad: (name) => `Load ${name}`,
  keptDelete: (name) => `Delete ${name}`,
  delete: "Delete",
  notDeleted: (name) => `${name} could not be deleted just now: it is being written. Try again in a moment.`,
  keptSum: (checksum) => `checksum ${checksum}`,
  keptFrom: (origin) => `from ${origin}`,
  keptFile: "from a file",
  keptAlong: "comes with the page",
  keptRoom: (used, room) => `This site uses ${used} of the ${room} that the browser gives it.`,
  keptForGood: "The browser keeps models until you delete them.",
  keptWhileRoom: "The browser may clear models when the device runs low on space.",
  keptPrivate: "This browser keeps nothing for this page (a private window, perhaps): models last until it is closed.",
  persist: "Keep models for good",
  persistRefused: "The browser did not agree. Installing the page, or a bookmark, often makes it do so.",
  notKept: {
    full: (name) => `${name} is in use but could not be kept: this device has no room for it. Delete a model you no longer need.`,
    unavailable: (name) => `${name} is in use but cannot be kept: this browser stores nothing for this page.`,
  },
  modelLoad: "Load",
  updateReady: "A new version is ready.",
  reload: "Reload",
  remove: (name) => `Remove ${name}`,
  waiting: "Waiting for the model",
  queued: "Waiting",
  working: "Looking…",
  noLabels: "Add labels to see how well they fit.",
  loadingModel: (name, done, total) => (total ? `Loading ${name}: ${done} of ${total}` : `Loading ${name}: ${done}`),
  startingModel: (name) => `Starting ${name}`,
  /** What the engine says went wrong, in English; a translation can tell it by `code` (see cliplet/index.d.ts) in its own words. */
  problem: ({ message }) => message,
  modelFailed: (message) => `The model could not be loaded. ${message}`,
  modelKept: "The model in use stays.",
  loadCancelled: "Loading was cancelled.",
  noModel: "No model",
  threads: (count) => (count === 1 ? "1 thread" : `${count} threads`),
  progress: (done, all) => `${done} of ${all} pictures done`,
  finished: (count, failed, stopped) =>
    `${count === 1 ? "1 picture" : `${count} pictures`} done${failed ? `, ${failed} could not be read` : ""}${stopped ? `, ${stopped} not looked at` : ""}`,
  best: (name, label, score) => `${name}: ${label}, ${score}`,
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
    checksum: "Checksum",
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

/** A string by its path: "sorts.added". */
const at = (path) => path.split(".").reduce((found, key) => found[key], text);

/** Attributes for which elements name strings, as data-label for aria-label. */
const ATTRIBUTES = { label: "aria-label", placeholder: "placeholder", title: "title" };

/** Fills every element below `root` that names strings with them, templates too. */
export function fill(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = at(element.dataset.text);
  for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
    for (const element of root.querySelectorAll(`[data-${name}]`)) element.setAttribute(attribute, at(element.dataset[name]));
  }
  for (const template of root.querySelectorAll("template")) fill(template.content);
}

const units = ["B", "kB", "MB", "GB"];

/** Bytes in words. */
export function size(bytes) {
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** power).toFixed(power > 1 ? 1 : 0)} ${units[power]}`;
}

/** A probability as a percentage that never claims certainty. */
function percent(score) {
  const value = score * 100;
  if (value > 99.9 && value < 100) return "99.9 %";
  return value < 0.1 ? "< 0.1 %" : `${value.toFixed(1)} %`;
}

/**
 * A score as it is shown.
 * @param {number} value
 * @param {"share" | "cosine"} score a probability, or a cosine
 * @param {boolean} [round] for limits and axes
 */
export function number(value, score, round = false) {
  if (score === "cosine") return value.toFixed(round ? 2 : 3);
  return round ? `${Math.round(value * 100)} %` : percent(value);
}
