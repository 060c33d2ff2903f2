// Where a model's bytes come from: an address, fetched once and kept by the browser, or a file.

const CACHE = "cliplet-models";

const failure = (code, message) => Object.assign(new Error(message), { code });

/** Cache storage is missing in some private modes and over plain http. */
async function storage() {
  try {
    return await globalThis.caches?.open(CACHE);
  } catch {
    return undefined;
  }
}

async function* read(stream, name) {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } catch {
    throw failure("network", `${name}: it stopped arriving; check the connection and try again`);
  } finally {
    reader.releaseLock();
  }
}

const nothing = async () => {};

function fromBlob(blob) {
  const opened = { name: blob.name ?? "model", cached: false, total: blob.size };
  return { ...opened, chunks: () => read(blob.stream(), opened.name), discard: nothing };
}

function lengthOf(response) {
  const length = response.headers.get("content-length");
  return length && !response.headers.has("content-encoding") ? Number(length) : undefined;
}

/** What tells two versions of a file apart; the length of an encoded answer is not the file's. */
function marks({ headers }) {
  const names = headers.has("content-encoding") ? ["etag", "last-modified"] : ["etag", "last-modified", "content-length"];
  return names.map((name) => [name, headers.get(name)]).filter(([, value]) => value !== null);
}

/** Whether the server now holds another version than the one kept; without a network, it does not. */
async function changed(address, kept, signal) {
  const now = await fetch(address, { method: "HEAD", cache: "no-cache", signal }).catch(() => null);
  return Boolean(now?.ok) && marks(now).some(([name, value]) => (kept.headers.get(name) ?? value) !== value);
}

async function fromAddress(address, signal) {
  const name = decodeURIComponent(new URL(address).pathname.split("/").pop()) || address;
  const cache = await storage();
  const forget = async () => void (await cache?.delete(address).catch(() => false));
  const kept = await cache?.match(address);
  if (kept && !(await changed(address, kept, signal))) {
    return { name, cached: true, total: lengthOf(kept), chunks: () => read(kept.body, name), discard: forget };
  }

  const download = new AbortController();
  signal.addEventListener("abort", () => download.abort());
  const response = await fetch(address, { signal: download.signal }).catch(() => {
    throw failure("network", `${name}: could not be fetched; check the address and the connection`);
  });
  if (!response.ok) throw failure("network", `${name}: the server answered ${response.status} ${response.statusText}`);
  const opened = { name, cached: false, total: lengthOf(response) };
  if (!cache) {
    const discard = async () => download.abort();
    return { ...opened, chunks: () => read(response.body, name), discard };
  }

  const [now, later] = response.body.tee();
  const headers = new Headers(marks(response));
  // A full disk must not stop the load: the model is then fetched again next time.
  const stored = cache.put(address, new Response(later, { headers })).catch(forget);
  const discard = async () => {
    download.abort();
    await stored;
    await forget();
  };
  return { ...opened, chunks: () => read(now, name), discard };
}

/**
 * Opens a model for reading.
 * @param {string | Blob} source an absolute address, or a file
 * @param {AbortSignal} signal stops a download at any time
 * @returns `name`, `cached` (whether it came from the cache), `total` bytes where known, `chunks()` to
 *   read once, and `discard()` when the model was not good: the download stops and what was cached is
 *   forgotten.
 */
export async function open(source, signal) {
  return source instanceof Blob ? fromBlob(source) : fromAddress(source, signal);
}
