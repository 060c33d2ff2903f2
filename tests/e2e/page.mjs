// The page under test: served from dist/ on loopback, watched for foreign requests and console errors,
// with the few things a person does to it.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { test as base, expect } from "@playwright/test";
import { serve } from "../../www/tools/serve.mjs";

export { expect };
export const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
export const MODEL = `${DIST}/cliplet/models/cliplet-small.gguf`;

/** A test of the served page: `site` is its address; `friends` are other
 * origins that may be spoken to. */
export const test = base.extend({
  served: [{}, { option: true }],
  friends: [[], { option: true }],
  expectedComplaints: [[], { option: true }],
  site: async ({ served }, use) => {
    const server = await serve(DIST, served);
    await use(server.url);
    await server.close();
  },
  page: async ({ page, site, friends, expectedComplaints }, use) => {
    const complaints = [];
    const foreign = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.context().on("request", (request) => {
      const url = new URL(request.url());
      if (!["blob:", "data:"].includes(url.protocol) && ![new URL(site).origin, ...friends].includes(url.origin)) foreign.push(request.url());
    });
    await use(page);
    expect(foreign, "requests to other origins").toEqual([]);
    const surprising = complaints.filter((text) => !expectedComplaints.some((pattern) => pattern.test(text)));
    expect(surprising, "console errors").toEqual([]);
  },
});

/** Opens the page and waits until the model is ready. */
export async function open(page, address) {
  await page.goto(address);
  await ready(page);
}

export const ready = (page) => expect(page.locator("#model-detail")).toHaveText(/thread/, { timeout: 40_000 });

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
  redCircle: (c, side) => ((c.fillStyle = "#e01010"), c.beginPath(), c.arc(side / 2, side / 2, side / 3, 0, 7), c.fill()),
  blueSquare: (c, side) => ((c.fillStyle = "#1030e0"), c.fillRect(side / 5, side / 5, (side * 3) / 5, (side * 3) / 5)),
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
  for (const event of ["dragenter", "dragover", "drop"]) await page.dispatchEvent("main", event, { dataTransfer: transfer });
}

export const png = (name, bytes) => ({ name, type: "image/png", bytes });

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

/** Many pictures, by turns red circles and blue squares: `[{ name, type, bytes }]`. */
export async function many(page, count) {
  const pictures = await Promise.all([paints.redCircle, paints.blueSquare].map((paint) => draw(page, paint)));
  return Array.from({ length: count }, (_, i) => png(`${i % 2 ? "square" : "circle"}-${i}.png`, pictures[i % 2]));
}

/** The names on the cards in sight, in order. */
export const names = (page) => page.locator(".card figcaption").allTextContents();

/** What a click on `button` downloads. */
export async function downloaded(page, button) {
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
