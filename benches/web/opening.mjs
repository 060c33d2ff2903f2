// Runs in a page just opened, as on a second visit: one engine, from its start to a cached model that is ready.

/**
 * @param {{engine: "cliplet" | "peer", variant?: string, threads: number, rest: number}} row
 *   `rest` is the pause before each timed run, in milliseconds
 * @returns milliseconds to a model that is ready: with the engine's own start, and again in the same page
 */
export async function opening({ engine, variant, threads, rest }) {
  const pause = () => new Promise((resume) => setTimeout(resume, rest));
  let clip = null;
  /** Each loads, and gives what is to be done before the next load. */
  const loads = {
    async cliplet() {
      const { Cliplet } = await import("./cliplet/index.js");
      const options = { ...(variant ? { variant } : {}), threads };
      clip = await (clip ? clip.replace("model.gguf", options) : Cliplet.load("model.gguf", options));
      // After a first load of all the engine writes its own cache, for seconds.
      return async () => {
        while (!(await Cliplet.listCached()).every(({ joined }) => joined)) await pause();
      };
    },
    async peer() {
      const ort = await import("./ort/ort.wasm.min.mjs");
      ort.env.wasm.wasmPaths = new URL("./ort/", document.baseURI).href;
      ort.env.wasm.numThreads = threads;
      // Its files lie in Cache storage, as a page would keep them.
      const cache = await caches.open("peer");
      const read = async (name) => {
        const found = await cache.match(name);
        if (!found) await cache.add(name);
        return new Uint8Array(await (found ?? (await cache.match(name))).arrayBuffer());
      };
      const files = await Promise.all(["peer/vision.onnx", "peer/text.onnx"].map(read));
      const sessions = [];
      for (const file of files) sessions.push(await ort.InferenceSession.create(file, { executionProviders: ["wasm"] }));
      return () => Promise.all(sessions.map((session) => session.release()));
    },
  };
  const times = [];
  for (let turn = 0; turn < 2; turn += 1) {
    await pause();
    const start = performance.now();
    const done = await loads[engine]();
    times.push(performance.now() - start);
    await done();
  }
  return times;
}
