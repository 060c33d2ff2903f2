// The package over a long time, in Chromium: ten thousand images through one engine, fifty engines loaded and disposed of,
// and an element whose model is switched twenty times. Says the memory on the way, and fails where it grows.
//   node soak.mjs [--images N] [--only images|loads|switches] [--write FILE]
// FILE becomes a page of documentation with the figures.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { serve } from "../../www/tools/serve.mjs";
import { DIST } from "./copies.mjs";
import config from "./playwright.config.mjs";

const { values } = parseArgs({
  options: { images: { type: "string", default: "10000" }, only: { type: "string" }, write: { type: "string" } },
});
const IMAGES = Number(values.images);
const BATCH = 250;
/** Until so many images are done the heaps of the page and its workers grow to their working size. */
const WARM_UP = Math.min(2000, IMAGES);
const LOADS = 50;
const SWITCHES = 20;
const MB = 1 << 20;

const server = await serve(DIST);
const { launchOptions } = config.projects.find(({ name }) => name === "chromium").use;
const browser = await chromium.launch(launchOptions);
const protocol = await browser.newBrowserCDPSession();

/** Memory in bytes that the processes of pages hold for themselves or share (Pss). */
async function pagesMemory() {
  const { processInfo } = await protocol.send("SystemInfo.getProcessInfo");
  const pages = processInfo.filter(({ type }) => type === "renderer");
  const rollups = await Promise.all(
    pages.map(({ id }) => readFile(`/proc/${id}/smaps_rollup`, "utf8").catch(() => "")),
  );
  return rollups.reduce((sum, text) => sum + 1024 * Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0), 0);
}

/** A bare page with the package as `cliplet`. */
async function open() {
  const page = await browser.newPage();
  await page.goto(`${server.url}example.html`);
  await page.evaluate(async () => {
    globalThis.cliplet = await import(new URL("cliplet/index.js", document.baseURI).href);
    await import(new URL("cliplet/element.js", document.baseURI).href);
  });
  return page;
}

/** Memory of pages after everything that can be collected has been. */
async function settled(page) {
  const session = await page.context().newCDPSession(page);
  for (let round = 0; round < 2; round += 1) {
    await session.send("HeapProfiler.collectGarbage");
    // Workers have heaps of their own, which a collection leaves alone and a lack of memory does not.
    await session.send("Memory.simulatePressureNotification", { level: "critical" });
    await new Promise((resume) => setTimeout(resume, 1000));
  }
  await session.detach();
  return pagesMemory();
}

const rows = [];
const note = (what, early, late, limit) => {
  const megabytes = (bytes) => (bytes / MB).toFixed(0);
  rows.push(`| ${what} | ${megabytes(early)} MB | ${megabytes(late)} MB |`);
  console.log(rows.at(-1));
  assert.ok(late - early <= limit, `${what}: grew by ${megabytes(late - early)} MB, more than ${megabytes(limit)} MB`);
};

/** Many images of different sizes, encoded by the browser, through one engine. */
async function manyImages() {
  const page = await open();
  await page.evaluate(async () => {
    const drawn = Array.from({ length: 16 }, async (_, i) => {
      const canvas = new OffscreenCanvas(200 + 37 * i, 640 - 23 * i);
      const context = canvas.getContext("2d");
      context.fillStyle = `hsl(${23 * i} 80% 50%)`;
      context.fillRect(10, 10, 100 + 10 * i, 150);
      return canvas.convertToBlob({ type: i % 2 ? "image/jpeg" : "image/png" });
    });
    globalThis.images = await Promise.all(drawn);
    globalThis.clip = await cliplet.Cliplet.load();
  });
  const step = (count) =>
    page.evaluate(async (wanted) => {
      const given = Array.from({ length: wanted }, (_, i) => images[i % images.length]);
      const found = await clip.embedImage(given);
      if (found.some((one) => one instanceof cliplet.ClipletError))
        throw found.find((one) => one instanceof cliplet.ClipletError);
      return (await clip.refreshInfo()).memory;
    }, count);
  const wasm = { early: await step(BATCH) };
  let early = await settled(page);
  for (let done = BATCH; done < IMAGES; done += BATCH) {
    if (done === WARM_UP) early = await settled(page);
    wasm.late = await step(Math.min(BATCH, IMAGES - done));
  }
  note(`the module's memory after ${BATCH} and after ${IMAGES} images`, wasm.early, wasm.late ?? wasm.early, 4 * MB);
  note(`the page's processes after ${WARM_UP} and after ${IMAGES} images`, early, await settled(page), 40 * MB);
  await page.close();
}

async function manyLoads() {
  const page = await open();
  const loads = (count) =>
    page.evaluate(async (times) => {
      for (let i = 0; i < times; i += 1) {
        const clip = await cliplet.Cliplet.load();
        await clip.embedImage(new ImageData(64, 64));
        clip.dispose();
      }
    }, count);
  await loads(5);
  const early = await settled(page);
  await loads(LOADS - 5);
  note(
    `the page's processes after 5 and after ${LOADS} engines, each disposed of`,
    early,
    await settled(page),
    60 * MB,
  );
  await page.close();
}

async function manySwitches() {
  const page = await open();
  const switches = (from, to) =>
    page.evaluate(
      async ([first, last]) => {
        document.body.innerHTML ||= "";
        const element =
          document.querySelector("cliplet-classifier") ??
          document.body.appendChild(document.createElement("cliplet-classifier"));
        element.labels = ["red", "blue"];
        for (let i = first; i < last; i += 1) {
          element.model = `cliplet/models/cliplet-everyday.gguf?${i % 2}`;
          const ranked = await element.classify(new ImageData(64, 64));
          if (ranked.length !== 2) throw new Error("no answer");
        }
      },
      [from, to],
    );
  await switches(0, 4);
  const early = await settled(page);
  await switches(4, SWITCHES);
  note(`the page's processes after 4 and after ${SWITCHES} models of an element`, early, await settled(page), 60 * MB);
  await page.close();
}

try {
  const parts = { images: manyImages, loads: manyLoads, switches: manySwitches };
  for (const [name, run] of Object.entries(parts)) if ((values.only ?? name) === name) await run();
  if (values.write) {
    const lines = [
      "# Memory of the package over a long time",
      "",
      `Made by \`node tests/e2e/soak.mjs --write ${values.write}\` with Chromium ${browser.version()} and the included model`,
      `on ${cpus().length} processors (${cpus()[0].model.trim()}). Memory of processes is their proportional share (Pss), after a collection.`,
      "",
      "| | early | late |",
      "|---|---:|---:|",
      ...rows,
      "",
    ];
    await writeFile(values.write, lines.join("\n"));
  }
} finally {
  await browser.close();
  await server.close();
}
