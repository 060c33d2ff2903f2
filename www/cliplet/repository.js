// A model repository on the Hugging Face Hub: where its files lie, read through hub.js.

import { failure } from "./download.js";
import { fromSent } from "./errors.js";
import { startHubWorker } from "./host.js";
import { HUB } from "./model-source.js";
import {
  applesWeights,
  CONFIG,
  IMAGE_TOWERS,
  isOpenClip,
  isTextTransformer,
  MODULES,
  OPEN_CLIP_CONFIG,
  SENTENCE_TRANSFORMERS,
  SETTINGS,
  shardsOf,
  textTowerFolders,
  tokenizerFiles,
  WEIGHTS,
} from "./snapshot-files.js";
import { WeightFile } from "./weight-file.js";

/** Revisions with the Hub's own conversion to safetensors, for repositories whose main branch has none. @type {Record<string, string>} */
const CONVERTED = { "openai/clip-vit-base-patch32": "refs/pr/15" };

/** Has the tokenizer of models that are published without any. */
const WITH_TOKENIZER = "openai/clip-vit-base-patch32";

/** @typedef {{ hub?: string, baseUrl?: string, signal?: AbortSignal, stallTimeout?: number }} HubOptions */

/** @type {Worker | null} */
let worker = null;

/**
 * Asks the Hub's worker, started on the first call.
 * @param {object} given
 * @param {string} [baseUrl]
 */
function ask(given, baseUrl) {
  worker ??= startHubWorker({ baseUrl });
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ ...given, port: port2 }, [port2]);
  return port1;
}

/**
 * The next message of a port.
 * @param {MessagePort} port
 * @returns {Promise<any>}
 */
const answer = (port) =>
  new Promise((resolve, reject) => {
    port.onmessage = ({ data }) => (data.error ? reject(fromSent(data.error)) : resolve(data));
    if (worker) worker.onerror = () => reject(failure("network", "the part that speaks to the Hub could not start"));
  });

/**
 * A small file of the Hub, or undefined where it has none.
 * @param {string} address
 * @param {HubOptions} options
 */
async function smallFile(address, { baseUrl, signal }) {
  signal?.throwIfAborted();
  const port = ask({ op: "file", address }, baseUrl);
  const { value } = await answer(port);
  port.close();
  signal?.throwIfAborted();
  return /** @type {Uint8Array<ArrayBuffer> | undefined} */ (value);
}

/**
 * As `download` of download.js, over the Hub's worker.
 * @param {string} address
 * @param {import("./download.js").DownloadOptions & { baseUrl?: string }} options
 */
