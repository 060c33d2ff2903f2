// Speaks to the Hugging Face Hub, in a worker of its own: the only context of the page whose policy
// allows another host, and one that is given addresses and never a picture.
// A request is { port, op: "text" | "download", address, from, version }; the port carries the answer,
// of a download one value for each "next", so that nothing piles up.

import { download, text } from "./download.js";

const sent = ({ code, message, status }) => ({ error: { code: typeof code === "string" ? code : "network", message, status } });

addEventListener("message", async ({ data: { port, op, address, from, version } }) => {
  const stop = new AbortController();
  if (op === "text") {
    port.postMessage(await text(address).then((value) => ({ value }), sent));
    return;
  }
  const chunks = download(address, { from, version, signal: stop.signal });
  port.onmessage = async ({ data: asked }) => {
    if (asked === "stop") return stop.abort();
    try {
      const { value, done } = await chunks.next();
      port.postMessage({ value, done });
    } catch (error) {
      port.postMessage(sent(error));
    }
  };
});
