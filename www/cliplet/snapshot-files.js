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
  // transformers prefers a SigLIP's SentencePiece model, whose name its configuration and open_clip's tell.
  if (/siglip/i.test(config)) return [["spiece.model"], ["tokenizer.json"]];
  return [["tokenizer.json"], ["vocab.json", "merges.txt"], ["vocab.txt"]];
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
