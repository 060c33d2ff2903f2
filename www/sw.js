// Keeps the page: every file of a version is fetched before it takes over, answers come from that
// version alone, and every answer carries the headers that make the page cross-origin isolated.
// Of the WebAssembly modules it keeps the kind named in its own address (sw.js?kind=relaxed).

const VERSION = "development"; // the build writes a hash of all files here
const PREFIX = `cliplet-page ${registration.scope} `;
const CACHE = PREFIX + VERSION;
const KIND = new URL(location.href).searchParams.get("kind");

addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const response = await fetch("precache.json", { cache: "no-store" });
      const { version, files, kinds } = await response.json();
      if (version !== VERSION) throw new Error(`the site holds version ${version}, this worker is ${VERSION}`);
      const cache = await caches.open(CACHE);
      try {
        await cache.addAll(["./", ...files, ...(kinds[KIND] ?? [])].map((file) => new Request(file, { cache: "reload" })));
      } catch (error) {
        await caches.delete(CACHE);
        throw error;
      }
      if (!registration.active) await skipWaiting();
    })(),
  );
});

addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
      await Promise.all(old.map((name) => caches.delete(name)));
      await clients.claim();
    })(),
  );
});

addEventListener("message", ({ data }) => data === "activate" && skipWaiting());

/** The same response with isolation headers. */
function isolated(response) {
  if (response.type === "opaque" || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const body = [204, 304].includes(response.status) ? null : response.body;
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  return isolated(kept ?? (await fetch(request)));
}

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === location.origin) event.respondWith(answer(request));
});
