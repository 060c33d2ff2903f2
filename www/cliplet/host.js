// Finds the package's own files and starts its workers from there: beside this module, in a folder that the page names,
// or on another site.

import { ClipletError } from "./errors.js";

/** @typedef {import("./types.js").HostOptions} HostOptions */

/** @type {HostOptions} */
let configured = {};

/**
 * Sets for the whole page where the package's files are; a call's own options go before.
 * @param {HostOptions} options
 */
export function configure(options) {
  if (options === null || typeof options !== "object")
    throw new ClipletError("input", "configure wants an object with baseUrl, workerUrl or both");
  const { baseUrl, workerUrl } = options;
  configured = { baseUrl, workerUrl };
}

/** The base of relative addresses in a page or worker; undefined outside of a browser. */
export const documentBase = () => globalThis.document?.baseURI ?? globalThis.location?.href;

/**
 * The options that hold for a call, with absolute addresses.
 * @param {HostOptions} [options]
 * @returns {{ baseUrl?: string, workerUrl?: string }}
 */
export function hostOptions(options = {}) {
  /** @param {string | URL | undefined} address @param {string} name */
  const absolute = (address, name) => {
    if (address === undefined) return undefined;
    try {
      return new URL(address, documentBase()).href;
    } catch (cause) {
      throw new ClipletError("input", `${name} must be an address, and ${address} is none`, { cause });
    }
  };
  const base = absolute(options.baseUrl ?? configured.baseUrl, "baseUrl")?.replace(/([^/])$/, "$1/");
  const worker = absolute(options.workerUrl ?? configured.workerUrl, "workerUrl");
  return { baseUrl: base, workerUrl: worker ?? (base && new URL("worker.js", base).href) };
}

/** @returns {never} */
function noWorkers() {
  throw new ClipletError(
    "unsupported",
    "no web worker can be started here: call Cliplet in a browser (in Next.js and SvelteKit in client code, such as an effect or onMount); on a server use the command line's `cliplet serve` or `cliplet embed`",
  );
}

const AS_FILE =
  "a page that is opened as a file cannot start workers: serve its folder over http, with `npx serve` for example";

/** @param {string} address */
const fromAnotherOrigin = (address) =>
  /^https?:/.test(address) && new URL(address).origin !== globalThis.location?.origin;

/**
 * A worker of this page's origin that runs a script of another one, which must allow that by CORS.
 * @param {string} address
 */
function borrowed(address) {
  const code = `import ${JSON.stringify(address)};`;
  // Sandboxed frames start no modules from blobs; elsewhere a data: address would have no storage. The blob's address is
  // not revoked, since the engine's threads run it too.
  const local =
    globalThis.location?.origin === "null"
      ? `data:text/javascript,${encodeURIComponent(code)}`
      : URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  return new Worker(local, { type: "module", name: "cliplet" });
}

/**
 * Starts a worker at `address`, or with `start` where the bundler knows the address.
 * @param {string | undefined} address
 * @param {() => Worker} start
 * @param {string} file its name in the package
 * @returns {Worker}
 */
function startAt(address, start, file) {
  if (typeof Worker === "undefined") noWorkers();
  // Bundles of the old kind have no address.
  const beside = (import.meta.url ?? "").replace(/[^/]*$/, file);
  const script = address ?? beside;
  try {
    if (fromAnotherOrigin(script)) return borrowed(script);
    return address ? new Worker(address, { type: "module", name: "cliplet" }) : start();
  } catch (cause) {
    if (globalThis.location?.protocol === "file:") throw new ClipletError("unsupported", AS_FILE, { cause });
    const message = `the engine's script could not be started: ${/** @type {Error} */ (cause).message}. Serve the package's files from this page's site and name their folder as \`baseUrl\``;
    throw new ClipletError("unsupported", message, { cause });
  }
}

/**
 * Starts the engine's worker.
 * @param {{ workerUrl?: string }} host
 */
export const startEngineWorker = ({ workerUrl }) =>
  // Bundlers look for exactly this expression.
  startAt(
    workerUrl,
    () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "cliplet" }),
    "worker.js",
  );

/**
 * Starts the worker that speaks to the Hub.
 * @param {{ baseUrl?: string }} host
 */
export const startHubWorker = ({ baseUrl }) =>
  startAt(
    baseUrl && new URL("hub.js", baseUrl).href,
    () => new Worker(new URL("./hub.js", import.meta.url), { type: "module", name: "cliplet-hub" }),
    "hub.js",
  );
