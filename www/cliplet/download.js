// A file over the network, byte by byte in order, whatever the connection does: what is lost is asked
// for again from where it stopped, and never mixed with another version of the file.

/** How often it is asked again before anything came. */
const ATTEMPTS = 5;
/** Pause before the first further attempt, doubled each time, in milliseconds. */
const PAUSE = 400;

/** An error with a `code`, and the `status` that a server answered where it did. */
export const failure = (code, message, status) => Object.assign(new Error(message), { code, status });

/** The last part of an address's path; as it stands where its percent signs encode nothing. */
export function nameOf(address) {
  const last = new URL(address).pathname.split("/").pop();
  try {
    return decodeURIComponent(last) || address;
  } catch {
    return last;
  }
}

const encoded = ({ headers }) => headers.has("content-encoding");

/** Size of the whole file, as far as the answer from byte `from` on tells: an encoded one does not. */
function totalOf(response, from = 0) {
  const length = response.headers.get("content-length");
  if (length === null || encoded(response)) return undefined;
  return Number(length) + (response.status === 206 ? from : 0);
}

/** What tells two versions of a file apart. */
function versionOf(response, from) {
  const { headers } = response;
  const etag = headers.get("etag")?.replace(/^W\//, "");
  const marks = { etag, modified: headers.get("last-modified"), total: totalOf(response, from) };
  return Object.fromEntries(Object.entries(marks).filter(([, mark]) => mark !== undefined && mark !== null));
}

/** Whether what both answers tell of the file is the same. */
export const sameVersion = (a, b) => Object.keys(a).every((mark) => b[mark] === undefined || a[mark] === b[mark]);

/** What the server says about a file, or null where it cannot be asked. */
export async function look(address, signal) {
  const response = await fetch(address, { method: "HEAD", cache: "no-cache", signal }).catch(() => null);
  signal?.throwIfAborted();
  return response && { found: response.ok, status: response.status, version: versionOf(response) };
}

/** Asks for the bytes from `from` on; where the server sends all of them, `skip` says how many to drop. */
async function request(address, from, { version, ranges, begun, signal }) {
  const part = from > 0 && ranges;
  // A cached answer could be of another version than the one that is being continued.
  const options = part ? { headers: { Range: `bytes=${from}-` }, cache: "no-store", signal } : { signal };
  const response = await fetch(address, options);
  if (!response.ok) {
    const answered = `${nameOf(address)}: the server answered ${response.status} ${response.statusText}`.trim();
    const passing = begun && (response.status >= 500 || response.status === 429);
    throw passing ? new Error(answered) : failure("network", answered, response.status);
  }
  const now = versionOf(response, from);
  if (version && !sameVersion(version, now)) {
    throw failure("changed", `${nameOf(address)}: the file on the server has changed; load it again`);
  }
  return { response, version: version ?? now, skip: response.status === 206 ? 0 : from };
}

const rest = (milliseconds, signal) =>
  new Promise((resume) => {
    const timer = setTimeout(resume, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resume()), { once: true });
  });

/**
 * Downloads a file from byte `from` on. First yields `{ version, total }`, then chunks of bytes.
 * @param {string} address
 * @param {{from?: number, version?: object, signal?: AbortSignal}} options `version` is what an earlier
 *   download told: if the file is another now, this fails with the code "changed".
 */
export async function* download(address, { from = 0, version, signal } = {}) {
  let at = from;
  let ranges = true;
  let begun = false;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const opened = await request(address, at, { version, ranges, begun, signal });
      version = opened.version;
      ranges &&= !encoded(opened.response);
      if (!begun) yield { version, total: version.total };
      begun = true;
      for await (const chunk of after(opened.skip, opened.response.body)) {
        at += chunk.length;
        attempt = 0;
        yield chunk;
      }
      if (version.total === undefined || at >= version.total) return;
      throw new Error("it ended early");
    } catch (error) {
      signal?.throwIfAborted();
      if (error.code === "changed" || error.code === "network") throw error;
      if (!begun) throw failure("network", `${nameOf(address)}: could not be fetched; check the address and the connection`);
      if (attempt >= ATTEMPTS) throw failure("network", `${nameOf(address)}: it stopped arriving; check the connection and try again`);
      await rest(PAUSE * 2 ** attempt, signal);
    }
  }
}

/** What a stream holds, chunk by chunk; it is told when nobody reads on. */
export async function* chunksOf(stream) {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The chunks of a body without its first `skip` bytes. */
async function* after(skip, body) {
  for await (const whole of chunksOf(body)) {
    const chunk = whole.subarray(Math.min(skip, whole.length));
    skip -= whole.length - chunk.length;
    if (chunk.length > 0) yield chunk;
  }
}

/** A small text file, or undefined where the server has none. */
export async function text(address, signal) {
  const pieces = [];
  try {
    for await (const piece of download(address, { signal })) if (piece instanceof Uint8Array) pieces.push(piece);
  } catch (error) {
    if (error.status === 404) return undefined;
    throw error;
  }
  return new Blob(pieces).text();
}
