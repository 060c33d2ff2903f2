// Serves the page from the browser's cache, so that it works without a network. Every file of a version is fetched and
// checked before that version takes over, and answers come from one version alone. Every answer carries the headers that
// make the page cross-origin isolated and hold each of its workers to its policy. Of the WebAssembly modules, those of
// the kind named in this script's own address are cached (sw.js?kind=relaxed).

const VERSION = "development"; // the build writes a hash of all files here
const POLICIES = {}; // and here the Content-Security-Policy of each file that has one
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
      const all = Object.entries({ ...files, "./": files["index.html"], ...kinds[KIND] });
      try {
        // A file of another version fails its checksum: the site is being changed, and a later visit tries again.
        await cache.addAll(all.map(([file, integrity]) => new Request(file, { cache: "reload", integrity })));
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

/** A response with the headers for its file. */
function withHeaders(response, file) {
  if (response.type === "opaque" || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  if (POLICIES[file]) headers.set("Content-Security-Policy", POLICIES[file]);
  const body = [204, 304].includes(response.status) ? null : response.body;
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}

async function answer(request, file) {
  const cache = await caches.open(CACHE);
  const cached = await cache.match(request, { ignoreSearch: true });
  return withHeaders(cached ?? (await fetch(request)), file);
}

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  const folder = new URL(registration.scope).pathname;
  event.respondWith(answer(request, pathname.startsWith(folder) ? pathname.slice(folder.length) : null));
});
