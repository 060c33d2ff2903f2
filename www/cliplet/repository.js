// A model repository on the Hugging Face Hub: where its files lie, read through hub.js.

import { failure } from "./download.js";

export const HUB = "https://huggingface.co";
export const WEIGHTS = "model.safetensors";
/** Where the Hub's own conversion to safetensors lies, for repositories whose main branch has none. */
const CONVERTED = { "openai/clip-vit-base-patch32": "refs/pr/15" };

let worker = null;

/** Asks the Hub's worker, started on the first call. */
function ask(given) {
  worker ??= new Worker(new URL("./hub.js", import.meta.url), { type: "module", name: "cliplet-hub" });
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ ...given, port: port2 }, [port2]);
  return port1;
}

const answer = (port) =>
  new Promise((resolve, reject) => {
    port.onmessage = ({ data }) => (data.error ? reject(failure(data.error.code, data.error.message, data.error.status)) : resolve(data));
    worker.onerror = () => reject(failure("network", "the part that speaks to the Hub could not start"));
  });

/** A text file of the Hub, or undefined where it has none. */
async function text(address) {
  const { value } = await answer(ask({ op: "text", address }));
  return value;
}

/** As `download` of download.js, over the Hub's worker. */
async function* remote(address, { from, version, signal } = {}) {
  const port = ask({ op: "download", address, from, version });
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

/** `hf:owner/name` or `hf:owner/name@revision`, taken apart. */
export function parse(source) {
  const [, id, revision] = /^hf:([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/.exec(source) ?? [];
  if (!id || id.includes("..") || id.startsWith(".")) {
    throw failure("input", `${source} is no Hub id: write hf:owner/name, such as hf:openai/clip-vit-base-patch32`);
  }
  return { id, revision };
}

/**
 * Opens a repository: its texts, and its weights to be downloaded.
 * @param {string} source `hf:owner/name[@revision]`
 * @param {{hub?: string, signal?: AbortSignal}} options
 */
export async function repository(source, { hub = HUB, signal } = {}) {
  const { id, revision = "main" } = parse(source);
  const at = (branch, file) => `${hub}/${id}/resolve/${encodeURIComponent(branch)}/${file}`;
  const converted = revision === "main" ? CONVERTED[id] : undefined;
  const branches = converted ? [converted, revision] : [revision];
  const config = await text(at(revision, "config.json"));
  signal?.throwIfAborted();
  const [tokenizer, preprocessor, card] = await Promise.all(
    ["tokenizer.json", "preprocessor_config.json", "README.md"].map((file) => text(at(revision, file))),
  );
  signal?.throwIfAborted();
  if (config === undefined || tokenizer === undefined) {
    const missing = config === undefined ? "config.json" : "tokenizer.json";
    throw failure("model", `${id}: the repository has no ${missing}, which a CLIP in Hugging Face's layout has`);
  }
  return { id, name: id, texts: { config, tokenizer, preprocessor, card }, weights: (options) => weights(branches, at, id, options) };
}

/** Downloads the weights from the first branch that has them. */
async function* weights(branches, at, id, options) {
  for (const [tried, branch] of branches.entries()) {
    const chunks = remote(at(branch, WEIGHTS), options);
    try {
      yield* chunks;
      return;
    } catch (error) {
      if (error.status !== 404) throw error;
      if (tried + 1 === branches.length) {
        throw failure("network", `${id}: no ${WEIGHTS} on the Hub there; name a revision that has it as hf:${id}@revision`);
      }
    }
  }
}
