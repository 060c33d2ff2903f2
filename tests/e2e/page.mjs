// The page under test: served from dist/ on loopback, watched for foreign requests and console errors,
// with the few things a person does to it.

import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { test as base, expect } from "@playwright/test";
import { serve } from "../../www/tools/serve.mjs";
import { DIST } from "./copies.mjs";
import { startHub } from "./hub.mjs";
import { catchDialog, catchDownload, giveFolder } from "./inpage.mjs";

export { DIST, expect };
export const MODEL = `${DIST}/cliplet/models/cliplet-everyday.gguf`;

/** Reasons why tests with these tags cannot run by Firefox's WebDriver BiDi. */
const BEYOND = {
  "@manifest": "how a manifest was understood is told by Chromium's own protocol alone",
  "@threads":
    "while WebDriver BiDi watches workers, Firefox now and then never starts one that another worker makes, as threads are",
  "@engines":
    "where one page starts several engines, one run in four or so never ended under WebDriver BiDi; the journeys load kept models in Firefox",
};

/**
 * A test of the served page: `site` is its address. The page may speak to the origins in `friends` and to what is put into
 * `servers`, which end with the test. Every server takes a free port, so that tests can run beside each other.
 */
export const test = base.extend({
  served: [{}, { option: true }],
  friends: [[], { option: true }],
  expectedComplaints: [[], { option: true }],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from a pattern.
  servers: async ({}, use) => {
    const servers = [];
    await use(servers);
    for (const server of servers) await server.close();
  },
  site: async ({ served }, use) => {
    const server = await serve(DIST, served);
    await use(server.url);
    await server.close();
  },
  reachable: [
    async ({ browserName }, use, info) => {
      const tag = info.tags.find((one) => one in BEYOND);
      test.skip(browserName === "firefox" && Boolean(tag), BEYOND[tag]);
      await use();
    },
    { auto: true },
  ],
  page: async ({ page, site, servers, friends, expectedComplaints }, use) => {
    const complaints = [];
    const foreign = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.context().on("request", (request) => {
      const url = new URL(request.url());
      const known = [site, ...servers.map(({ url }) => url)].map((address) => new URL(address).origin);
      if (!["blob:", "data:"].includes(url.protocol) && ![...known, ...friends].includes(url.origin))
        foreign.push(request.url());
    });
    await use(page);
    expect(foreign, "requests to other origins").toEqual([]);
    const surprising = complaints.filter((text) => !expectedComplaints.some((pattern) => pattern.test(text)));
    expect(surprising, "console errors").toEqual([]);
  },
});

/** A test with a stand-in for the Hub, `hub`, which the page takes for the Hub. */
export const hubTest = test.extend({
  hub: async ({ servers }, use) => {
    const hub = await startHub();
    servers.push(hub);
    await use(hub);
  },
  served: async ({ hub }, use) => use({ hub: hub.url }),
});

/** Labels of someone who was here before. */
export const LABELS = ["red circle", "blue square", "green triangle", "yellow star", "cat", "dog", "car", "pizza"];

/** Opens the page as someone who was here before, has labels and uses the advanced settings; waits for the model. */
export async function open(page, address, labels = LABELS) {
  await returning(page, labels);
  await page.goto(address);
  await ready(page);
}

/** Puts values into the page's storage before its first visit. */
export const remember = (page, values) =>
  page.addInitScript((values) => {
    try {
      for (const [key, value] of Object.entries(values)) localStorage[key] ??= value;
    } catch {
      // The empty page before has no storage.
    }
  }, values);

/** Makes whoever opens the page someone who was here before, with labels and the advanced settings open. */
export const returning = (page, labels = LABELS) =>
  remember(page, { "cliplet-query": JSON.stringify({ labels }), "cliplet-advanced": "true" });

/** Opens the page as at a first visit and waits for the model. */
export async function visit(page, address) {
  await page.goto(address);
  await ready(page);
}

export const ready = (page) =>
  expect(page.locator('#model-button[data-ready="true"]')).toBeAttached({ timeout: 40_000 });

/** Waits until a service worker has isolated the page, which is loaded anew for that, and the model is ready. */
export async function isolated(page) {
  const held = () =>
    page.evaluate(() => crossOriginIsolated && Boolean(navigator.serviceWorker.controller)).catch(() => false);
  await expect.poll(held, { timeout: 40_000 }).toBe(true);
  await ready(page);
}

/** Puts code before that of the engine's worker, with names of its own, under the same headers. */
export const beforeEngine = (page, code) =>
  page.route("**/cliplet/worker.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `{ ${code} }\n${await response.text()}` });
  });

/** A PNG drawn in the browser by `paint(context, side, argument)`. */
export async function draw(page, paint, argument) {
  const address = await page.evaluate(`(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
    const context = canvas.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, 256, 256);
    (${paint})(context, 256, ${JSON.stringify(argument ?? null)});
    return canvas.toDataURL("image/png");
  })()`);
  return Buffer.from(address.split(",")[1], "base64");
}

