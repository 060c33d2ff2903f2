// Content-Security-Policy of each kind of context. The service worker and the development server send
// them; a host can too. The page states its own in index.html as well, for hosts that set no headers.

export const HUB = "https://huggingface.co https://*.huggingface.co https://*.hf.co";

const WORKER = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

/** Policies by the file that they are sent with. */
export const policies = {
  /** The engine, which sees pictures, speaks to its own site only. */
  "cliplet/worker.js": `${WORKER}; connect-src 'self'`,
  /** The one context that may speak to the Hub; it is started when a person asks for a model from there. */
  "cliplet/hub.js": `${WORKER}; connect-src ${HUB}`,
};

/** The page's own, as its meta element states it. */
export const pagePolicy = (html) => /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html)?.[1];
