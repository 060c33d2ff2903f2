// Drives the page in one of the engines by WebDriver, as a person would: looks, presses, types and gives files.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { By, Key } from "selenium-webdriver";
import { serve } from "../../www/tools/serve.mjs";
import { DIST } from "./copies.mjs";
import { ENGINES, start } from "./engines.mjs";
import { catchDownload } from "./inpage.mjs";

const WAIT = 60_000;
/** Labels of someone who was here before. */
const LABELS = ["red circle", "blue square", "green triangle", "yellow star", "cat", "dog", "car", "pizza"];
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core"), "utf8");

export class Person {
  /** @param {string} [folder] where files lie that are given to the page */
  constructor(browser, folder) {
    Object.assign(this, { browser, folder });
  }

  // ---- looking ----

  find = (css) => this.browser.findElement(By.css(css));
  run = (code, ...given) => this.browser.executeScript(code, ...given);
  /** Runs an async function body in the page. */
  wait = (code, ...given) =>
    this.browser
      .executeAsyncScript(
        `const [done, ...given] = [...arguments].reverse();
       (async (...given) => { ${code} })(...given.reverse()).then((value) => done({ value }), (error) => done({ error: error.code + ": " + error.message }));`,
        ...given,
      )
      .then(({ value, error }) => (error ? Promise.reject(new Error(error)) : value));
  /** Words of all that fits, where it is seen. */
  words = (css) =>
    this.run(
      `return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility({ visibilityProperty: true })).map((one) => one.textContent.trim());`,
      css,
    );
  focused = () =>
    this.run(
      `const { id, className, textContent } = document.activeElement; return { id, className, words: textContent.trim() };`,
    );

  /** Calls one of the functions for pages. */
  do = (does, ...given) => this.run(`return (${does})(...arguments);`, ...given);

  /** Waits until what `read` gives fits. */
  async until(read, fits, what) {
    let last;
    const settled = async () => {
      last = await read().catch(() => undefined);
      return fits(last);
    };
    await this.browser.wait(settled, WAIT).catch(() => assert.fail(`${what}: still ${JSON.stringify(last)}`));
    return last;
  }

  /** Waits until the words there are these: a list of all, or a part of the first. */
  says(css, wanted) {
    const fits = (words) =>
      Array.isArray(wanted) ? words?.join("\n") === wanted.join("\n") : words?.[0]?.includes(wanted);
    return this.until(() => this.words(css), fits, `${css} says ${wanted}`);
  }

  /** Waits until this many are seen. */
  counts = (css, count) =>
    this.until(
      () => this.words(css),
      (words) => words?.length === count,
      `${count} times ${css}`,
    );

