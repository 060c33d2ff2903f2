// Without a network after one visit, with a new version on the server, and as an installed app.

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { serve } from "../../www/tools/serve.mjs";
import { copied, stamped, titled } from "./copies.mjs";
import { answer, choose, DIST, drop, expect, isolated, open, ready, redCircle, test } from "./page.mjs";

/** Waits until the service worker has the page. */
const controlled = (page) =>
  page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resume) => setTimeout(resume, 50));
  });

test.describe("without a network", () => {
  test.use({ expectedComplaints: [/ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|FAILED)/] });

  test("after one visit to a plain host's sub-folder everything works, opened models too", async ({
    page,
    context,
    servers,
  }) => {
    test.setTimeout(120_000);
    const server = await serve(DIST, { prefix: "/a/folder/", isolated: false });
    servers.push(server);
    await page.goto(server.url);
    await isolated(page);
    await page.locator("#model-button").click();
    const buffer = await readFile(new URL("../parity/tiny-q8.gguf", import.meta.url));
    await choose(page, page.getByRole("button", { name: "Open a model file" }), [
      { name: "mine.gguf", mimeType: "application/octet-stream", buffer },
    ]);
    await expect(page.locator("#model-name")).not.toHaveText("Included model");
    const name = await page.locator("#model-name").textContent();

    await server.close();
    await context.setOffline(true);
    await page.reload();
    await ready(page);
    await drop(page, [await redCircle(page, "one.png")]);
    await answer(page, "one.png");
    await page.locator("#model-button").click();
    await page.getByRole("button", { name: `Load ${name}` }).click();
    await expect(page.locator("#model-name")).not.toHaveText("Included model");
    await answer(page, "one.png");
  });
});

test.describe("a model that only the Hub has", () => {
  test.use({ friends: ["https://huggingface.co"], expectedComplaints: [/ERR_INTERNET_DISCONNECTED/] });

  test("cannot be loaded without a network, and the message says why", async ({ page, site, context }) => {
    await page.goto(site);
    await ready(page);
    await context.setOffline(true);
    await page.getByRole("button", { name: "Better model" }).click();
    await expect(page.getByRole("alert")).toContainText("You are offline.", { timeout: 40_000 });
    await expect(page.getByRole("alert")).toContainText("You can go on with the current model.");
    await expect(page.locator("#model-name")).toHaveText("Included model");
  });
});

test("a new version is offered, and installed completely or not at all", async ({ page, servers }) => {
  test.setTimeout(120_000);
  const folder = await copied();
  const server = await serve(folder);
  servers.push(server);
  const title = () => page.title();
  const update = () => page.evaluate(async () => (await navigator.serviceWorker.ready).update().catch(() => {}));
  try {
    await open(page, server.url);
    await controlled(page);
    const before = await title();
    await titled(folder, "the next version");
    // Half of the new version is there: its files, under the list of the old.
    await page.reload();
    await ready(page);
    expect(await title()).toBe(before);
    // A new worker whose list does not fit the files takes nothing over.
    const worker = await readFile(join(folder, "sw.js"), "utf8");
    await stamped(folder);
    await titled(folder, "another still");
    expect(await readFile(join(folder, "sw.js"), "utf8")).not.toBe(worker);
    await update();
    await page.waitForTimeout(1500);
    await page.reload();
    await ready(page);
    expect(await title()).toBe(before);
    // Now the whole of it.
    await stamped(folder);
    await update();
    await expect(page.getByRole("alert")).toContainText("A new version is ready", { timeout: 30_000 });
    expect(await title()).toBe(before);
    await page.getByRole("button", { name: "Reload" }).click();
    await expect.poll(title).toBe("another still");
    await ready(page);
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
});

test("the page can be installed: manifest and icons of its own", { tag: "@manifest" }, async ({ page, site }) => {
  await open(page, site);
  await controlled(page);
  const session = await page.context().newCDPSession(page);
  const { data, errors } = await session.send("Page.getAppManifest");
  expect(errors).toEqual([]);
  const manifest = JSON.parse(data);
  expect(manifest).toMatchObject({ name: "cliplet", display: "standalone", start_url: "./", scope: "./" });
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito")).toEqual([]);
  const icons = await page.evaluate(
    (list) =>
      Promise.all(
        list.map(async ({ src, sizes }) => {
          const bitmap = new Image();
          bitmap.src = src;
          await bitmap.decode();
          return [sizes, `${bitmap.naturalWidth}x${bitmap.naturalHeight}`];
        }),
      ),
    manifest.icons.filter(({ type }) => type === "image/png"),
  );
  expect(icons.map(([sizes]) => sizes)).toEqual(expect.arrayContaining(["192x192", "512x512"]));
  for (const [sizes, drawn] of icons) expect(drawn).toBe(sizes);
});
