// The same journeys in Chromium, Firefox and WebKitGTK as they are shipped, and what each falls back to
// when something is switched off. ENGINES=firefox,webkit runs only those.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { By, until } from "selenium-webdriver";
import { serve } from "../../www/tools/serve.mjs";
import { ENGINES, start } from "./engines.mjs";
import { startHub } from "./hub.mjs";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const WAIT = 60_000;
const names = process.env.ENGINES?.split(",") ?? Object.keys(ENGINES);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core"), "utf8");

/** A person at one browser. */
class Person {
  constructor(browser) {
    this.browser = browser;
  }

  find = (css) => this.browser.findElement(By.css(css));
  run = (code, ...given) => this.browser.executeScript(code, ...given);
  /** Runs an async function body in the page. */
  wait = (code, ...given) =>
    this.browser.executeAsyncScript(
      `const done = arguments[arguments.length - 1];
       (async (...given) => { ${code} })(...arguments).then((value) => done({ value }), (error) => done({ error: error.code + ": " + error.message }));`,
      ...given,
    ).then(({ value, error }) => (error ? Promise.reject(new Error(error)) : value));

  /** Waits until what `read` gives fits. */
  async until(read, fits, what) {
    let last;
    const settled = async () => fits((last = await read().catch(() => undefined)));
    await this.browser.wait(settled, WAIT).catch(() => assert.fail(`${what}: still ${JSON.stringify(last)}`));
    return last;
  }

  /** Opens the page and waits until the model is ready; gives the thread count and the module in use. */
  async open(address) {
    await this.browser.get(address);
    return this.ready();
  }

  /** Thread count and module of the ready model, read at once: the service worker may load the page anew in between. */
  async ready() {
    const read = () =>
      this.run(
        `const fact = [...document.querySelectorAll("#model-facts dt")].find((term) => term.textContent === "WebAssembly");
         const [, threads] = /(\\d+) threads?/.exec(document.querySelector("#model-detail").textContent) ?? [];
         return fact && threads ? { threads: Number(threads), variant: fact.nextElementSibling.textContent } : null`,
      );
    return this.until(read, Boolean, "the model is ready");
  }

  /** Drops a picture that the browser draws. */
  drop(name, paint) {
    return this.wait(
      `const [name, paint] = given;
       const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
       const c = canvas.getContext("2d");
       c.fillStyle = "#ffffff"; c.fillRect(0, 0, 256, 256);
       if (paint === "circle") { c.fillStyle = "#e01010"; c.beginPath(); c.arc(128, 128, 85, 0, 7); c.fill(); }
       else { c.fillStyle = "#1030e0"; c.fillRect(51, 51, 154, 154); }
       const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
       const transfer = new DataTransfer();
       transfer.items.add(new File([blob], name, { type: "image/png" }));
       for (const type of ["dragenter", "dragover", "drop"])
         document.querySelector("main").dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));`,
      name,
      paint,
    );
  }

  /** The best label of a picture, once it is answered. */
  best(name) {
    const read = () =>
      this.run(
        `const card = [...document.querySelectorAll(".card")].find((one) => one.querySelector("figcaption").textContent.includes(arguments[0]));
         return card?.dataset.state === "done" ? card.querySelector(".ranks .label")?.textContent : null`,
        name,
      );
    return this.until(read, Boolean, `${name} is answered`);
  }

  async click(css) {
    const element = await this.find(css);
    await this.run("arguments[0].scrollIntoView({ block: 'center' })", element);
    await this.browser.wait(until.elementIsVisible(element), WAIT);
    await element.click();
  }

  async setLabels(labels) {
    await this.click("#labels-as-text");
    const field = await this.find("#labels");
    await field.clear();
    await field.sendKeys(labels);
    await this.click("#labels-as-text");
  }

  /** Waits until a service worker has the page, which it may load anew for that. */
  controlled = () => this.until(() => this.run("return crossOriginIsolated && Boolean(navigator.serviceWorker.controller)"), Boolean, "the page is isolated by its service worker");

