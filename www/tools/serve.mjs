// Serves a folder on loopback with the headers that make a page cross-origin isolated (threads need
// shared memory, shared memory needs isolation). For development and tests; any static host will do.
//   node serve.mjs FOLDER [PORT]          PORT 0 takes any free one
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { HUB, policies } from "./policy.mjs";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".gguf": "application/octet-stream",
  ".html": "text/html; charset=utf-8",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json; charset=utf-8",
};

/**
 * Starts a server for `folder`.
 * @param {string} folder
 * @param {{port?: number, prefix?: string, isolated?: boolean, cors?: boolean, hub?: string, onRequest?: (path: string, request: string) => void}} options
 *   `prefix` serves the folder below a sub-path such as "/some/where/"; `isolated: false` leaves all headers out that a plain
 *   host does not set; `cors` lets other sites read the files, as a CDN does; `hub` is another Hub's origin;
 *   `onRequest(path, request)` is called with every request, which is its method and whole target.
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function serve(folder, { port = 0, prefix = "/", isolated = true, cors = false, hub, onRequest } = {}) {
  const root = await realpath(folder);
  const server = createServer(async (request, response) => {
    const headers = { "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff" };
    if (isolated) {
      headers["Cross-Origin-Opener-Policy"] = "same-origin";
      headers["Cross-Origin-Embedder-Policy"] = "require-corp";
    }
    if (cors) {
      headers["Access-Control-Allow-Origin"] = "*";
      headers["Cross-Origin-Resource-Policy"] = "cross-origin";
    }
    try {
      const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
      onRequest?.(path, `${request.method} ${request.url}`);
      const policy = policies[path.slice(prefix.length)];
      if (isolated && policy) headers["Content-Security-Policy"] = hub ? policy.replace(HUB, hub) : policy;
      if (!path.startsWith(prefix)) throw new Error("outside the prefix");
      let file = await realpath(join(root, path.slice(prefix.length)));
      if (file !== root && !file.startsWith(root + sep)) throw new Error("outside the folder");
      let found = await stat(file);
      if (found.isDirectory()) {
        file = join(file, "index.html");
        found = await stat(file);
      }
      headers["Content-Type"] = TYPES[extname(file)] ?? "application/octet-stream";
      headers["Content-Length"] = found.size;
      headers.ETag = `"${found.size.toString(16)}-${Math.floor(found.mtimeMs).toString(16)}"`;
      response.writeHead(200, headers);
      if (request.method === "HEAD") response.end();
      else createReadStream(file).pipe(response);
    } catch {
      response.writeHead(404, { ...headers, "Content-Type": "text/plain" }).end("not found\n");
    }
  });
  await new Promise((ready, failed) => server.once("error", failed).listen(port, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${server.address().port}${prefix}`,
    close: () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [folder, port = "8080"] = process.argv.slice(2);
  if (!folder) {
    console.error("usage: node serve.mjs FOLDER [PORT]");
    process.exit(2);
  }
  const start = (wanted) => serve(folder, { port: wanted });
  const { url } = await start(Number(port)).catch((error) => {
    if (error.code !== "EADDRINUSE") throw error;
    console.error(`Port ${port} is taken; using a free one.`);
    return start(0);
  });
  console.log(`cliplet is at ${url}  (Ctrl-C stops it)`);
}
