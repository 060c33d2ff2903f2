// Every word that the page shows, in English. Other languages have the same keys.

const count = (value) => value.toLocaleString("en");
const pictures = (value) => (value === 1 ? "1 picture" : `${count(value)} pictures`);
const labels = (value) => (value === 1 ? "1 label" : `${count(value)} labels`);
/** A message of the engine, which speaks of images, in the page's word. */
const ofPicture = (message) =>
  message
    .replace(/\ban image\b/g, "a picture")
    .replace(/\bimage\b/g, "picture")
    .replace(/\bImage\b/g, "Picture");
const rate = (value) => value.toFixed(value < 10 ? 1 : 0);

export const text = {
  /** Language and direction of these strings. */
  language: "en",
  direction: "ltr",
  title: "cliplet: tag pictures with your own words",
  skip: "Skip to pictures",
  claim: "Tag pictures with your own words. Your pictures never leave this device.",
  limits: "CLIP guesses. Use it to sort and search, not to make decisions about people.",
  limitsMore: "What it can and cannot do",

  // ---- first steps ----
  dropTitle: "Drop pictures here",
  dropText: "Photos, folders, screenshots, videos. You can also paste.",
  samples: "Or try one of these",
  samplesSource: (names) => `Sample photos: ${names}`,
  sampleNames: {
    cat: "cat",
    coffee: "coffee",
    flower: "flower",
    temple: "temple",
    rocket: "rocket",
    astronaut: "astronaut",
  },
  sampleName: (name) => `Try ${name}`,
  dropHere: "Drop to add",

  // ---- labels ----
  labelsHeading: "Labels",
  labelsTextLabel: "All labels",
  labelsHelp: "Type what to look for, then Enter. Lists can be pasted.",
  labelsTextHelp: "Separate labels by commas or line breaks.",
  labelPlaceholder: "beach, birthday cake, screenshot …",
  chipsName: "Labels in use: arrow keys move, Enter edits, Delete removes",
  labelAdd: "Add label",
  labelCount: labels,
  moreLabels: (value) => `and ${count(value)} more. Edit them as text.`,
  editLabel: (label) => `Edit ${label}`,
  removeLabel: (label) => `Remove label ${label}`,
  hasExamples: (label, value) => `${label}, learned from ${pictures(value)}`,
  asText: "Edit as text",
  asChips: "Done",
  clearLabels: "Clear",
  labelsReplaced: (before) => `${labels(before)} replaced.`,
  labelRemoved: (label) => `${label} removed.`,
  labelEdited: (before, after) => `${before} is now ${after}.`,
  labelsEdited: "Labels changed.",
  undo: "Undo",
  importLabels: "Import",
  importTitle: "Add labels from a text, CSV or JSON file",
  imported: (value, name) => `${labels(value)} from ${name}`,
  noLabelsIn: (name) =>
    `${name} holds no labels. Choose a text file with one label per line, or a CSV file with a column of them.`,
  embeddingLabels: (done, total) => `Preparing labels: ${count(done)} of ${count(total)}`,
  setLabel: "Label set",
  chooseSet: "Choose a set…",
  ownSets: "Your sets",
  presetSets: "Ready-made",
  saveSet: "Save as a set",
  removeSet: "Delete set",
  setDialog: "Save these labels as a set",
  setName: "Name",
  save: "Save",
  setSaved: (name) => `Saved as ${name}.`,
  setReplaced: (name) => `The set ${name} was replaced.`,
  setDeleted: (name) => `The set ${name} was deleted.`,
  setNotSaved: (name) => `${name} lasts only until this page is closed: this browser stores nothing for it.`,
  presets: {
    everyday: "Everyday things",
    animals: "Animals",
    scenes: "Places",
    food: "Food and drink",
    kinds: "Kinds of picture",
    shapes: "Colors and shapes",
    cifar: "CIFAR-10 classes",
  },

  // ---- suggested tags ----
  suggestions: "Suggested labels",
  suggestionsHelp: "Found in your pictures. Click one to use it as a label.",
  suggestionsLoading: (done, total) => `Getting suggestions ready: ${Math.round((100 * done) / total)} %`,
  suggesting: "Looking for suggestions…",
  useTag: (word) => `Use ${word} as a label`,
  tagsOf: "Suggested tags",
  guess: "Not sure. Perhaps:",

  // ---- advanced ----
  advanced: "Advanced",
  templateKind: "Prompt",
  templateKinds: { one: "One template", own: "Several of your own", best7: "CLIP’s 7 best", all80: "CLIP’s 80" },
  templateLabel: "Prompt template",
  templatesOwnLabel: "Your templates, one per line",
  templatesList: "Show these templates",
  templatePreview: (prompt, value) =>
    value > 1 ? `CLIP reads: “${prompt}” and ${value - 1} more, averaged` : `CLIP reads: “${prompt}”`,
  templateWrong: "The template needs {} where the label goes.",
  scoreName: "Scores",
  scoreShareName: "Share among your labels",
  scoreMatchName: "Match of each label",
  scoreCosineName: "Similarity",
  scoreShare: "Percentages compare your labels with each other and add up to 100\u00a0%.",
  scoreMatch: "Percentages say how well each label matches, independent of your other labels.",
  scoreCosine: "Similarity of picture and label (cosine), independent of your other labels.",
  topName: "Labels per card",
  top: (value) => (value === 1 ? "1, the best" : String(value)),
  noMatchSetting: "Say when nothing is a good match",
  noMatchAuto: "Threshold: automatic",
  noMatchOwn: "Threshold",
  noMatchReset: "Back to automatic",
  noMatch: "No good match",
  noMatchWhy: "None of your labels describes this picture well. Try adding one that does.",

  // ---- pictures in ----
  picturesHeading: "Pictures",
  add: "Add pictures",
  addFolder: "Add folder",
  addUrl: "From URL",
  openCamera: "Camera",
  clear: "Remove all",
  pastedName: "pasted picture",
  urlHeading: "Add a picture from a URL",
  urlLabel: "URL",
  urlText:
    "A picture on this site, or a data: URL. For a picture elsewhere, copy or save it, then paste or drop it here: this page contacts no other site.",
  urlAdd: "Add",
  urlElsewhere: (host) =>
    `The picture is on ${host}, and this page contacts no other site. Copy the picture itself and paste it here, or save it and drop the file.`,
  urlNotFound: (name, status) =>
    `${name} could not be fetched${status ? `: the server answered ${status}` : ""}. Check the URL.`,
  urlNotPicture: (name) => `${name} is not a picture.`,
  cannotDecode: (kind) =>
    `This browser cannot read this ${kind} picture. Save it as JPEG or PNG, or try another browser.`,
  cannotPlay: (name) => `This browser cannot play ${name}. Convert it to MP4 or WebM.`,
  frameName: (name, seconds) => `${name} at ${seconds.toFixed(1)} s.jpg`,
  framesTaken: (name, value) => `${value} frames of ${name} added.`,
  noPicturesInFolder: "There are no pictures in that folder.",
  notPictures: (names) =>
    names.length === 1
      ? `${names[0]} is not a picture and was skipped.`
      : `${count(names.length)} files are not pictures and were skipped: ${names.slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}`,
  duplicates: (names) =>
    names.length === 1
      ? `${names[0]} is already here.`
      : `${pictures(names.length)} are already here: ${names.slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}`,
  addAnyway: "Add anyway",
  notRead: (paths) =>
    `Could not read ${paths.length === 1 ? paths[0] : `${paths[0]} and ${paths.length - 1} more`}. Everything else was added.`,
  cameraHeading: "Camera",
  cameraStop: "Stop",
  cameraTake: "Add this frame",
  cameraChoice: "Camera in use",
  cameraVideo: "Camera image",
  cameraBars: "Labels of the camera image",
  cameraNumber: (value) => `Camera ${value}`,
  cameraOn: "The camera is on.",
  cameraHidden: "The camera was stopped because the page was hidden.",
  cameraProblem: (name) =>
    ({
      NotAllowedError: "The camera was not allowed. Allow it in the browser’s settings for this site and try again.",
      NotFoundError: "This device has no camera.",
      NotReadableError: "The camera is in use by another program.",
    })[name] ?? `The camera could not be started (${name}).`,
  framesASecond: (value) => `${rate(value)} frames per second`,
  snapshotName: (time) => `camera ${time}.jpg`,

  // ---- the queue ----
  queueLabel: "Progress",
  pause: "Pause",
  resume: "Resume",
  queueCancel: "Skip the rest",
  retry: "Retry",
  retryPicture: (name) => `Retry ${name}`,
  retryAll: (value) => `Retry ${pictures(value)}`,
  queueAt: (done, all, value) =>
    `${count(done)} of ${count(all)}${value > 0 ? ` · ${rate(value)} pictures per second` : ""}`,
  paused: (done, all) => `Paused at ${count(done)} of ${count(all)}`,
  stopped: "Skipped",
  waiting: "Waiting for the model",
  queued: "Waiting",
  working: "Analyzing…",
  noLabels: "Add labels to see how well they fit.",
  progress: (done, all) => `${count(done)} of ${pictures(all)} done`,
  finished: (done, failed, stopped) =>
    `${pictures(done)} done${failed ? `, ${failed} could not be read` : ""}${stopped ? `, ${stopped} skipped` : ""}`,
  best: (name, label, score) => `${name}: ${label}, ${score}`,
  bestTag: (name, words) => `${name}: ${words}`,
  guessedTag: (name, words) => `${name}: perhaps ${words}`,
  remove: (name) => `Remove ${name}`,
  removed: (value) => `${pictures(value)} removed.`,

  // ---- gallery ----
  searchLabel: "Search the pictures",
  searchPlaceholder: "Describe what you are looking for",
  search: "Search",
  rankedByWords: (words) => `Most similar to “${words}” first`,
  rankedByPicture: (name) => `Most similar to ${name} first`,
  showAll: "Show all",
  backToOrder: "Clear search",
  similarity: (value) => `Similarity ${value}`,
  filterLabel: "Show",
  sortLabel: "Sort",
  sorts: {
    added: "As added",
    name: "By name",
    certain: "Most certain first",
    uncertain: "Least certain first",
    label: "By label",
  },
  allPictures: (value) => `All (${count(value)})`,
  filterOf: (name, value) => `${name} (${count(value)})`,
  custom: "From the overview",
  stateNames: { failed: "Could not be read", stopped: "Skipped" },
  corrected: "Labeled by hand",
  nearDuplicates: "Near-duplicates",
  nearDuplicateGroup: (number) => `Group ${number}`,
  shown: (shown, all) => `${count(shown)} of ${count(all)} shown`,
  nothing: "No pictures here.",
  views: "Views",
  viewGallery: "Gallery",
  viewOverview: "Overview",
  viewMap: "Map",
  openPicture: (name) => `Open ${name}`,
  findSimilar: (name) => `Similar pictures: ${name}`,
  findSimilarShort: "Similar",
  close: "Close",
  previous: "Previous",
  next: "Next",
  barsName: "Labels, best first",
  moreBars: (value) => `and ${count(value)} more`,
  detailFacts: (parts) => parts.join(" · "),
  speed: ({ images, seconds, count: stalls, longest }) =>
    images < 2 || seconds <= 0
      ? ""
      : `${pictures(images)} in ${seconds.toFixed(1)} s, ${(images / seconds).toFixed(1)} per second.${
          stalls === null
            ? ""
            : stalls === 0
              ? " The page never stalled for 50 ms."
              : stalls === 1
                ? ` The page stalled once, for ${Math.round(longest)} ms.`
                : ` The page stalled ${stalls} times, at most ${Math.round(longest)} ms.`
        }`,

  // ---- selecting, correcting, learning ----
  select: (name) => `Select ${name}`,
  selected: (value) => `${count(value)} selected`,
  selectAll: "Select all shown",
  selectNone: "Clear selection",
  removeSelected: "Remove",
  labelSelected: "Set label",
  setLabelOf: "Label by hand",
  chooseLabel: "Choose a label…",
  noHandLabel: "Remove hand label",
  correctedTo: (label) => `Labeled ${label} by hand`,
  compare: "Compare",
  compareHeading: "Two pictures side by side",
  labeledByHand: (value, label) => `${pictures(value)} labeled ${label} by hand.`,
  handLabelsRemoved: (value) => `Hand labels of ${pictures(value)} removed.`,
  learn: "Use as examples of…",
  learnTitle: "Turn the selected pictures into a label that looks like them",
  learnHeading: "Make a label from these pictures",
  learnText: "Pictures that look like them get this label. The name counts too.",
  learnName: "Label",
  learned: (label, value) => `${label} learned from ${pictures(value)}.`,
  triageHelp: "Keys: arrows move, 1–9 set a label, 0 removes it, X selects, Delete removes, Enter opens.",

  // ---- overview and map ----
  countsHeading: "Pictures per label",
  countOf: (value, all) => `${count(value)} · ${((100 * value) / all).toFixed(0)} %`,
  bestIs: (label) => `Best label: ${label}`,
  matrixHeading: "Confusions",
  matrixRows: "Rows",
  matrixByFolder: "Folders, against the best label",
  matrixByLabel: "Best labels, against the second best",
  matrixByHand: "Labels by hand, against the model’s",
  matrixFolders:
    "Rows are the folders the pictures came from, columns the best label. Choose a number to see its pictures.",
  matrixLabels:
    "Rows are the best label, columns the second best: large numbers are labels that are hard to tell apart. Choose a number to see its pictures.",
  matrixHand: "Rows are the labels given by hand, columns the model’s best. Choose a number to see its pictures.",
  cell: (row, column, value) => `${row} / ${column}: ${value}`,
  accuracyHeading: "Accuracy",
  accuracy: (right, all) =>
    `${count(right)} of ${count(all)} pictures labeled by hand agree with the model: ${((100 * right) / all).toFixed(0)} %.`,
  accuracyNone: "Label pictures by hand to see how often the model agrees.",
  histogramHeading: "How certain the best label is",
  histogramText: "Pictures by the score of their best label. Choose a bar to see its pictures.",
  bin: (from, to, value) => `${from} to ${to}: ${pictures(value)}`,
  overviewEmpty: "Nothing here yet. Add pictures and labels to see an overview.",
  mapNote: (shown, all) =>
    `${shown === all ? pictures(all) : `The first ${count(shown)} of ${pictures(all)}`}, similar ones close together. Arrow keys go from one to the next.`,
  mapNeeds: "Add at least three pictures to see a map.",
  mapName: "Map of the pictures",
  pointOf: (name, label) => `${name}: ${label}`,
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",

  // ---- export ----
  exportOpen: "Export",
  shareOpen: "Share settings",
  exportHeading: "Export",
  exportOf: (value) => (value === 1 ? "The 1 picture shown:" : `The ${count(value)} pictures shown:`),
  exportOfSelected: (value) => `${pictures(value)} selected:`,
  exportKinds: {
    csv: "Table (CSV)",
    report: "Report with thumbnails (HTML)",
    json: "JSON, in Azure ML’s format",
    npy: "Embeddings (.npy, unit length)",
    files: "File names (.txt)",
    xmp: "Keywords as sidecar files (XMP, in a zip)",
    script: "Script that renames by label",
    folders: "Copies sorted into folders",
  },
  exportShell: "For",
  exportShells: { sh: "macOS, Linux", powershell: "Windows" },
  exportFolders: "Into one folder per label",
  chooseFolder: "Choose folder",
  sorted: (value, skipped) =>
    `${pictures(value)} sorted into folders${skipped ? `; ${count(skipped)} without their original were left out` : ""}.`,
  reportTitle: "Pictures and their labels",
  shareLink: "Share settings",
  shareLinkText: "A link with your labels, prompts and model. It never contains pictures.",
  copy: "Copy",
  download: "Download",
  copied: "Copied.",
  linkCopied: "Link copied.",
  notCopied: "This browser does not let the page copy. Select and copy by hand, or download.",
  downloaded: (name) => `${name} downloaded.`,
  linkWithoutModel: "The model in use is a file on this device, so the link leaves it out.",
  linkLong: "The link is very long: some programs cut such links.",
  linkWantsModel: (model) =>
    `This link was made with another model, ${model}. Nothing is downloaded unless you ask for it.`,
  linkPreview: (shown, value) => `Previewing ${labels(value)} from a link: ${shown}${value > 3 ? " …" : ""}.`,
  linkPreviewPrompts: "Previewing prompt templates from a link.",
  linkUse: "Use these labels",
  linkUsePrompts: "Use these templates",
  linkKeep: "Keep mine",

  // ---- saved session ----
  restored: (value) => `${pictures(value)} restored from your last visit.`,
  notSaved: (names, value) =>
    `${value === 1 ? "1 picture was" : `${pictures(value)} were`} not analyzed yet when the page was closed, and not saved: ${names.slice(0, 3).join(", ")}${value > 3 ? " …" : ""}. Add ${value === 1 ? "it" : "them"} again.`,
  startFresh: "Start fresh",
  keepOriginals: "Keep the original files on this device too",
  keepOriginalsHelp: "Otherwise small copies and results come back after a reload.",
  noOriginal: "small copy from an earlier visit",

  // ---- model ----
  modelHeading: "Model",
  modelButton: (name) => `Model: ${name}`,
  includedModel: "Included model",
  theIncludedModel: "the included model",
  cancel: "Cancel",
  dismiss: "Dismiss",
  betterModel: "Better model",
  betterModelButton: "Better model: 605 MB",
  betterModelOffer: "CLIP ViT-B/32, 605 MB to download once, 157 MB stored on this device",
  betterModelWhy:
    "The included model is small and knows everyday things. CLIP ViT-B/32 recognizes far more. It is made smaller while it arrives, and only the small form is stored.",
  betterModelGet: "Download 605 MB",
  aboutModel: "About this model",
  aboutCard: {
    heading: "What CLIP can and cannot do",
    points: [
      "It compares a picture with words. It has no other knowledge: a label is only as good as its words, so try several.",
      "Its percentages are shares among your labels. When nothing is a good match, the page says so, but it can be wrong about that too.",
      "It is weak at counting, at small things, at where things are, at fine-grained kinds and at text in pictures; a word written in a picture can mislead it.",
      "It knows English, mostly.",
      "It learned from pictures and captions of the web and repeats their bias: labels about people follow stereotypes of gender, skin color, age and origin. OpenAI’s own study saw crime-related and non-human labels go to some groups of people more than to others.",
      "Do not use it to judge or identify people, for surveillance, or for any decision that matters to someone.",
    ],
    source: (name) => `More about ${name}: `,
  },
  otherModels: "Other models",
  modelSizes:
    "CLIP in several sizes: later ones see more detail and are slower. Their size is shown before anything is downloaded.",
  modelHub: "From the Hugging Face Hub",
  modelHubHelp:
    "A name such as owner/model or ViT-B/32, or its web address. Only huggingface.co is asked, and only for the model.",
  modelQuant: "Precision",
  quants: { q8: "8 bits", q4: "4 bits, half the size" },
  modelLookUp: "Look up",
  modelLookingUp: (name) => `Looking up ${name}…`,
  modelFile: "Open a model file",
  modelFileHelp: "A .gguf, or all files of a model's folder: .safetensors or .bin, config.json and the tokenizer.",
  modelDefault: "Back to the included model",
  modelUrl: "From a URL on this site",
  offer: (name, bytes, stored) =>
    bytes === stored
      ? `${name}: ${bytes} to download.`
      : `${name}: ${bytes} to download, ${stored} stored on this device.`,
  offerStored: (name, stored) => `${name}: ${stored}, already on this device.`,
  offerUnknown: (name) => `${name}: the server does not say how large it is.`,
  offerSpace: (free) => `There is room for ${free}.`,
  offerNoSpace: (free) =>
    `There is room for ${free} only. It can be used now but not stored: delete a model below, or free space on this device.`,
  offerLoad: (bytes) => (bytes ? `Load ${bytes}` : "Load"),
  offerLeave: "Not now",
  storedModels: "On this device",
  storedNone: "No model is stored on this device.",
  storedPart: "partly downloaded, can be resumed",
  storedInUse: "in use",
  storedLoad: (name) => `Load ${name}`,
  storedDelete: (name) => `Delete ${name}`,
  delete: "Delete",
  notDeleted: (name) => `${name} is in use right now and could not be deleted. Try again in a moment.`,
  storedBits: { q8: "8 bits", q4: "4 bits", f16: "16 bits", f32: "32 bits" },
  storedSum: (checksum) => `checksum ${checksum}`,
  storedFrom: (origin) => `from ${origin}`,
  storedFile: "from a file",
  storedIncluded: "comes with the page",
  storedSpace: (used, total) => `This site uses ${used} of the ${total} that the browser gives it.`,
  storedForGood: "The browser keeps models until you delete them.",
  storedWhileSpace: "The browser may clear models when the device runs low on space.",
  storedPrivate:
    "This browser stores nothing for this page (a private window, perhaps): models last until it is closed.",
  persist: "Keep models permanently",
  persistRefused: "The browser did not agree. Installing the page or bookmarking it often helps.",
  notStored: {
    full: (name) =>
      `${name} is in use but could not be stored: this device has no room for it. Delete a model you no longer need.`,
    unavailable: (name) => `${name} is in use but cannot be stored: this browser stores nothing for this page.`,
  },
  modelLoad: "Load",
  modelWarnings: (name, warnings) => `${name} works with standard settings: ${warnings.join("; ")}.`,
  loadingModel: (name, done, total) => (total ? `Loading ${name}: ${done} of ${total}` : `Loading ${name}: ${done}`),
  startingModel: (name) => `Starting ${name}`,
  /** A problem of the engine, by its `code` and English message; a translation can use the code. */
  problem: ({ code, message }) => (code === "image" ? ofPicture(message) : message),
  modelFailed: (message) => `The model could not be loaded. ${message}`,
  offline: "You are offline. Connect to the internet and try again.",
  modelStays: "You can go on with the current model.",
  loadCanceled: "Loading canceled.",
  modelLoading: "Loading…",
  modelNone: "No model",
  facts: {
    name: "Name",
    dimension: "Embedding dimension",
    image_size: "Image size",
    quantization: "Weights",
    parameters: "Parameters",
    bytes: "Size",
    variant: "WebAssembly",
    threads: "Threads",
    backend: "Kernels",
    languages: "Languages",
    licence: "License",
    origin: "Origin",
    checksum: "Checksum",
  },
  updateReady: "A new version is ready.",
  reload: "Reload",
};