  /** Findings of axe that are serious or worse. */
  async serious() {
    await this.run(axe);
    const { violations } = await this.wait("return axe.run();");
    return violations
      .filter(({ impact }) => ["serious", "critical"].includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
  }

  // ---- pressing and typing ----

  /** Clicks on the first that fits, once it is in sight and stands still. */
  async click(css) {
    const still = () =>
      this.wait(
        `const element = [...document.querySelectorAll(given[0])].find((one) => one.checkVisibility({ visibilityProperty: true }));
         if (!element) return null;
         element.scrollIntoView({ block: "center", behavior: "instant" });
         const place = () => { const { x, y, width, height } = element.getBoundingClientRect(); return [x, y, width, height].join(); };
         const before = place();
         for (let frames = 0; frames < 3; frames += 1) await new Promise(requestAnimationFrame);
         return place() === before ? element : null;`,
        css,
      );
    await this.until(async () => (await still()).click().then(() => true), Boolean, `${css} takes a click`);
  }

  /** Presses keys, or types words, where the focus is. */
  press = (...keys) =>
    this.browser
      .actions()
      .sendKeys(...keys)
      .perform();

  /** Writes words in place of those in a field. */
  async write(css, words) {
    const field = await this.find(css);
    await field.clear();
    await field.sendKeys(words);
  }

  /** Chooses the option whose words begin so. */
  async choose(css, words) {
    await this.until(
      () =>
        this.run(
          `return [...document.querySelector(arguments[0]).options].some((one) => one.textContent.startsWith(arguments[1]));`,
          css,
          words,
        ),
      Boolean,
      `${css} offers ${words}`,
    );
    await this.run(
      `const [list, words] = [document.querySelector(arguments[0]), arguments[1]];
       list.value = [...list.options].find((one) => one.textContent.startsWith(words)).value;
       list.dispatchEvent(new Event("change", { bubbles: true }));`,
      css,
      words,
    );
  }

  // ---- the page ----

  /**
   * Opens the page as someone who was here before, has labels and uses the advanced settings, and waits until the model
   * is ready; gives the thread count and the module in use.
   */
  async open(address) {
    await this.browser.get(new URL("icon.svg", address).href);
    await this.run(
      `localStorage["cliplet-query"] ??= JSON.stringify({ labels: arguments[0] }); localStorage["cliplet-advanced"] ??= "true";`,
      LABELS,
    );
    await this.browser.get(address);
    return this.ready();
  }

  /** Thread count and module of the ready model, read at once: the service worker may load the page anew in between. */
  async ready() {
    const read = () =>
      this.run(
        `const fact = (name) => document.querySelector('[data-fact="' + name + '"]')?.textContent;
         const ready = document.querySelector('#model-button[data-ready="true"]') && fact("variant");
         return ready ? { threads: Number(fact("threads")), variant: fact("variant") } : null`,
      );
    return this.until(read, Boolean, "the model is ready");
  }

  /** Gives files, `{ name: content }`, to an input as a file dialog would. */
  async give(css, files) {
    const paths = Object.keys(files).map((name) => join(this.folder, name));
    for (const path of paths) await writeFile(path, files[basename(path)]);
    await (await this.find(css)).sendKeys(paths.join("\n"));
  }

  /** Waits until a service worker has the page, which it may load anew for that. */
  controlled = () =>
    this.until(
      () => this.run("return crossOriginIsolated && Boolean(navigator.serviceWorker.controller)"),
      Boolean,
      "the page is isolated by its service worker",
    );

  /** Drops pictures that the browser draws: circles and squares, as their names say. */
  drop(...names) {
    return this.wait(
      `const transfer = new DataTransfer();
       for (const name of given) {
         const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
         const c = canvas.getContext("2d");
         c.fillStyle = "#ffffff"; c.fillRect(0, 0, 256, 256);
         if (name.startsWith("circle")) { c.fillStyle = "#e01010"; c.beginPath(); c.arc(128, 128, 85, 0, 7); c.fill(); }
         else { c.fillStyle = "#1030e0"; c.fillRect(51, 51, 154, 154); }
         const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
         transfer.items.add(new File([blob], name, { type: "image/png" }));
       }
       for (const type of ["dragenter", "dragover", "drop"])
         document.querySelector("main").dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));`,
      ...names,
    );
  }

  /** Drops circles and squares by turns and waits until they are answered. */
  async dropMany(count) {
    await this.drop(...Array.from({ length: count }, (_, i) => `${i % 2 ? "square" : "circle"}-${i}.png`));
    await this.says("#status", [`${count} pictures done`]);
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

  async setLabels(labels) {
    await this.click("#labels-as-text");
    await this.write("#labels", labels);
    await this.click("#labels-as-text");
    await this.says(".chip-body", labels.split(",")[0].replace(/^"/, "").trim());
  }

  async setTemplate(template) {
    await this.write("#template", template);
    await this.says("#template-help", `“${template.split("{}")[0]}`);
  }

  async classifies() {
    await this.setLabels("blue square, red circle");
    await this.drop("circle.png");
    assert.equal(await this.best("circle.png"), "red circle");
    await this.drop("square.png");
    assert.equal(await this.best("square.png"), "blue square");
  }

  /** The file that a click gives out. */
  async downloaded(css) {
    await this.do(catchDownload);
    await this.click(css);
    const { name, base64 } = await this.wait("return caught;");
    return { name, bytes: Buffer.from(base64, "base64") };
  }
}

export { Key };

/** The engines that ENGINES names, or all. */
export const engines = process.env.ENGINES?.split(",") ?? Object.keys(ENGINES);

/**
 * Defines journeys, `(title, (person, server) => ...)`, for WebKitGTK; Playwright's tests go the same ways, and
 * more, in the other engines. They share a browser; each starts at the ready page at an address of its own,
 * so that nothing is left of the one before.
 */
export function journeys(define) {
  for (const name of engines.filter((one) => one === "webkit")) {
    describe(name, { concurrency: false }, () => {
      let engine;
      let person;
      before(async () => {
        engine = await start(name);
        person = new Person(engine.browser, await mkdtemp(join(tmpdir(), "cliplet-journeys-")));
      });
      after(async () => {
        await engine.quit();
        await rm(person.folder, { recursive: true });
      });
      define((title, journey, options = {}) =>
        test(title, async () => {
          const server = await serve(options.folder ?? DIST, options);
          try {
            await person.open(server.url);
            await journey(person, server);
          } finally {
            await person.browser.get("about:blank");
            await server.close();
          }
        }));
    });
  }
}

/** Runs `journey` with a browser of its own, at a server of its own; `settings` are those of `start`. */
export async function visit(name, settings, options, journey) {
  const server = await serve(options.folder ?? DIST, options);
  const { browser, quit } = await start(name, settings);
  try {
    await journey(new Person(browser), server);
  } finally {
    await quit();
    await server.close();
  }
}
