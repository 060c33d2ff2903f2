// A model repository on the Hugging Face Hub: where its files lie, read through hub.js.

import { failure } from "./download.js";
import { fromSent } from "./errors.js";
import { startHubWorker } from "./host.js";
import { HUB } from "./model-source.js";

export const WEIGHTS = "model.safetensors";
/** Settings and weights as open_clip publishes them, which the engine translates. */
const OPEN_CLIP = { settings: "open_clip_config.json", weights: "open_clip_model.safetensors" };
/** Revisions with the Hub's own conversion to safetensors, for repositories whose main branch has none. @type {Record<string, string>} */
const CONVERTED = { "openai/clip-vit-base-patch32": "refs/pr/15" };

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
 * A text file of the Hub, or undefined where it has none.
 * @param {string} address
 * @param {HubOptions} options
 */
async function text(address, { baseUrl }) {
  const port = ask({ op: "text", address }, baseUrl);
  const { value } = await answer(port);
  port.close();
  return /** @type {string | undefined} */ (value);
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
 * Texts of a snapshot, as the engine takes them.
 * @typedef {{ config: string, tokenizer: string, preprocessor?: string, card?: string }} Texts
 */

/**
 * The image processor's settings in the form of `preprocessor_config.json`. Since version 5 transformers writes them
 * as the field `image_processor` of `processor_config.json`, which wins where there are both.
 * @param {string | undefined} processor text of `processor_config.json`
 * @param {string | undefined} preprocessor text of `preprocessor_config.json`
 */
export function imageSettings(processor, preprocessor) {
  if (processor === undefined) return preprocessor;
  try {
    const nested = JSON.parse(processor)?.image_processor;
    return nested ? JSON.stringify(nested) : preprocessor;
  } catch (cause) {
    throw failure("model", "processor_config.json is not JSON", { cause });
  }
}

/**
 * Opens a repository: its texts, and its weights to be downloaded.
 * @param {string} source `hf:owner/name[@revision]`
 * @param {HubOptions} options
 */
export async function openRepository(source, options) {
  const { hub = HUB, signal } = options;
  const { id, revision = "main" } = parseHubId(source);
  /** @param {string} branch @param {string} file */
  const at = (branch, file) => `${hub}/${id}/resolve/${encodeURIComponent(branch)}/${file}`;
  const converted = revision === "main" ? CONVERTED[id] : undefined;
  const branches = converted ? [converted, revision] : [revision];
  const plain = await text(at(revision, "config.json"), options);
  signal?.throwIfAborted();
  const config = plain ?? (await text(at(revision, OPEN_CLIP.settings), options));
  signal?.throwIfAborted();
  const [tokenizer, processor, older, card] = await Promise.all(
    ["tokenizer.json", "processor_config.json", "preprocessor_config.json", "README.md"].map((file) =>
      text(at(revision, file), options),
    ),
  );
  const preprocessor = imageSettings(processor, older);
  signal?.throwIfAborted();
  if (config === undefined || tokenizer === undefined) {
    const missing = config === undefined ? "config.json" : "tokenizer.json";
    throw failure("model", `${id}: the repository has no ${missing}, which a CLIP in Hugging Face's layout has`);
  }
  const addresses = branches.map((branch) => at(branch, plain === undefined ? OPEN_CLIP.weights : WEIGHTS));
  /** @param {import("./download.js").DownloadOptions} from */
  const weights = (from) => firstOf(addresses, id, { ...options, ...from });
  return { id, texts: /** @type {Texts} */ ({ config, tokenizer, preprocessor, card }), weights };
}

/**
 * Downloads the weights from the first address that has them.
 * @param {string[]} addresses
 * @param {string} id
 * @param {import("./download.js").DownloadOptions & HubOptions} options
 */
async function* firstOf(addresses, id, options) {
  for (const [tried, address] of addresses.entries()) {
    try {
      yield* downloadFromHub(address, options);
      return;
    } catch (error) {
      if (/** @type {{ status?: number }} */ (error).status !== 404) throw error;
      if (tried + 1 === addresses.length) {
        throw failure(
          "network",
          `${id}: no ${WEIGHTS} on the Hub there; name a revision that has it as hf:${id}@revision`,
          { cause: error },
        );
      }
    }
  }
}
