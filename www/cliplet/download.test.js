import assert from "node:assert/strict";
import { test } from "node:test";
import { download, fileNameOf, sameVersion, serverVersion, smallFile } from "./download.js";
import { ClipletError } from "./errors.js";
import { body, withFetch } from "./test-support.js";

const FILE = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
const ADDRESS = "http://localhost/models/a%20model.gguf";

/** An answer with the file from `from` on, of which only `count` bytes come before `after`. */
const part = (
  from,
  { count = FILE.length, after = "end", etag = '"one"', ranges = true, type = "application/octet-stream" } = {},
) => {
  const start = ranges ? from : 0;
  const headers = { etag, "content-length": String(FILE.length - start), "content-type": type };
  return new Response(body(FILE.slice(start, start + count), after), { status: start > 0 ? 206 : 200, headers });
};

async function all(options) {
  const chunks = [];
  let opening = null;
  for await (const chunk of download(ADDRESS, options)) {
    if (chunk instanceof Uint8Array) chunks.push(chunk);
    else opening = chunk;
  }
  return { opening, bytes: Buffer.concat(chunks) };
}

test("a file arrives whole, after its version and size", async () => {
  withFetch(({ from }) => part(from));
  const { opening, bytes } = await all();
  assert.deepEqual(opening, { version: { etag: '"one"', total: 1000 }, total: 1000 });
  assert.deepEqual(bytes, Buffer.from(FILE));
});

test("a connection that breaks is taken up where it broke", async () => {
  const requests = withFetch(({ from, count }) => part(from, count < 3 ? { count: 300, after: "break" } : {}));
  assert.deepEqual((await all()).bytes, Buffer.from(FILE));
  assert.deepEqual(
    requests.map(({ from }) => from),
    [0, 300, 600],
  );
});

test("a connection that goes silent is ended and asked for again", async () => {
  const requests = withFetch(({ from, count }) => part(from, count === 1 ? { count: 400, after: "silence" } : {}));
  assert.deepEqual((await all({ stallTimeout: 50 })).bytes, Buffer.from(FILE));
  assert.deepEqual(
    requests.map(({ from }) => from),
    [0, 400],
  );
  assert.equal(requests[0].signal.aborted, true);
});

test("a server that never answers is given up in a sentence that says for how long it was waited for", async () => {
  const requests = withFetch(() => new Promise(() => {}));
  await assert.rejects(all({ stallTimeout: 20 }), {
    code: "network",
    item: ADDRESS,
    message: /a model\.gguf: could not be fetched \(nothing arrived for 0\.02 s\)/,
  });
  assert.equal(requests.length, 2);
});

test("a server without ranges sends all again, and what is there already is dropped", async () => {
  withFetch(({ from, count }) => part(from, { ranges: false, ...(count === 1 && { count: 500, after: "break" }) }));
  assert.deepEqual((await all()).bytes, Buffer.from(FILE));
});

test("another version is never mixed with the one that was begun", async () => {
  withFetch(({ from, count }) => part(from, count === 1 ? { count: 500, after: "break" } : { etag: '"two"' }));
  await assert.rejects(all(), { code: "changed" });
});

test("a web page in the file's place is refused before a byte of it is taken", async () => {
  withFetch(({ from }) => part(from, { type: "text/html; charset=utf-8" }));
  await assert.rejects(all(), { code: "network", message: /web page/ });
});

test("errors of the server: a missing file at once, a passing failure after another attempt", async () => {
  const missing = withFetch(() => new Response("", { status: 404, statusText: "Not Found" }));
  await assert.rejects(
    all(),
    (error) => error instanceof ClipletError && error.code === "network" && error.status === 404,
  );
  assert.equal(missing.length, 1);
  const passing = withFetch(({ from, count }) => (count === 1 ? new Response("", { status: 503 }) : part(from)));
  assert.deepEqual((await all()).bytes, Buffer.from(FILE));
  assert.equal(passing.length, 2);
});

test("an abort ends it with the signal's reason", async () => {
  const stop = new AbortController();
  withFetch(({ from }) => part(from, { count: 100, after: "silence" }));
  setTimeout(() => stop.abort(new Error("changed my mind")), 20);
  await assert.rejects(all({ signal: stop.signal, stallTimeout: 100 }), /changed my mind/);
});

test("a server is asked for its version for three seconds at most", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const requests = withFetch(
    ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  );
  const asked = serverVersion(ADDRESS);
  context.mock.timers.tick(2_999);
  assert.equal(requests[0].signal.aborted, false);
  context.mock.timers.tick(1);
  assert.equal(await asked, null);
});

test("neither an error nor a web page counts as another version", async () => {
  withFetch(() => new Response("", { status: 500 }));
  assert.equal(await serverVersion(ADDRESS), null);
  withFetch(() => new Response("<html>", { headers: { "content-type": "text/html" } }));
  assert.equal(await serverVersion(ADDRESS), null);
});

test("versions are the same as long as no mark that both have differs", () => {
  assert.equal(sameVersion({ etag: "1", total: 5 }, { etag: "1" }), true);
  assert.equal(sameVersion({ etag: "1" }, { etag: "2" }), false);
  assert.equal(sameVersion({ total: 5 }, { total: 6 }), false);
  assert.equal(sameVersion({}, { etag: "2" }), true);
});

test("a text that the server does not have is undefined", async () => {
  withFetch(() => new Response("", { status: 404 }));
  assert.equal(await smallFile(ADDRESS), undefined);
  withFetch(() => new Response("words"));
  assert.equal(new TextDecoder().decode(await smallFile(ADDRESS)), "words");
});

test("a file's name is the last part of its address", () => {
  assert.equal(fileNameOf(ADDRESS), "a model.gguf");
  assert.equal(fileNameOf("http://localhost/100%.gguf"), "100%.gguf");
  assert.equal(fileNameOf("http://localhost/"), "http://localhost/");
});
