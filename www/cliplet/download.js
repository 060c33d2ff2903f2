// A file over the network, byte by byte in order, whatever the connection does: what is lost or stalls is asked for again
// from where it stopped, and never mixed with another version of the file.

import { ClipletError } from "./errors.js";

/** Further attempts after the last byte that came, and before any came. */
const ATTEMPTS = 5;
const FIRST_ATTEMPTS = 1;
/** Pause before the first further attempt, doubled each time, in milliseconds. */
const PAUSE = 400;
/** Milliseconds without a byte after which a download is asked for again, unless the caller says otherwise. */
export const STALL_TIMEOUT = 15_000;
/** Milliseconds after which a server is no longer asked whether it has another version. */
export const LOOK_TIMEOUT = 3_000;

/**
 * Properties that tell two versions of a file apart.
 * @typedef {{ etag?: string, modified?: string | number, total?: number }} FileVersion
 */

/**
 * An error, with the `status` that a server answered where it did.
 * @param {import("./errors.js").ErrorCode} code
 * @param {string} message
 * @param {{ status?: number, cause?: unknown, item?: string }} [details]
 */
export function failure(code, message, { status, ...details } = {}) {
  const error = new ClipletError(code, message, details);
  return status === undefined ? error : Object.assign(error, { status });
}

/**
 * The file's name in an address: the last part of its path, as it stands where its percent signs encode nothing.
 * @param {string} address
 */
export function fileNameOf(address) {
  const last = new URL(address).pathname.split("/").pop() ?? "";
  try {
    return decodeURIComponent(last) || address;
  } catch {
    return last;
  }
}

/** @param {Response} response */
const encoded = ({ headers }) => headers.has("content-encoding");

/**
 * Size of the whole file, as far as the answer from byte `from` on tells: an encoded one does not.
 * @param {Response} response
 */
function totalOf(response, from = 0) {
  const length = response.headers.get("content-length");
  if (length === null || encoded(response)) return undefined;
  return Number(length) + (response.status === 206 ? from : 0);
}

/**
 * @param {Response} response
 * @param {number} [from]
 * @returns {FileVersion}
 */
