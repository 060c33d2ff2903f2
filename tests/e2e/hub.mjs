// A stand-in for the Hugging Face Hub on loopback: serves the tiny snapshot as `some/tiny`, and the small models of every
// layout as `models/NAME`, with byte ranges, to any origin, and loses connections as configured.

import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const PARITY = fileURLToPath(new URL("../parity/", import.meta.url));
const FILES = ["README.md", "config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"];

/**
 * The files of a small model of a layout, with the tokenizer that all CLIPs share where it has none.
 * @param {string} name a folder of tests/parity/models
 */
export async function filesOfModel(name) {
  const folder = `${PARITY}models/${name}/`;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`);
  const names = paths.map((path) => path.slice(folder.length).replace(/^\/+/, ""));
  const files = new Map(await Promise.all(names.map(async (file) => [file, await readFile(folder + file)])));
  const own = names.some((file) => ["tokenizer.json", "spiece.model", "vocab.json", "vocab.txt"].includes(file));
  if (!own) files.set("tokenizer.json", await readFile(`${PARITY}tiny/tokenizer.json`));
  return files;
}

/**
 * Starts the stand-in. What is set on the answer counts for later requests:
 * `lose`: bytes of weights after which each connection breaks off (Infinity: none does);
 * `hang`: bytes of weights after which each connection stays open and silent (Infinity: none does);
 * `dead`: whether every request for weights breaks off at once;
 * `absent`: names of files that it does not have;
 * `etag`: the version of the weights. `served` counts their bytes; `requests` lists all of them.
 */
export async function startHub() {
  const files = new Map(await Promise.all(FILES.map(async (name) => [name, await readFile(`${PARITY}tiny/${name}`)])));
  /** Files of further repositories by their ids. */
  const repositories = new Map([["some/tiny", files]]);
  const hub = { lose: Infinity, hang: Infinity, dead: false, absent: [], etag: '"one"', served: 0, requests: [] };
  const server = createServer((request, response) => {
    const [, id, revision, name] = /^\/([\w.-]+\/[\w.-]+)\/resolve\/([^/]+)\/([\w./-]+)$/.exec(request.url) ?? [];
    const range = request.headers.range;
    hub.requests.push({ method: request.method, id, revision, name, range, body: request.headers["content-length"] });
    const cors = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "Range",
      "Access-Control-Expose-Headers": "ETag, Content-Range",
    };
    if (request.method === "OPTIONS") return response.writeHead(204, cors).end();
    const body = hub.absent.includes(name) ? undefined : repositories.get(id)?.get(name);
    if (!body) return response.writeHead(404, cors).end();
    const weights = name === "model.safetensors";
    if (weights && hub.dead) return request.socket.destroy();
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const part = body.subarray(from);
    const headers = { ...cors, ETag: hub.etag, "Content-Length": part.length, "Cache-Control": "no-store" };
    if (range) headers["Content-Range"] = `bytes ${from}-${body.length - 1}/${body.length}`;
    response.writeHead(range ? 206 : 200, headers);
    if (weights && part.length > hub.hang) {
      hub.served += hub.hang;
      return response.write(part.subarray(0, hub.hang));
    }
    if (!weights || part.length <= hub.lose) {
      if (weights) hub.served += part.length;
      return response.end(part);
    }
    hub.served += hub.lose;
    // The connection breaks only after the bytes were read: a browser drops those that it has not passed on.
    response.write(part.subarray(0, hub.lose), () => setTimeout(() => request.socket.destroy(), 1000));
  });
  await new Promise((ready, failed) => server.once("error", failed).listen(0, "127.0.0.1", ready));
  hub.url = `http://127.0.0.1:${server.address().port}`;
  hub.repositories = repositories;
  hub.size = files.get("model.safetensors").length;
  hub.close = () =>
    new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    });
  return hub;
}