  async classifies() {
    await this.setLabels("blue square, red circle");
    await this.drop("one.png", "circle");
    assert.equal(await this.best("one.png"), "red circle");
    await this.drop("two.png", "square");
    assert.equal(await this.best("two.png"), "blue square");
  }
}

/** Runs `journey` with a browser of its own. */
async function visit(name, lacking, options, journey) {
  const server = await serve(DIST, options);
  const { browser, quit } = await start(name, lacking);
  try {
    await journey(new Person(browser), server);
  } finally {
    await quit();
    await server.close().catch(() => {});
  }
}

/** What each engine runs on an isolated host. WebKitGTK has neither relaxed SIMD nor, as shipped, shared memory. */
const BEST = { chromium: "relaxed-threads", firefox: "relaxed-threads", webkit: "simd" };
const threaded = (name) => BEST[name].endsWith("-threads");

for (const name of names) {
  describe(name, { concurrency: false }, () => {
    test("an isolated host: the best kernels and threads, pictures answered, nothing serious for axe", () =>
      visit(name, null, {}, async (person, server) => {
        const { threads, variant } = await person.open(server.url);
        assert.equal(variant, BEST[name]);
        assert.equal(threads > 1, threaded(name));
        await person.classifies();
        await person.run(axe);
        const { violations } = await person.wait("return axe.run();");
        assert.deepEqual(violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), []);
      }));

    test("a plain host's sub-folder: the service worker isolates, and without a network all goes on", () =>
      visit(name, null, { prefix: "/a/folder/", isolated: false }, async (person, server) => {
        await person.open(server.url);
        await person.controlled();
        await person.ready();
        await server.close();
        await person.browser.get("about:blank");
        const { threads } = await person.open(server.url);
        assert.equal(threads > 1, threaded(name));
        await person.classifies();
      }));

    test("a Hub model comes through lost connections, is kept, and can be forgotten", async () => {
      const hub = await startHub();
      hub.lose = 50_000;
      try {
        await visit(name, null, { hub: hub.url }, async (person, server) => {
          await person.browser.get(`${server.url}example.html`);
          const found = await person.wait(
            `const { Cliplet } = await import(new URL("cliplet/index.js", document.baseURI).href);
             const clip = await Cliplet.load("hf:some/tiny", { hub: given[0] });
             const { kept, quantization } = clip.info;
             const [model] = (await Cliplet.kept()).filter(({ name }) => name === "some/tiny");
             clip.dispose();
             const again = await Cliplet.load(model.id);
             const width = (await again.embedText("a cat")).length === again.info.dimension;
             await Cliplet.forget(model.id);
             return { kept, quantization, width, left: (await Cliplet.kept()).filter(({ name }) => name === "some/tiny").length };`,
            hub.url,
          );
          assert.deepEqual(found, { kept: true, quantization: "q8", width: true, left: 0 });
          assert.ok(hub.requests.filter(({ range }) => range).length >= 2);
        });
      } finally {
        await hub.close();
      }
    });

    test("policies hold: no other host, no HTML from text", () =>
      visit(name, null, {}, async (person, server) => {
        await person.open(server.url);
        const reached = await person.wait(`return fetch("https://elsewhere.example/").then(() => "reached", () => "blocked");`);
        assert.equal(reached, "blocked");
        const label = '<img src=x onerror="document.title=1">';
        await person.setLabels(`${label}, other`);
        await person.drop("one.png", "circle");
        await person.best("one.png");
        assert.equal(await person.run(`return document.querySelectorAll('img[src="x"]').length`), 0);
      }));

    for (const lacking of ENGINES[name].lacks) {
      test(`without ${lacking} everything is answered all the same`, () =>
        visit(name, lacking, { isolated: lacking !== "service workers" }, async (person, server) => {
          const { threads, variant } = await person.open(server.url);
          if (lacking === "relaxed SIMD") assert.equal(variant, "simd-threads");
          if (lacking === "service workers") assert.equal(threads, 1);
          await person.classifies();
        }));
    }
  });
}
