// A model's source as callers give it, brought into the one form that the engine's worker takes: files, an absolute
// address, `hf:owner/name[@revision]`, or `cached:` and a key.

import { CACHED, cachedKeyOf } from "./cache-keys.js";
import { fileNameOf } from "./download.js";
import { ClipletError } from "./errors.js";
import { documentBase } from "./host.js";
import { hubIdOf } from "./model-names.js";
import { CONFIG, isApples, OPEN_CLIP_CONFIG, WEIGHTS } from "./snapshot-files.js";

export const HUB = "https://huggingface.co";

/** @typedef {string | Blob | Blob[]} SentSource */

/** Names of model files, which `owner/name` is not taken for. */
const MODEL_FILE = /\.(gguf|safetensors|bin|onnx|pt|pth)$/i;
/** The Hub's other name, and either name as people copy it without the scheme. */
const HUB_ALIAS = /^(?:https?:)?(?:\/\/)?(?:www\.)?(?:hf\.co|huggingface\.co)(?=[/?#]|$)/i;
const REPOSITORY = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*(@[\w./-]+)?$/;
/** A page of a repository, named without the Hub's address. */
const REPOSITORY_PAGE = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*\/(tree|blob|resolve|raw)\/./;
/** A word that is neither an address nor a file's name. */
const BARE_NAME = /^[^/\\:.?#]+$/;
/** Parts of the Hub's site that hold no models. */
const NO_OWNERS = ["models", "datasets", "spaces", "docs", "api", "papers", "collections", "blog"];
const EXAMPLE = "openai/clip-vit-base-patch32";

/** True of a file that stands for the model that it is part of. @param {string} path */
const isSnapshotFile = (path) =>
  [...WEIGHTS, CONFIG, OPEN_CLIP_CONFIG, "README.md"].includes(path) ||
  isApples(path) ||
  /^(model|pytorch_model)-\d+-of-\d+\.(safetensors|bin)$/.test(path);

/**
 * The repository or file that an address of the Hub's web pages means.
 * @param {URL} address
 */
function fromHubPage(address) {
  const [owner, repository, kind, revision, ...file] = pathOf(address);
  if (!repository || NO_OWNERS.includes(owner))
    throw new ClipletError(
      "input",
      `${address.href} is no page of a model: write its owner and name, as in ${EXAMPLE}`,
    );
  const name = repository.replace(/\.git$/, "");
  const at = revision && revision !== "main" ? `@${revision}` : "";
  if (kind === undefined || kind === "tree") return `hf:${owner}/${name}${at}`;
  // A page about the model, such as its discussions.
  if (!["resolve", "blob", "raw"].includes(kind)) return `hf:${owner}/${name}`;
  // A snapshot's files stand for the snapshot; any other is a file of its own.
  const path = file.join("/");
  if (path === "" || isSnapshotFile(path)) return `hf:${owner}/${name}${at}`;
  return new URL(
    `/${owner}/${name}/resolve/${encodeURIComponent(revision)}/${file.map(encodeURIComponent).join("/")}`,
    address,
  ).href;
}

/** @param {URL} address */
function pathOf({ pathname, href }) {
  try {
    return pathname.split("/").filter(Boolean).map(decodeURIComponent);
  } catch (cause) {
    throw new ClipletError("input", `${href} is no address: a % in it has no two digits after it`, { cause });
  }
}

/**
 * `owner/name[@revision]`, and other ways to write it, as `hf:owner/name[@revision]`; undefined of other texts.
 * @param {string} text
 * @param {string} hub
 * @returns {string | undefined}
 */
function fromHubName(text, hub) {
  // A text tower, and the CLIP that gives its image tower.
  const [tower, image, ...more] = text.split("+").map((one) => one.trim());
  if (image && more.length === 0) {
    const [first, second] = [fromHubName(tower, hub), fromHubName(image.replace(/^hf(-hub)?:\/*/i, ""), hub)];
    return first && second && `${first}+${second.slice("hf:".length)}`;
  }
  const known = MODEL_FILE.test(text) ? undefined : hubIdOf(text);
  if (known) return `hf:${known}`;
  const bare = text.replace(/\/+$/, "");
  if (REPOSITORY_PAGE.test(text)) return fromHubPage(new URL(text, `${hub}/`));
  return REPOSITORY.test(bare) && !MODEL_FILE.test(bare) ? `hf:${bare}` : undefined;
}

/**
 * @param {string} text
 * @param {string} hub
 * @returns {string}
 */
function fromText(text, hub) {
  const trimmed = text.trim().replace(/^(["'`])(.*)\1$/, "$2");
  if (trimmed === "")
    throw new ClipletError("input", "the model's source is empty: name an address, hf:owner/name, or a file");
  const key = cachedKeyOf(trimmed);
  if (key !== undefined) return CACHED + key;
  const named = trimmed.replace(/^hf(-hub)?:\/*/i, "");
  if (HUB_ALIAS.test(named)) return fromAddress(named.replace(HUB_ALIAS, HUB), hub);
  const ofHub = fromHubName(named, hub);
  if (ofHub) return ofHub;
  // The worker says which form an id has.
  if (named !== trimmed) return `hf:${named}`;
  if (BARE_NAME.test(trimmed))
    throw new ClipletError(
      "input",
      `${trimmed} names no model: write owner/name of the Hugging Face Hub, as in ${EXAMPLE}, or ./${encodeURIComponent(trimmed)} for a file beside the page`,
    );
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
 * A file of a folder that was chosen, named by its path there where it lies in a folder within: a worker may not be told
 * where it lay.
 * @param {unknown} file
 */
function named(file) {
  const path = (file instanceof File && file.webkitRelativePath) || "";
  const inner = path.slice(path.indexOf("/") + 1);
  if (!(file instanceof File) || !inner.includes("/")) return file;
  return new File([file], inner, { type: file.type, lastModified: file.lastModified });
}

/**
 * @param {unknown} source a {@link import("./types.js").ModelSource}
 * @param {string} [hub]
 * @returns {SentSource}
 */
export function toSentSource(source, hub = HUB) {
  if (source instanceof Blob) return source;
  if (Array.isArray(source) || (globalThis.FileList && source instanceof FileList)) {
    const files = [...source].map(named);
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
  return source.startsWith("hf:") || source.startsWith(CACHED) ? source : fileNameOf(source);
}