export async function* downloadFromHub(address, { from, version, signal, stallTimeout, baseUrl } = {}) {
  const port = ask({ op: "download", address, from, version, stallTimeout }, baseUrl);
  const stop = () => port.postMessage("stop");
  signal?.addEventListener("abort", stop);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = answer(port);
      port.postMessage("next");
      const { value, done } = await next;
      if (done) return;
      yield value;
    }
  } finally {
    stop();
    port.close();
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * `hf:owner/name` or `hf:owner/name@revision`, taken apart.
 * @param {string} source
 */
export function parseHubId(source) {
  const [, id, revision] = /^hf:([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/.exec(source) ?? [];
  if (!id || id.includes("..") || id.startsWith(".")) {
    throw failure("input", `${source} is no Hub id: write hf:owner/name, such as hf:openai/clip-vit-base-patch32`);
  }
  return { id, revision };
}

/**
 * The models of `hf:owner/name[@revision]`: one, or a text tower and the CLIP behind a `+` that gives its image tower.
 * @param {string} source
 */
function parseHubIds(source) {
  const [first, second, ...more] = source.split("+");
  const text = parseHubId(more.length > 0 ? source : first);
  const image = second ?? (text.revision ? undefined : IMAGE_TOWERS[text.id]);
  return { text, image: image === undefined ? undefined : parseHubId(`hf:${image}`) };
}

/**
 * A repository at a revision: its small files, and the addresses of all.
 * @typedef {object} Repository
 * @property {string} id
 * @property {(file: string, branch?: string) => string} at address of a file
 * @property {(file: string) => Promise<Uint8Array<ArrayBuffer> | undefined>} fetched a small file
 * @property {() => Promise<Uint8Array<ArrayBuffer> | undefined>} commonTokenizer that of most CLIPs
 */

/**
 * The small files of a model that go with its weights.
 * @param {Repository} repository
 * @param {string} config name of its configuration
 * @param {Uint8Array<ArrayBuffer>} [configBytes] none where the model's name tells it
 */
async function smallFiles({ id, fetched, commonTokenizer }, config, configBytes) {
  /** @type {Map<string, Uint8Array<ArrayBuffer>>} */
  const files = new Map(configBytes && [[config, configBytes]]);
  const add = (/** @type {string[]} */ names) =>
    Promise.all(
      names.map(async (name) => {
        const bytes = await fetched(name);
        if (bytes) files.set(name, bytes);
        return Boolean(bytes);
      }),
    );
  const wanted = tokenizerFiles(new TextDecoder().decode(configBytes));
  const [first] = await Promise.all([add(wanted[0]), add(["tokenizer_config.json", ...SETTINGS])]);
  const later = wanted.slice(1);
  let found = first;
  while (!found.every(Boolean) && later.length > 0) found = await add(/** @type {string[]} */ (later.shift()));
  if (!found.every(Boolean) && applesWeights(id)) {
    const tokenizer = await commonTokenizer();
    if (tokenizer) files.set("tokenizer.json", tokenizer);
  }
  return files;
}

/**
 * A folder of a repository.
 * @param {Repository} repository
 * @param {string} folder with a slash at the end, or nothing
 * @returns {Repository}
 */
const within = (repository, folder) => ({
  ...repository,
  at: (file, branch) => repository.at(folder + file, branch),
  fetched: (file) => repository.fetched(folder + file),
});

/**
 * A text tower of sentence-transformers: its files by their paths.
 * @param {Repository} repository
 * @param {Uint8Array<ArrayBuffer>} list its `modules.json`
 * @param {import("./snapshot-files.js").TextTowerFolders} folders
 * @param {string} revision
 * @param {HubOptions & { stallTimeout?: number }} options
 * @returns {Promise<import("./source.js").Snapshot>}
 */
async function textTower(repository, list, { transformer, linear, others }, revision, options) {
  const inner = within(repository, transformer);
  const config = await inner.fetched(CONFIG);
  const small = await smallFiles(inner, CONFIG, config);
  const files = new Map([...small].map(([name, bytes]) => [transformer + name, bytes]));
  files.set(MODULES, list);
  const configs = [...others, linear].map((folder) => folder + CONFIG);
  for (const name of [...SETTINGS, `${transformer}sentence_bert_config.json`, ...configs]) {
    const bytes = files.get(name) ?? (await repository.fetched(name));
    if (bytes) files.set(name, bytes);
  }
  const weights = await findWeights(inner, true, revision, options);
  const map = await findWeights(within(repository, linear), true, revision, options);
  return { files, openClip: false, weights: [...weights.weights, ...map.weights] };
}

/**
 * Opens a repository: its configuration at once, its weights and all else when they are asked for.
 * @param {string} source `hf:owner/name[@revision]`; of a text tower, `+owner/name[@revision]` may follow, the CLIP that
 * gives its image tower
 * @param {HubOptions & { stallTimeout?: number }} options
 * @returns {Promise<{ id: string, snapshot: () => Promise<import("./source.js").Snapshot> }>}
 */
export async function openRepository(source, options) {
  const { text, image } = parseHubIds(source);
  const model = await openModel(text, options);
  if (!image) return model;
  const tower = await openModel(image, options);
  const snapshot = async () => ({
    ...(await model.snapshot()),
    imageTower: { name: tower.id, ...(await tower.snapshot()) },
  });
  return { id: model.id, snapshot };
}

/**
 * Opens one model.
 * @param {{ id: string, revision?: string }} named
 * @param {HubOptions & { stallTimeout?: number }} options
 * @returns {Promise<{ id: string, snapshot: () => Promise<import("./source.js").Snapshot> }>}
 */
async function openModel({ id, revision = "main" }, options) {
  const { hub = HUB } = options;
  const rootAt = (/** @type {string} */ file, branch = revision) =>
    `${hub}/${id}/resolve/${encodeURIComponent(branch)}/${file}`;
  let folder = "";
  /** @type {Repository} */
  const repository = {
    id,
    at: (file, branch) => rootAt(folder + file, branch),
    fetched: (file) => smallFile(rootAt(folder + file), options),
    commonTokenizer: () => smallFile(`${hub}/${WITH_TOKENIZER}/resolve/main/tokenizer.json`, options),
  };
  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  let plain;
  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  let ofOpenClip;
  for (folder of ["", `${SENTENCE_TRANSFORMERS}/`]) {
    plain = await repository.fetched(CONFIG);
    ofOpenClip = plain ? undefined : await repository.fetched(OPEN_CLIP_CONFIG);
    if (plain || ofOpenClip) break;
  }
  if (!plain && !ofOpenClip) folder = "";
  const mayBeTower = plain ? isTextTransformer(new TextDecoder().decode(plain)) : !ofOpenClip && !applesWeights(id);
  const list = mayBeTower ? await repository.fetched(MODULES) : undefined;
  const folders = list && textTowerFolders(new TextDecoder().decode(list), `${id}/${MODULES}`);
  if (list && folders) return { id, snapshot: () => textTower(repository, list, folders, revision, options) };
  if (!plain && !ofOpenClip && !applesWeights(id))
    throw failure("model", `${id}: the repository has no ${CONFIG}, which a CLIP in Hugging Face's layout has`);
  const snapshot = async () => {
    const { name, weights } = await findWeights(repository, Boolean(plain), revision, options);
    // Weights that open_clip wrote are read by its own settings.
    if (isOpenClip(name)) ofOpenClip ??= await repository.fetched(OPEN_CLIP_CONFIG);
    const openClip = Boolean(ofOpenClip) && (!plain || isOpenClip(name));
    const [config, bytes] = openClip ? [OPEN_CLIP_CONFIG, ofOpenClip] : [CONFIG, plain];
    const files = await smallFiles(repository, config, bytes);
    return { files, openClip, weights };
  };
  return { id, snapshot };
}

/**
 * The files of weights of a repository: the first in the order of `WEIGHTS` that are there.
 * @param {Repository} repository
 * @param {boolean} hasConfig whether it has a `config.json`; without it, only weights of open_clip can be read
 * @param {string} revision
 * @param {HubOptions & { stallTimeout?: number }} options
 */
async function findWeights(repository, hasConfig, revision, options) {
  const { id, at, fetched } = repository;
  /** @param {string} file @param {string} [branch] */
  const opened = (file, branch) =>
    new WeightFile(`${id}/${file}`, async (from, version) => {
      const chunks = downloadFromHub(at(file, branch), { ...options, from, version });
      const { value } = await chunks.next();
      return { ...value, chunks };
    });
  const apples = applesWeights(id);
  const readable = WEIGHTS.filter((name) => hasConfig || isOpenClip(name)).concat(apples ?? []);
  const converted = revision === "main" ? CONVERTED[id] : undefined;
  for (const name of readable) {
    if (name.endsWith(".json")) {
      const index = await fetched(name);
      const shards = index && shardsOf(new TextDecoder().decode(index), `${id}/${name}`);
      if (shards) return { name, weights: shards.map((shard) => opened(shard)) };
      continue;
    }
    const branches = converted && name === WEIGHTS[0] ? [converted, undefined] : [undefined];
    for (const branch of branches) {
      const file = opened(name, branch);
      try {
        await file.begin();
        return { name, weights: [file] };
      } catch (error) {
        if (/** @type {{ status?: number }} */ (error).status !== 404) throw error;
      }
    }
  }
  throw failure(
    "network",
    `${id}: the repository has none of ${readable.join(", ")}; name a revision that has one as hf:${id}@revision`,
  );
}
