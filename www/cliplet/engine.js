// An engine that cannot be killed: a worker with a loaded model, which is replaced by another when it stops.

import { withDeprecated } from "./deprecated.js";
import { asClipletError, ClipletError, cancelled } from "./errors.js";
import { hostOptions } from "./host.js";
import { lookUp } from "./model-cache.js";
import { sourceName, toSentSource } from "./model-source.js";
import { compiledModules, disposed, EngineStopped, WorkerClient } from "./worker-client.js";

/** @typedef {import("./types.js").LoadOptions} LoadOptions */
/** @typedef {import("./types.js").Info} Info */

/** Milliseconds from the begin of a load for which a new version is waited for where a whole copy is cached. */
const WAIT_FOR_NEWEST = 3_000;
const SMALL_MODEL = "models/cliplet-everyday.gguf";

/** Address of the small model that comes with the package. */
export const DEFAULT_MODEL = beside();

function beside() {
  try {
    return new URL("./models/cliplet-everyday.gguf", import.meta.url).href;
  } catch {
    // A bundle of the old kind has no address of its own.
    return SMALL_MODEL;
  }
}

/**
 * All that loads a model again.
 * @typedef {object} Recipe
 * @property {import("./model-source.js").SentSource} source
 * @property {{ baseUrl?: string, workerUrl?: string }} host
 * @property {Settings} settings of the worker's operation "load"
 */

/**
 * @typedef {object} Settings
 * @property {number} threads
 * @property {import("./types.js").Variant} [variant]
 * @property {string} quant
 * @property {boolean} cache
 * @property {string} [hub]
 * @property {number} [stallTimeout]
 * @property {string} [baseUrl]
 * @property {boolean} [refresh] passes over the cached copy
 */

/** @typedef {{ client: WorkerClient, info: any }} Started */

/**
 * A request's arguments, with the buffers to be moved; made anew for every attempt, since moved buffers are gone.
 * @typedef {{ args: object, transfer?: Transferable[] }} Sent
 */

const defaultThreads = () => Math.max(1, Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, 8));

/**
 * @param {unknown} source
 * @param {LoadOptions} options
 * @returns {Recipe}
 */
function recipeOf(source, options) {
  const { threads = defaultThreads(), variant, quant = "q8", hub, stallTimeout } = options;
  const host = hostOptions(options);
  const named = source ?? (host.baseUrl ? new URL(SMALL_MODEL, host.baseUrl) : DEFAULT_MODEL);
  const cache = options.cache ?? options.keep ?? true;
  const settings = { threads, variant, quant, cache, hub, stallTimeout, baseUrl: host.baseUrl };
  return { source: toSentSource(named, hub), host, settings };
}

/**
 * Starts a worker and loads a model into it.
 * @param {Recipe} recipe
 * @param {Set<WorkerClient>} loading holds the worker's client until the model is loaded
 * @param {{ signal?: AbortSignal, onProgress?: LoadOptions["onProgress"] }} [options]
 * @returns {Promise<Started>}
 */
async function start({ source, host, settings }, loading, { signal, onProgress } = {}) {
  if (signal?.aborted) throw cancelled(signal);
  const client = new WorkerClient(host);
  loading.add(client);
  try {
    // While the worker starts.
    const found = typeof source === "string" ? await lookUp(source, settings.quant) : undefined;
    const args = {
      source,
      found,
      ...settings,
      compiled: compiledModules,
      alarm: client.alarm,
      report: Boolean(onProgress),
    };
    const info = await client.request("load", args, { signal, onProgress });
    return { client, info };
  } catch (error) {
    client.close(error);
    throw asClipletError(error, { item: sourceName(source) });
  } finally {
    loading.delete(client);
  }
}

/**
 * @param {any} info as the worker tells it
 * @param {number} restarts
 * @returns {Info}
 */
const described = (info, restarts) =>
  withDeprecated({ ...info, restarts }, { kept: "cached", keepProblem: "cacheError" }, "info");

export class Engine {
  /** @type {WorkerClient | null} */
  #client = null;
  /** @type {Recipe | null} */
  #recipe = null;
  /** @type {Info | null} */
  #info = null;
  /** @type {Promise<WorkerClient> | null} */
  #recovering = null;
  #restarts = 0;
  #disposed = false;
  /** Clients of workers that load a model. @type {Set<WorkerClient>} */
  #loading = new Set();
  /** Counts loads; the last one asked for stays, whichever ends last. */
  #loads = 0;
  /** Number of the load that is in use. */
  #inUse = 0;
  /** Stops the download of a new version. @type {AbortController | null} */
  #fetching = null;

