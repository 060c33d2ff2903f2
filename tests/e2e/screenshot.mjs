// Takes the README's picture of the page, with the real engine and the page's sample photos.
//   node screenshot.mjs [FILE]   (../../docs/page.webp unless named; dist/ is there)

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { serve } from "../../www/tools/serve.mjs";
import { DIST } from "./copies.mjs";
import { allDone, chips, drop, expect, visit } from "./page.mjs";
import config from "./playwright.config.mjs";

const FILE = process.argv[2] ?? fileURLToPath(new URL("../../docs/page.webp", import.meta.url));
const SIZE = { width: 1280, height: 1000 };
const PHOTOS = ["cat", "coffee", "flower", "temple"];
const LABELS = ["cat", "cup of coffee", "flower", "temple", "bicycle", "pizza"];
const QUALITY = 0.9;

const server = await serve(DIST, {});
const { launchOptions } = config.projects.find(({ name }) => name === "chromium").use;
const browser = await chromium.launch(launchOptions);
try {
  const page = await browser.newPage({ viewport: SIZE, serviceWorkers: "block" });
  await visit(page, server.url);
  const photo = async (name) => ({
    name: `${name}.jpg`,
    type: "image/jpeg",
    bytes: await readFile(`${DIST}/samples/${name}.jpg`),
  });
  await drop(page, await Promise.all(PHOTOS.map(photo)));
  await allDone(page, PHOTOS.length);
  await page.locator("#label-input").fill(LABELS.join(", "));
  await page.keyboard.press("Enter");
  await expect(chips(page)).toHaveText(LABELS);
  await expect(page.locator(".card .ranks .label").first()).toHaveText("cat");
  // Suggestions and thumbnails come after the answers.
  await expect(page.locator(".suggestions .tag, #suggestions button").first()).toBeVisible();
  await expect(page.locator(".card img[src]")).toHaveCount(PHOTOS.length);
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.activeElement.blur());
  const png = (await page.screenshot()).toString("base64");
  // The browser itself writes WebP.
  const webp = await page.evaluate(
    async ([base64, quality]) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      const written = await canvas.convertToBlob({ type: "image/webp", quality });
      return btoa(
        Array.from(new Uint8Array(await written.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(""),
      );
    },
    [png, QUALITY],
  );
  await writeFile(FILE, Buffer.from(webp, "base64"));
  console.log(`${FILE} is written`);
} finally {
  await browser.close();
  await server.close();
}