export const paints = {
  redCircle: (c, side) => {
    c.fillStyle = "#e01010";
    c.beginPath();
    c.arc(side / 2, side / 2, side / 3, 0, 7);
    c.fill();
  },
  blueSquare: (c, side) => {
    c.fillStyle = "#1030e0";
    c.fillRect(side / 5, side / 5, (side * 3) / 5, (side * 3) / 5);
  },
  emoji: (c, side, emoji) => {
    c.font = `${side * 0.7}px "Noto Color Emoji"`;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillStyle = "#000000";
    c.fillText(emoji, side / 2, side / 2);
  },
};

/** Drops files, `[{ name, type, bytes }]`, on the page as a person would. */
export async function drop(page, files) {
  const sent = files.map(({ name, type, bytes }) => ({ name, type, base64: bytes.toString("base64") }));
  const transfer = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, type, base64 } of list) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
  }, sent);
  for (const event of ["dragenter", "dragover", "drop"])
    await page.dispatchEvent("main", event, { dataTransfer: transfer });
}

export const png = (name, bytes) => ({ name, type: "image/png", bytes });

/** A picture of a red circle, and one of a blue square, as files to be dropped. */
export const redCircle = async (page, name) => png(name, await draw(page, paints.redCircle));
export const blueSquare = async (page, name) => png(name, await draw(page, paints.blueSquare));

/** Waits until so many pictures, at least two, are analyzed. */
export const allDone = (page, count) => expect(page.getByRole("status")).toHaveText(`${count} pictures done`);

/** The card of a picture, by its name. */
export const card = (page, name) => page.locator(".card", { has: page.locator("figcaption", { hasText: name }) });

/** Waits for a card's answer: its labels, best first. */
export async function answer(page, name) {
  await expect(card(page, name)).toHaveAttribute("data-state", "done");
  return card(page, name).locator(".ranks .label").allTextContents();
}

/** Writes labels in place of those there are and waits until they are taken. */
export async function setLabels(page, labels) {
  await page.getByRole("button", { name: "Edit as text" }).click();
  await page.getByLabel("All labels").fill(labels);
  await page.getByRole("button", { name: "Done", exact: true }).click();
  await expect(page.locator("#template-help")).toContainText(labels.split(/[,\n]/)[0].replace(/^"/, "").trim());
}

/** The labels in use, as their chips say. */
export const chips = (page) => page.locator(".chip-body");

/** Types a template with {} and waits until it is taken. */
export async function setTemplate(page, template) {
  await page.getByLabel("Prompt template").fill(template);
  await expect(page.locator("#template-help")).toContainText(`“${template.split("{}")[0]}`);
}

/** Lets every picture have its best label, for tests whose labels are made for their spelling and not for the model. */
export const acceptAnyMatch = (page) => page.getByLabel("Say when nothing is a good match").uncheck();

/** Many pictures, by turns red circles and blue squares: `[{ name, type, bytes }]`. */
export async function many(page, count) {
  const pictures = await Promise.all([paints.redCircle, paints.blueSquare].map((paint) => draw(page, paint)));
  return Array.from({ length: count }, (_, i) => png(`${i % 2 ? "square" : "circle"}-${i}.png`, pictures[i % 2]));
}

/** The names on the cards in sight, in order. */
export const names = (page) => page.locator(".card figcaption").allTextContents();

const MOODS = {
  colorScheme: "prefers-color-scheme",
  contrast: "prefers-contrast",
  forcedColors: "forced-colors",
  reducedMotion: "prefers-reduced-motion",
};

/** Asks for colours, contrast or less motion, as `emulateMedia` takes them; in Firefox, preferences have done so. */
export async function mood(page, media) {
  await page.emulateMedia(media);
  for (const [name, value] of Object.entries(media)) {
    expect(await page.evaluate((query) => matchMedia(query).matches, `(${MOODS[name]}: ${value})`), name).toBe(true);
  }
}

/** The files below a folder, `{ path: base64 }`, each path from the folder's own name on. */
async function folderOf(path) {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [relative(dirname(path), file), await readFile(file, "base64")])),
  );
}

const inFirefox = (page) => page.context().browser().browserType().name() === "firefox";

/**
 * Presses `button` and gives files, or a folder by its path, to the dialog that opens. Firefox leaves one open
 * that its driver has answered, so none opens there; and its driver gives no folders.
 */
export async function choose(page, button, files) {
  if (inFirefox(page)) {
    await page.evaluate(catchDialog);
    await button.click();
    const input = await page.evaluateHandle(() => globalThis.asked);
    return typeof files === "string" ? input.evaluate(giveFolder, await folderOf(files)) : input.setInputFiles(files);
  }
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button.click()]);
  return chooser.setFiles(files);
}

/** The file that a click on `button` downloads. Firefox's driver names downloads in a way that Playwright passes over. */
export async function downloaded(page, button) {
  if (inFirefox(page)) {
    await page.evaluate(catchDownload);
    await button.click();
    const { name, base64 } = await page.evaluate(() => globalThis.caught);
    return { name, bytes: Buffer.from(base64, "base64") };
  }
  const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** Findings of axe that are serious or worse. */
export async function serious(page) {
  const source = await readFile(createRequire(import.meta.url).resolve("axe-core"), "utf8");
  await page.evaluate(source);
  const { violations } = await page.evaluate(() =>
    // The rule about the size of targets is new in WCAG 2.2 and off unless asked for.
    globalThis.axe.run({ rules: { "target-size": { enabled: true } } }),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`);
}