function versionOf(response, from) {
  const { headers } = response;
  const etag = headers.get("etag")?.replace(/^W\//, "");
  const marks = { etag, modified: headers.get("last-modified"), total: totalOf(response, from) };
  return Object.fromEntries(Object.entries(marks).filter(([, mark]) => mark !== undefined && mark !== null));
}

/**
 * True if both answers are of the same version of a file.
 * @param {FileVersion} a
 * @param {FileVersion} b
 */
export const sameVersion = (a, b) =>
  /** @type {(keyof FileVersion)[]} */ (Object.keys(a)).every((mark) => b[mark] === undefined || a[mark] === b[mark]);

/** @param {Response} response */
const isWebPage = ({ headers }) => /^text\/html\b/i.test(headers.get("content-type") ?? "");

/**
 * The version that the server has of a file, or null where it cannot be asked, has none, or takes too long.
 * @param {string} address
 * @param {AbortSignal} [signal]
 * @returns {Promise<FileVersion | null>}
 */
export async function serverVersion(address, signal) {
  const stop = linked(signal);
  const timer = setTimeout(() => stop.abort(), LOOK_TIMEOUT);
  try {
    const response = await fetch(address, { method: "HEAD", cache: "no-cache", signal: stop.signal });
    return response.ok && !isWebPage(response) ? versionOf(response) : null;
  } catch {
    signal?.throwIfAborted();
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A controller that is aborted with `signal`, and by itself.
 * @param {AbortSignal} [signal]
 */
function linked(signal) {
  const controller = new AbortController();
  if (signal?.aborted) controller.abort(signal.reason);
  signal?.addEventListener("abort", () => controller.abort(signal.reason), { once: true, signal: controller.signal });
  return controller;
}

class Stalled extends Error {}

/**
 * The result of `promise`, or an error if that takes longer than `limit` milliseconds.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} limit
 * @returns {Promise<T>}
 */
function within(promise, limit) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Stalled(`nothing arrived for ${limit / 1000} s`)), limit);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * Asks for the bytes from `from` on; where the server sends all of them, `skip` says how many to drop.
 * @param {string} address
 * @param {number} from
 * @param {{ version?: FileVersion, ranges: boolean, signal: AbortSignal, page: boolean }} options
 */
async function request(address, from, { version, ranges, signal, page }) {
  const part = from > 0 && ranges;
  // A cached answer could be of another version than the one that is being continued.
  /** @type {RequestInit} */
  const options = part ? { headers: { Range: `bytes=${from}-` }, cache: "no-store", signal } : { signal };
  const response = await fetch(address, options);
  const name = fileNameOf(address);
  if (!response.ok) {
    const answered = `${name}: the server answered ${response.status} ${response.statusText}`.trim();
    const { status } = response;
    const passing = status >= 500 || status === 429 || status === 408;
    throw Object.assign(failure("network", answered, { status, item: address }), { passing });
  }
  if (isWebPage(response) && !page) {
    const message = `${name}: the server answered with a web page, not with the file; check the address, and whether this network wants a sign-in`;
    throw failure("network", message, { item: address });
  }
  const now = versionOf(response, from);
  if (version && !sameVersion(version, now)) {
    throw failure("changed", `${name}: the file on the server has changed; load it again`, { item: address });
  }
  return { response, version: version ?? now, skip: response.status === 206 ? 0 : from };
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
const rest = (milliseconds, signal) =>
  new Promise((resume) => {
    const timer = setTimeout(resume, milliseconds);
    const wake = () => {
      clearTimeout(timer);
      resume();
    };
    signal?.addEventListener("abort", wake, { once: true });
  });

/**
 * @typedef {object} DownloadOptions
 * @property {number} [from] the first byte wanted
 * @property {FileVersion} [version] of an earlier download: if the file is another now, this fails with the code "changed"
 * @property {AbortSignal} [signal]
 * @property {number} [stallTimeout] milliseconds without a byte after which it is asked for again
 * @property {boolean} [page] whether a web page may be what is wanted
 */

/** @typedef {{ version: FileVersion, total?: number }} Opening */

/**
 * Downloads a file. First yields `{ version, total }`, then chunks of bytes.
 * @param {string} address
 * @param {DownloadOptions} [options]
 * @returns {AsyncGenerator<any, void, void>}
 */
export async function* download(
  address,
  { from = 0, version, signal, stallTimeout = STALL_TIMEOUT, page = false } = {},
) {
  let at = from;
  let ranges = true;
  let begun = false;
  for (let attempt = 0; ; attempt += 1) {
    const stop = linked(signal);
    try {
      /** @type {Awaited<ReturnType<typeof request>>} */
      const opened = await within(request(address, at, { version, ranges, signal: stop.signal, page }), stallTimeout);
      const { version: now } = opened;
      version = now;
      ranges &&= !encoded(opened.response);
      if (!begun) yield { version, total: now.total };
      begun = true;
      const { body } = opened.response;
      for await (const chunk of withoutFirst(
        opened.skip,
        chunksOf(/** @type {ReadableStream<Uint8Array>} */ (body), stallTimeout),
      )) {
        at += chunk.length;
        attempt = 0;
        yield chunk;
      }
      if (now.total === undefined || at >= now.total) return;
      throw new Error("it ended early");
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ClipletError && !(/** @type {any} */ (error).passing)) throw error;
      const offline = globalThis.navigator?.onLine === false;
      if (attempt >= (begun ? ATTEMPTS : FIRST_ATTEMPTS) || (offline && !begun)) throw gaveUp(address, begun, error);
      await rest(PAUSE * 2 ** attempt, signal);
    } finally {
      // Ends a connection that stalled, or that nobody reads on.
      stop.abort();
    }
  }
}

/**
 * @param {string} address
 * @param {boolean} begun whether anything came
 * @param {unknown} cause
 */
function gaveUp(address, begun, cause) {
  if (cause instanceof ClipletError) return cause;
  const name = fileNameOf(address);
  const stalled = cause instanceof Stalled ? ` (${cause.message})` : "";
  const message = begun
    ? `${name}: it stopped arriving${stalled}; check the connection and try again`
    : `${name}: could not be fetched${stalled}; check the address and the connection`;
  return failure("network", message, { cause, item: address });
}

/**
 * The chunks of a stream, which is cancelled when the caller stops reading.
 * @template T
 * @param {ReadableStream<T>} stream
 * @param {number} [stallTimeout]
 */
export async function* chunksOf(stream, stallTimeout) {
  const reader = stream.getReader();
  const next = () => (stallTimeout === undefined ? reader.read() : within(reader.read(), stallTimeout));
  try {
    for (let read = await next(); !read.done; read = await next()) yield read.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Chunks without their first `skip` bytes.
 * @param {number} skip
 * @param {AsyncIterable<Uint8Array>} chunks
 */
async function* withoutFirst(skip, chunks) {
  for await (const whole of chunks) {
    const chunk = whole.subarray(Math.min(skip, whole.length));
    skip -= whole.length - chunk.length;
    if (chunk.length > 0) yield chunk;
  }
}

/**
 * A small file, or undefined where the server has none.
 * @param {string} address
 * @param {AbortSignal} [signal]
 */
export async function smallFile(address, signal) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  try {
    for await (const piece of download(address, { signal, page: true }))
      if (piece instanceof Uint8Array) pieces.push(/** @type {any} */ (piece));
  } catch (error) {
    if (/** @type {{ status?: number }} */ (error).status === 404) return undefined;
    throw error;
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