  /** @returns {Info} */
  get info() {
    return /** @type {Info} */ (this.#info);
  }

  /**
   * Loads a model into a worker of its own: its memory is sized to the model, and that of the model before is given back
   * whole. On failure that one stays. Of several loads at once the one that was asked for last stays.
   * @param {unknown} source
   * @param {LoadOptions} options
   */
  async load(source, options) {
    if (this.#disposed) throw disposed();
    const recipe = recipeOf(source, options);
    const begun = performance.now();
    const load = ++this.#loads;
    const cached = await start(recipe, this.#loading, options);
    const { client, info } = cached.info.outdated ? await this.#newest(recipe, cached, begun) : cached;
    if (this.#disposed) {
      client.close(disposed());
      throw disposed();
    }
    if (load < this.#inUse) {
      client.close(disposed());
      throw new ClipletError("cancelled", "another model was loaded meanwhile");
    }
    this.#inUse = load;
    const previous = this.#client;
    [this.#client, this.#recipe, this.#restarts] = [client, recipe, 0];
    this.#info = described(info, 0);
    await previous?.closeWhenIdle();
  }

  /**
   * Fetches the version that the server has by now. The cached copy is used unless the new one is ready shortly; it then
   * goes on arriving for the next load.
   * @param {Recipe} recipe
   * @param {Started} cached
   * @param {number} begun when the load began
   * @returns {Promise<Started>}
   */
  async #newest(recipe, cached, begun) {
    this.#fetching?.abort();
    const stop = new AbortController();
    this.#fetching = stop;
    const fetching = start({ ...recipe, settings: { ...recipe.settings, refresh: true } }, this.#loading, {
      signal: stop.signal,
    });
    const timeIsUp = new Promise((resolve) => setTimeout(resolve, WAIT_FOR_NEWEST - (performance.now() - begun)));
    const newest = await Promise.race([fetching.catch(() => undefined), timeIsUp]);
    if (newest) {
      cached.client.close(disposed());
      return /** @type {Started} */ (newest);
    }
    if (!recipe.settings.cache) stop.abort();
    fetching.then(
      ({ client }) => client.close(disposed()),
      () => {},
    );
    return cached;
  }

  async refreshInfo() {
    this.#info = described(await this.request("info", {}), this.#restarts);
    return this.#info;
  }

  /** The worker, started again where it has stopped. */
  async #alive() {
    if (this.#disposed) throw disposed();
    if (this.#client?.alive) return this.#client;
    this.#recovering ??= this.#recover().finally(() => {
      this.#recovering = null;
    });
    return this.#recovering;
  }

  async #recover() {
    try {
      const { client, info } = await start(/** @type {Recipe} */ (this.#recipe), this.#loading);
      if (this.#disposed) {
        client.close(disposed());
        throw disposed();
      }
      this.#client = client;
      this.#restarts += 1;
      this.#info = described(info, this.#restarts);
      return client;
    } catch (cause) {
      if (this.#disposed) throw disposed();
      const { message } = /** @type {Error} */ (cause);
      throw new ClipletError("engine", `the engine stopped and could not be started again: ${message}`, { cause });
    }
  }

  /**
   * Sends a request. When the engine stops it is started again; requests that waited are sent again, and so is the one at
   * work, until that has stopped it `attempts` times.
   * @param {string} op
   * @param {object | (() => Promise<Sent>)} args the arguments, or what makes them
   * @param {{ signal?: AbortSignal, onProgress?: (progress: any) => void, attempts?: number }} [options]
   * @returns {Promise<any>}
   */
  async request(op, args, { signal, onProgress, attempts = 2 } = {}) {
    for (let stops = 0; ; ) {
      const client = await this.#alive();
      /** @type {Sent} */
      const sent = typeof args === "function" ? await args() : { args };
      try {
        return await client.request(op, sent.args, { signal, onProgress, transfer: sent.transfer });
      } catch (error) {
        if (!(error instanceof EngineStopped)) throw error;
        if (error.culprit) stops += 1;
        // Whoever asks next finds it running.
        const recovered = this.#alive();
        recovered.catch(() => {});
        if (stops >= attempts) throw error;
        if (signal?.aborted) throw cancelled(signal);
      }
    }
  }

  dispose() {
    this.#disposed = true;
    this.#fetching?.abort();
    for (const client of this.#loading) client.close(disposed());
    this.#client?.close(disposed());
  }
}

/**
 * @param {unknown} source
 * @param {import("./types.js").InspectOptions} options
 * @returns {Promise<import("./types.js").Inspection>}
 */
export async function inspectModel(source, { quant = "q8", hub, signal, ...places }) {
  const host = hostOptions(places);
  const sent = toSentSource(source, hub);
  if (signal?.aborted) throw cancelled(signal);
  const client = new WorkerClient(host);
  try {
    const found = await client.request("inspect", { source: sent, quant, hub, baseUrl: host.baseUrl }, { signal });
    return withDeprecated(found, { kept: "cached" }, "inspection");
  } catch (error) {
    throw asClipletError(error, { item: sourceName(sent) });
  } finally {
    client.close(disposed());
  }
}
