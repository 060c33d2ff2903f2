// The package in Chromium, Firefox and WebKitGTK as they are shipped: engines that stop, cached models and their servers,
// many images, and storage. ENGINES=firefox,webkit runs only those.

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import { change, copied } from "./copies.mjs";
import { engines, visit } from "./page-driver.mjs";
import { TRAP } from "./traps.mjs";

const TINY = await readFile(new URL("../parity/tiny-q8.gguf", import.meta.url));
const IMPORT = `const { Cliplet, ClipletError } = await import(new URL("cliplet/index.js", document.baseURI).href);
  const png = await (await fetch("icons/192.png")).blob();`;

/** Runs code in a bare page of the site. */
async function bare(person, server, code, ...given) {
  await person.browser.get(`${server.url}example.html`);
  return person.wait(`${IMPORT} ${code}`, ...given);
}

/** A server of one model to any site; `answer` is changed by the test. */
async function modelServer() {
  const state = { etag: '"one"', answer: "model", gets: 0 };
  const server = createServer((request, response) => {
    const headers = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Expose-Headers": "ETag",
      "Cross-Origin-Resource-Policy": "cross-origin",
    };
    const whole = request.method === "GET";
    if (whole) state.gets += 1;
    if (state.answer === "nothing") return request.socket.destroy();
    if (state.answer === "silence") return;
    if (state.answer === "page")
      return response
        .writeHead(200, { ...headers, "Content-Type": "text/html", ETag: '"page"' })
        .end("<title>Sign in</title>");
    response.writeHead(200, {
      ...headers,
      "Content-Type": "application/octet-stream",
      "Content-Length": TINY.length,
      ETag: state.etag,
    });
    response.end(whole ? TINY : undefined);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const close = () =>
    new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    });
  return Object.assign(state, { url: `http://127.0.0.1:${server.address().port}/ours.gguf`, close });
}

for (const name of engines) {
  describe(name, { concurrency: false }, () => {
    test("an image that stops the engine costs its own answer alone", async () => {
      const folder = await copied();
      await change(folder, "cliplet/worker.js", (script) => `{ ${TRAP} }\n${script}`);
      try {
        await visit(name, {}, { folder }, async (person, server) => {
          const found = await bare(
            person,
            server,
            `const bad = new File(["TRAP"], "huge.jpg");
             const clip = await Cliplet.load(undefined, { threads: 1 });
             const before = await clip.embedImage(png);
             const told = (one) => (one instanceof ClipletError ? [one.code, one.item] : one.length);
             const several = (await clip.embedImage([png, bad, png])).map(told);
             const alone = await clip.embedImage(bad).catch(told);
             const after = await clip.embedImage(png);
             clip.dispose();
             return { several, alone, same: after.every((x, i) => x === before[i]), width: before.length };`,
          );
          const { width } = found;
          assert.deepEqual(found, {
            several: [width, ["engine", "huge.jpg"], width],
            alone: ["engine", "huge.jpg"],
            same: true,
            width,
          });
        });
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    test("whatever its server answers, a cached model is used and stays", async () => {
      const host = await modelServer();
      try {
        await visit(name, {}, { isolated: false }, async (person, server) => {
          const load = `const begun = performance.now();
            const clip = await Cliplet.load(given[0], { threads: 1 });
            const { bytes, cached } = clip.info;
            clip.dispose();
            return { bytes, cached, took: performance.now() - begun };`;
          const first = await bare(person, server, load, host.url);
          if (!first.cached) return assert.equal(name, "webkit", "models are cached here");
          // A private window of WebKit may forget what it has cached as soon as a page is left.
          const again = () =>
            name === "webkit" ? person.wait(`${IMPORT} ${load}`, host.url) : bare(person, server, load, host.url);
          const gets = host.gets;
          for (const answer of ["nothing", "page", "silence"]) {
            host.answer = answer;
            const { bytes, cached, took } = await again();
            assert.deepEqual([bytes, cached], [first.bytes, true], answer);
            assert.ok(took < 8_000, `${answer}: ${took} ms`);
          }
          assert.equal(host.gets, gets);
        });
      } finally {
        await host.close();
      }
    });

    test("hundreds of images go in slices, with flat memory", () =>
      visit(name, {}, {}, async (person, server) => {
        const found = await bare(
          person,
          server,
          `const clip = await Cliplet.load(undefined, { threads: 1 });
           const images = Array.from({ length: 300 }, () => png);
           await clip.embedImage(images.slice(0, 60));
           const early = (await clip.refreshInfo()).memory;
           let last;
           const embeddings = await clip.embedImage(images, { onProgress: (progress) => (last = progress) });
           const late = (await clip.refreshInfo()).memory;
           clip.dispose();
           return { good: embeddings.filter((one) => ArrayBuffer.isView(one)).length, last, growth: late - early };`,
        );
        assert.deepEqual(found, { good: 300, last: { done: 300, total: 300 }, growth: 0 });
      }));
  });
}
