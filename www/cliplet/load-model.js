// Loads a model, whatever state the cache and the network are in: the cached copy is used first, all tabs share one
// download, and nothing that is cached is deleted before its replacement is complete.

import { cacheRoot } from "./cache-keys.js";
import { isSpoilt } from "./loading.js";
import { findModel } from "./model-cache.js";
import { modelStorage } from "./model-storage.js";
import { openSource } from "./source.js";

/** @typedef {import("./source.js").Opened} Opened */

/**
 * @typedef {object} LoadRequest
 * @property {import("./model-source.js").SentSource} source
 * @property {Omit<import("./source.js").OpenOptions, "anew" | "restart">} open
 * @property {boolean} cache whether the model may be cached
 * @property {boolean} refresh passes over the copy that is cached
 * @property {(opened: Opened) => Promise<any>} take loads what was opened
 * @property {(loaded: number, total: number | null) => void} report tells of bytes that another tab has
 */

/** @typedef {{ taken: any, opened: Opened }} Loaded */

/**
 * Loads a model; `take` is called for each attempt.
 * @param {LoadRequest} request
 * @returns {Promise<Loaded>}
 */
export async function loadModel(request) {
  const opened = await openSource(request.source, { ...request.open, anew: request.refresh });
  const later = { ...request, open: { ...request.open, found: undefined } };
  return opened.cached ? fromCache(opened, later, (anew) => download(anew, later)) : download(opened, later);
}

/**
 * Loads the cached copy. One that is damaged, or of an older version, comes anew from where it came.
 * @param {Opened} opened
 * @param {LoadRequest} request
 * @param {(opened: Opened) => Promise<Loaded>} fetchAnew
 * @returns {Promise<Loaded>}
 */
async function fromCache(opened, request, fetchAnew) {
  for (let again = false; opened.cached; again = true) {
    try {
      return { taken: await request.take(opened), opened };
    } catch (error) {
      if (!isSpoilt(error)) throw error;
      // Another engine may have replaced the copy, or made one file of its parts, while they were read.
      const moved = !again && (await hasMoved(opened));
      opened = await openSource(request.source, { ...request.open, anew: !moved }).catch(() => {
        throw error;
      });
    }
  }
  return fetchAnew(opened);
}

/** @param {Opened} opened */
async function hasMoved({ key, cached }) {
  const { whole } = await findModel(key);
  return Boolean(
    whole && (whole.key !== cached?.key || whole.joined !== cached?.joined || whole.saved !== cached?.saved),
  );
}

/**
 * @param {Opened} opened
 * @param {LoadRequest} request
 */
async function download(opened, request) {
  const sharing = request.cache && opened.cacheable && globalThis.navigator?.locks && (await modelStorage());
  return sharing ? shared(opened, request) : attempts(opened, request);
}

/**
 * @param {Opened} opened
 * @param {LoadRequest} request
 */
async function attempts(opened, { source, open, cache, refresh, take }) {
  /** @param {Opened} one */
  const allowed = (one) => ({ ...one, cacheable: one.cacheable && cache });
  try {
    return { taken: await take(allowed(opened)), opened };
  } catch (error) {
    // The resumed part is damaged, or the server has another version by now: the download starts again from zero.
    if (!opened.resumed || !isSpoilt(error)) throw error;
    const fresh = await openSource(source, { ...open, anew: refresh || Boolean(opened.cached), restart: true });
    return { taken: await take(allowed(fresh)), opened: fresh };
  }
}

/** @param {string} key */
const channelOf = (key) => `cliplet-download ${cacheRoot()}${key}`;

/** @type {BroadcastChannel | null} */
let listeners = null;

/**
 * Tells other tabs, which wait for a download of this engine, how far it is.
 * @param {number} loaded
 * @param {number | null} total
 */
export function announce(loaded, total) {
  listeners?.postMessage({ loaded, total });
}

/**
 * Downloads a model that no other engine is downloading; one that is waits for it and takes its copy.
 * @param {Opened} opened
 * @param {LoadRequest} request
 */
async function shared(opened, request) {
  const name = channelOf(opened.key);
  const { signal } = request.open;
  /** @param {Opened} one */
  const work = async (one) => {
    listeners = new BroadcastChannel(name);
    try {
      return await attempts(one, request);
    } finally {
      listeners.close();
      listeners = null;
    }
  };
  const first = await navigator.locks.request(
    name,
    { ifAvailable: true },
    async (lock) => lock && { value: await work(opened) },
  );
  if (first) return first.value;
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data: { loaded, total } }) => request.report(loaded, total);
  try {
    return await navigator.locks.request(name, { signal }, async () => {
      const now = await openSource(request.source, request.open);
      return now.cached ? fromCache(now, request, work) : work(now);
    });
  } finally {
    channel.close();
  }
}
