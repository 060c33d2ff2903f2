// A model's source as callers give it, brought into the one form that the engine's worker takes: files, an absolute
// address, `hf:owner/name[@revision]`, or `cached:` and a key.

import { CACHED } from "./cache-keys.js";
import { fileNameOf } from "./download.js";
import { ClipletError } from "./errors.js";
import { documentBase } from "./host.js";
import { CONFIG, OPEN_CLIP_CONFIG, WEIGHTS } from "./snapshot-files.js";

export const HUB = "https://huggingface.co";

/** @typedef {string | Blob | Blob[]} SentSource */

/** Names of model files, which `owner/name` is not taken for. */
const MODEL_FILE = /\.(gguf|safetensors|bin|onnx|pt|pth)$/i;
/** The Hub's other name, and either name as people copy it without the scheme. */
const HUB_ALIAS = /^(?:https?:\/\/)?(?:www\.)?(?:hf\.co|huggingface\.co)\//i;
const REPOSITORY = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*(@[\w./-]+)?$/;

/** Whether a file of a repository stands for the model that it is part of. @param {string} path */
const isSnapshotFile = (path) =>
  [...WEIGHTS, CONFIG, OPEN_CLIP_CONFIG, "README.md"].includes(path) ||
  /^(model|pytorch_model)-\d+-of-\d+\.(safetensors|bin)$/.test(path);

/**
 * The repository or file that an address of the Hub's web pages means.
 * @param {URL} address
 */
function fromHubPage(address) {
  const [owner, name, kind, revision, ...file] = address.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  if (!name || ["models", "datasets", "spaces", "docs", "api"].includes(owner)) return address.href;
  const at = revision && revision !== "main" ? `@${revision}` : "";
  if (kind === undefined || kind === "tree") return `hf:${owner}/${name}${at}`;
  if (kind !== "resolve" && kind !== "blob") return address.href;
  // A snapshot's files stand for the snapshot; any other is a file of its own.
  const path = file.join("/");
  if (isSnapshotFile(path)) return `hf:${owner}/${name}${at}`;
  return new URL(
    `/${owner}/${name}/resolve/${encodeURIComponent(revision)}/${file.map(encodeURIComponent).join("/")}`,
    address,
  ).href;
}

/**
 * @param {string} text
 * @param {string} hub
 */
function fromText(text, hub) {
  const trimmed = text.trim();
  if (trimmed === "")
    throw new ClipletError("input", "the model's source is empty: name an address, hf:owner/name, or a file");
  if (/^hf:/.test(trimmed)) return trimmed;
  if (/^(cached|kept):/.test(trimmed)) return CACHED + trimmed.slice(trimmed.indexOf(":") + 1);
  if (HUB_ALIAS.test(trimmed)) return fromAddress(trimmed.replace(HUB_ALIAS, `${HUB}/`), hub);
  if (REPOSITORY.test(trimmed) && !MODEL_FILE.test(trimmed)) return `hf:${trimmed}`;
  return fromAddress(trimmed, hub);
}

/**
 * @param {string | URL} address
 * @param {string} hub
 */
function fromAddress(address, hub) {
  let absolute;
  try {
    absolute = new URL(address, documentBase());
  } catch (cause) {
    throw new ClipletError(
      "input",
      `${address} is no address of a model: write one, or hf:owner/name, or give a file`,
      { cause },
    );
  }
  return absolute.origin === new URL(hub).origin || absolute.origin === HUB ? fromHubPage(absolute) : absolute.href;
}

/**
 * @param {unknown} source a {@link import("./types.js").ModelSource}
 * @param {string} [hub]
 * @returns {SentSource}
 */
export function toSentSource(source, hub = HUB) {
  if (source instanceof Blob) return source;
  if (Array.isArray(source) || (globalThis.FileList && source instanceof FileList)) {
    const files = [...source];
    if (files.length > 0 && files.every((file) => file instanceof Blob)) return files;
    throw new ClipletError("input", "a model's files must be a list of at least one File");
  }
  if (typeof source === "string") return fromText(source, hub);
  if (source instanceof URL) return fromText(source.href, hub);
  throw new ClipletError("input", "a model's source must be an address, hf:owner/name, a File, or a snapshot's files");
}

/**
 * The name of a source in messages.
 * @param {SentSource} source
 */
export function sourceName(source) {
  if (typeof source !== "string") {
    const [first] = Array.isArray(source) ? source : [source];
    return first instanceof File ? first.name : "the model's file";
  }
  return /^(hf:|cached:)/.test(source) ? source : fileNameOf(source);
}
