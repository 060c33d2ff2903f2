// The files of a model as transformers and open_clip save it: which hold its weights, and which small ones go with them.

import { failure } from "./download.js";

/** Files that hold all weights, or list those that do: the first that is there is taken. */
export const WEIGHTS = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "open_clip_model.safetensors",
  "open_clip_pytorch_model.bin",
];
export const CONFIG = "config.json";
export const OPEN_CLIP_CONFIG = "open_clip_config.json";
/** Folder in which sentence-transformers puts the CLIP of a model. */
export const SENTENCE_TRANSFORMERS = "0_CLIPModel";
/** File of sentence-transformers that lists the parts of a model. */
export const MODULES = "modules.json";
/** Text towers on the Hub, and the CLIP whose image tower each was trained to go with. @type {Record<string, string>} */
export const IMAGE_TOWERS = {
  "sentence-transformers/clip-ViT-B-32-multilingual-v1": "sentence-transformers/clip-ViT-B-32",
  "M-CLIP/XLM-Roberta-Large-Vit-B-32": "openai/clip-vit-base-patch32",
  "M-CLIP/XLM-Roberta-Large-Vit-L-14": "openai/clip-vit-large-patch14",
};
/** Settings of image preparation and the model card, any of which may be missing. */
export const SETTINGS = ["processor_config.json", "preprocessor_config.json", "README.md"];

/**
 * True if a name is that of a file of tensors.
 * @param {string} name
 */
export const isWeights = (name) => /\.(safetensors|bin|pt|pth)$/i.test(name);

/**
 * True of weights that open_clip wrote, whose own settings go with them.
 * @param {string} name
 */
export const isOpenClip = (name) => name.startsWith("open_clip");

/**
 * True where weights are named as Apple's MobileCLIPs, whose names give their settings.
 * @param {string} name
 */
export const isApples = (name) => /^mobileclip2?_[a-z0-9]+\.pt$/i.test(name);

/**
 * The file of weights in a repository of Apple's, such as mobileclip2_s0.pt of apple/MobileCLIP2-S0.
 * @param {string} id
 */
export function applesWeights(id) {
  const [, version, size] = /^apple\/mobileclip(2?)-(s\d|b|b-lt|l-14)$/i.exec(id) ?? [];
  return size && `mobileclip${version}_${size.replaceAll("-", "").toLowerCase()}.pt`;
}

/**
 * Names of tokenizer files to be looked for, the best first: several in one entry go together.
 * @param {string} config text of the configuration
 */
export function tokenizerFiles(config) {
  // transformers prefers a SigLIP's SentencePiece model; open_clip reads it with another class, from tokenizer.json.
  const files = [["spiece.model"], ["tokenizer.json"]];
  if (/siglip/i.test(config)) return /"(model|vision)_cfg"/.test(config) ? files.reverse() : files;
  return [["tokenizer.json"], ["vocab.json", "merges.txt"], ["vocab.txt"]];
}

/**
 * True for the configuration of a transformer of texts, which is a text tower with the parts that `modules.json` lists.
 * @param {string} config its text
 */
export const isTextTransformer = (config) => /"model_type"\s*:\s*"(distilbert|bert|xlm-roberta)"/.test(config);

/**
 * The folders of a text tower of sentence-transformers, each with a slash at the end or nothing: of its transformer, of
 * its linear map, and of the parts between them.
 * @typedef {{ transformer: string, linear: string, others: string[] }} TextTowerFolders
 */

/**
 * The folders of the text tower that a `modules.json` lists; undefined where it lists a whole CLIP.
 * @param {string} json
 * @param {string} name of the file
 * @returns {TextTowerFolders | undefined}
 */
export function textTowerFolders(json, name) {
  /** @type {{ path: string, type: string }[]} */
  let modules;
  try {
    modules = JSON.parse(json).map((/** @type {any} */ { path, type }) => ({ path: String(path), type: String(type) }));
  } catch (cause) {
    throw failure("model", `${name} is no list of modules: download it again`, { cause });
  }
  const folders = modules.map(({ path }) => path && `${path.replace(/\/+$/, "")}/`);
  const bad = folders.find((folder) => folder !== "" && (!/^[^/\\]+\/$/.test(folder) || /^\.+\/$/.test(folder)));
  if (bad !== undefined) throw failure("model", `${name}: the path ${JSON.stringify(bad)} is not a folder's name`);
  if (modules.length < 2) return undefined;
  // The engine checks the kinds of the parts, and names those that it does not know.
  return { transformer: folders[0], linear: folders[folders.length - 1], others: folders.slice(1, -1) };
}

/**
 * Names of the files that an index of shards lists.
 * @param {string} json
 * @param {string} name of the index
 * @returns {string[]}
 */
export function shardsOf(json, name) {
  /** @type {string[]} */
  let shards;
  try {
    shards = [...new Set(/** @type {string[]} */ (Object.values(JSON.parse(json).weight_map)))].sort();
  } catch (cause) {
    throw failure("model", `${name} is no index of shards: download it again`, { cause });
  }
  // A shard lies beside its index; a path that leads elsewhere is not one.
  const bad = shards.find((shard) => typeof shard !== "string" || !/^[^/\\]+$/.test(shard) || /^\.+$/.test(shard));
  if (bad !== undefined) throw failure("model", `${name}: shard ${JSON.stringify(bad)} is not a file name`);
  if (shards.length === 0) throw failure("model", `${name} lists no shards: download it again`);
  return shards;
}
