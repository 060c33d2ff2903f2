// Stand-ins for what browsers have and Node.js has not, for the unit tests.

/** Cache storage in memory, as much of it as the package uses. */
class MemoryCache {
  #entries = new Map();
  /** Set by tests: throws for every `put` when it returns an error. */
  refuse = () => null;

  async put(address, response) {
    const error = this.refuse(String(address));
    if (error) throw error;
    this.#entries.set(String(address), await response.blob());
  }

  async match(address) {
    const body = this.#entries.get(String(address.url ?? address));
    return body && new Response(body);
  }

  async keys() {
    return [...this.#entries.keys()].map((url) => ({ url }));
  }

  async delete(address) {
    return this.#entries.delete(String(address.url ?? address));
  }
}

/** Puts Cache storage into the global scope; gives its caches by name. */
export function withCaches() {
  const opened = new Map();
  globalThis.caches = {
    async open(name) {
      if (!opened.has(name)) opened.set(name, new MemoryCache());
      return opened.get(name);
    },
  };
  globalThis.location = { origin: "http://localhost", protocol: "http:", href: "http://localhost/" };
  return opened;
}

/**
 * Answers `fetch` by `answer(request)`, which gives a Response, throws, or gives a promise.
 * @param {(request: { address: string, from: number, method: string, count: number, signal?: AbortSignal }) => any} answer
 */
export function withFetch(answer) {
  const requests = [];
  globalThis.fetch = async (address, options = {}) => {
    const from = Number(/bytes=(\d+)-/.exec(options.headers?.Range ?? "")?.[1] ?? 0);
    const request = { address: String(address), from, method: options.method ?? "GET", signal: options.signal };
    requests.push(request);
    return answer({ ...request, count: requests.length });
  };
  return requests;
}

/**
 * A body that gives `bytes`, then breaks off or goes silent.
 * @param {Uint8Array} bytes
 * @param {"end" | "break" | "silence"} after
 */
export function body(bytes, after = "end") {
  let sent = false;
  return new ReadableStream({
    pull(controller) {
      if (!sent) {
        sent = true;
        controller.enqueue(bytes);
      } else if (after === "end") controller.close();
      else if (after === "break") controller.error(new TypeError("network error"));
      else return new Promise(() => {});
    },
  });
}
