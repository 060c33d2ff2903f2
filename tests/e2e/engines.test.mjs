// Runs the same workflows in Chromium, Firefox and WebKitGTK as they are shipped, and with features switched off that
// the page can do without. ENGINES=firefox,webkit runs only those.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ENGINES } from "./engines.mjs";
import { startHub } from "./hub.mjs";
import { engines, visit } from "./page-driver.mjs";

/** The module that each engine runs on an isolated host. WebKitGTK has neither relaxed SIMD nor, as shipped, shared memory. */
const BEST = { chromium: "relaxed-threads", firefox: "relaxed-threads", webkit: "simd" };
const threaded = (name) => BEST[name].endsWith("-threads");

for (const name of engines) {
  describe(name, { concurrency: false }, () => {
    test("an isolated host: the best kernels and threads, pictures answered, nothing serious for axe", () =>
      visit(name, {}, {}, async (person, server) => {
        const { threads, variant } = await person.open(server.url);
        assert.equal(variant, BEST[name]);
        assert.equal(threads > 1, threaded(name));
        await person.classifies();
        assert.deepEqual(await person.serious(), []);
      }));

    test("a plain host's sub-folder: the service worker isolates the page, and everything works without a network", () =>
      visit(name, {}, { prefix: "/a/folder/", isolated: false }, async (person, server) => {
        await person.open(server.url);
        await person.controlled();
        await person.ready();
        await server.close();
        await person.browser.get("about:blank");
        const { threads } = await person.open(server.url);
        assert.equal(threads > 1, threaded(name));
        await person.classifies();
      }));

    test("a Hub model loads despite lost connections, is cached, and can be deleted", async () => {
      const hub = await startHub();
      hub.lose = 50_000;
      try {
        await visit(name, {}, { hub: hub.url }, async (person, server) => {
          await person.browser.get(`${server.url}example.html`);
          const found = await person.wait(
            `const { Cliplet } = await import(new URL("cliplet/index.js", document.baseURI).href);
             const clip = await Cliplet.load("hf:some/tiny", { hub: given[0] });
             const { cached, quantization } = clip.info;
             const [model] = (await Cliplet.listCached()).filter(({ name }) => name === "some/tiny");
             clip.dispose();
             const again = await Cliplet.load(model.id);
             const width = (await again.embedText("a cat")).length === again.info.dimension;
             await Cliplet.deleteCached(model.id);
             return { cached, quantization, width, left: (await Cliplet.listCached()).filter(({ name }) => name === "some/tiny").length };`,
            hub.url,
          );
          assert.deepEqual(found, { cached: true, quantization: "q8", width: true, left: 0 });
          assert.ok(hub.requests.filter(({ range }) => range).length >= 2);
        });
      } finally {
        await hub.close();
      }
    });

    test("policies hold: no other host, no HTML from text", () =>
      visit(name, {}, {}, async (person, server) => {
        await person.open(server.url);
        const reached = await person.wait(
          `return fetch("https://elsewhere.example/").then(() => "reached", () => "blocked");`,
        );
        assert.equal(reached, "blocked");
        const label = '<img src=x onerror="document.title=1">';
        await person.setLabels(`${label}, other`);
        await person.drop("circle.png");
        await person.best("circle.png");
        assert.equal(await person.run(`return document.querySelectorAll('img[src="x"]').length`), 0);
      }));

    for (const [look, { media }] of Object.entries(ENGINES[name].looks ?? {})) {
      test(`on a desktop that looks ${look} the page does, and axe finds nothing serious`, () =>
        visit(name, { look }, {}, async (person, server) => {
          await person.open(server.url);
          for (const query of media)
            assert.ok(await person.run("return matchMedia(arguments[0]).matches;", query), query);
          await person.dropMany(4);
          // Pictures are counted before their answers are drawn.
          await person.best("circle-0.png");
          const motion = await person.run(
            `return getComputedStyle(document.querySelector(".ranks li"), "::before").transitionDuration;`,
          );
          assert.equal(motion, media.includes("(prefers-reduced-motion: reduce)") ? "0s" : "0.2s");
          for (const view of ["gallery", "overview", "map"]) {
            await person.click(`#tab-${view}`);
            assert.deepEqual(await person.serious(), [], view);
          }
        }));
    }

    for (const lacking of ENGINES[name].lacks) {
      test(`without ${lacking} everything is answered all the same`, () =>
        visit(name, { lacking }, { isolated: lacking !== "service workers" }, async (person, server) => {
          const { threads, variant } = await person.open(server.url);
          if (lacking === "relaxed SIMD") assert.equal(variant, "simd-threads");
          if (lacking === "service workers") assert.equal(threads, 1);
          await person.classifies();
        }));
    }
  });
}
