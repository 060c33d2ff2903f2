// What a model can be loaded from, opened: one of our files (an address, a local file, or one kept on
// this device), or a snapshot (a Hub id, or its files chosen together).

import { chunksOf, download, failure, look, nameOf, sameVersion } from "./download.js";
import { find, KEPT, keyOf } from "./kept.js";
import { repository } from "./repository.js";
import * as store from "./store.js";

/**
 * @typedef {object} Opened
 * @property {string} key what it is kept under
 * @property {string} source what loads it again
 * @property {string} name
 * @property {boolean} keeps whether it is to be kept on this device
 * @property {object} [kept] its record, where it is kept whole
 * @property {Promise<boolean>} [same] whether what is kept is still what the server has, as far as that tells
 * @property {object} [resumed] its record, where a part of it is kept
 * @property {object} [texts] of a snapshot: `config`, `tokenizer`, `preprocessor`, `card`
 * @property {(from: number, version?: object) => Promise<{version: object, total?: number, chunks: AsyncIterable<Uint8Array>}>} [read]
 * @property {() => Promise<FileSystemSyncAccessHandle>} [file] what is read where it is kept as a file
 */

/** A download whose first answer has come. */
async function begun(chunks) {
  const { value } = await chunks.next();
  return { ...value, chunks };
}

async function* readBlob(blob, name) {
  try {
    yield* chunksOf(blob.stream());
  } catch {
    throw failure("io", `${name}: it could not be read; was it moved or changed meanwhile?`);
  }
}

const isWeights = ({ name }) => /\.safetensors$/i.test(name ?? "");

/** A local file; another of the same name, size and date is taken for the same. */
function fromFile(file, quant) {
  const name = file.name ?? "model";
  const version = { total: file.size, modified: file.lastModified };
  const key = ["file", name, file.size, file.lastModified, quant].filter((part) => part !== undefined).join(":");
  const read = async (from) => ({ version, total: file.size, chunks: readBlob(file.slice(from), name) });
  return { key, source: KEPT + key, name, keeps: Boolean(file.name), read };
}

function fromStore(kept, handle) {
  const { key, source, name, version, bytes: total } = kept;
  if (kept.joined) return { key, source, name, keeps: false, kept, file: () => store.file(kept, handle) };
  return { key, source, name, keeps: false, kept, read: async () => ({ version, total, chunks: store.bytes(key) }) };
}

/** What can be gone on with of a record: a file that no mark tells from its next version begins anew. */
const resumable = (record) => (record && (record.version.etag || record.version.modified) ? record : undefined);

/** What is kept of a model, as it was found before or by looking now. */
const known = async (key, found) => found ?? { record: await find(key) };

/** Whether the server still has the version that is kept; it has where it cannot be asked. */
async function unchanged({ version }, address, signal) {
  const now = await look(address, signal);
  return !(now?.found && !sameVersion(version, now.version));
}

async function fromAddress(address, { signal, anew, found }) {
  const name = nameOf(address);
  const { record, handle } = anew ? {} : await known(address, found);
  const same = record && unchanged(record, address, signal);
  // What is kept whole is read while the server is asked.
  same?.catch(() => {});
  if (record?.complete) return { ...fromStore(record, handle), name, same };
  const read = (from, version) => begun(download(address, { from, version, signal }));
  return { key: address, source: address, name, keeps: true, resumed: (await same) ? resumable(record) : undefined, read };
}

/** The files of a snapshot, chosen together. */
async function fromFiles(files, quant) {
  const weights = files.filter(isWeights);
  const [file] = weights;
  const named = (name) => files.find((candidate) => candidate.name === name);
  const missing = ["config.json", "tokenizer.json"].filter((name) => !named(name));
  let problem = null;
  if (!file) problem = `${files[0]?.name ?? "nothing"}: choose a .gguf, or a .safetensors with the .json files beside it`;
  else if (weights.length > 1) problem = `${file.name}: weights in ${weights.length} files are read by "cliplet convert" only`;
  else if (missing.length > 0) problem = `${file.name} holds weights only: choose it together with ${missing.join(" and ")} of its folder`;
  if (problem) throw failure("input", problem);
  const text = async (name) => named(name)?.text();
  const [config, tokenizer, preprocessor, card] = await Promise.all(
    ["config.json", "tokenizer.json", "preprocessor_config.json", "README.md"].map(text),
  );
  return { ...fromFile(file, quant), name: file.name, texts: { config, tokenizer, preprocessor, card }, quant };
}

async function fromHub(source, { quant, hub, signal, found }) {
  const key = keyOf(source, quant);
  const { record, handle } = await known(key, found);
  // What is kept whole is not asked for again, so that it works without a network.
  if (record?.complete) return fromStore(record, handle);
  const { id, texts, weights } = await repository(source, { hub, signal });
  const read = (from, version) => begun(weights({ from, version, signal }));
  return { key, source, name: id, id, keeps: true, resumed: resumable(record), texts, quant, read };
}

/** A snapshot that is already kept packed is one of our files. */
async function packed(opened) {
  const record = await find(opened.key);
  return record?.complete ? fromStore(record) : { ...opened, resumed: resumable(record) };
}

/**
 * Opens a model to be read.
 * @param {string | Blob | Blob[]} source an absolute address, `hf:owner/name`, `kept:` and the key of a
 *   kept model, a file, or the files of a snapshot
 * @param {{quant: string, hub?: string, signal: AbortSignal, anew?: boolean, found?: object}} options `anew` passes
 *   over what is kept of an address; `found` is what `lookUp` of kept.js found of the source
 * @returns {Promise<Opened>}
 */
export async function open(source, options) {
  const files = Array.isArray(source) ? source : source instanceof Blob ? [source] : null;
  if (files) {
    if (files.length === 1 && !isWeights(files[0])) return fromFile(files[0]);
    return packed(await fromFiles(files, options.quant));
  }
  if (source.startsWith("hf:")) return fromHub(source, options);
  if (!source.startsWith(KEPT)) return fromAddress(source, options);
  const { record, handle } = await known(keyOf(source), options.found);
  if (!record?.complete) throw failure("input", "this model is no longer kept on this device; load it from where it came");
  return fromStore(record, handle);
}
