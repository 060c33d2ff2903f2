// Speaks to the Hugging Face Hub, in a worker of its own: the only context of the page whose policy allows another host,
// and one that is given addresses and never an image.
// A request is { port, op: "file" | "download", address, from, version, stallTimeout }; the port carries the answer, of a
// download one value for each "next", so that nothing piles up.

import { download, smallFile } from "./download.js";
import { toSent } from "./errors.js";

/** @param {unknown} error */
const sent = (error) => ({ error: toSent(error, "network") });

addEventListener("message", async ({ data: { port, op, address, ...options } }) => {
  const stop = new AbortController();
  if (op === "file") {
    port.postMessage(await smallFile(address).then((value) => ({ value }), sent));
    return;
  }
  const chunks = download(address, { ...options, signal: stop.signal });
  port.onmessage = async (/** @type {MessageEvent} */ { data: asked }) => {
    if (asked === "stop") return stop.abort();
    try {
      const { value, done } = await chunks.next();
      port.postMessage({ value, done });
    } catch (error) {
      port.postMessage(sent(error));
    }
  };
});
