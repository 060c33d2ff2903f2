// Without a network after one visit, with a new version on the server, and as an installed app.

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { serve } from "../../www/tools/serve.mjs";
import { DIST, answer, draw, drop, expect, open, paints, png, ready, test } from "./page.mjs";

const STAMP = fileURLToPath(new URL("../../www/tools/precache.mjs", import.meta.url));

/** Servers of these tests' own listen where the page's guard against foreign requests knows them. */
const PORT = 18_445;
test.use({ friends: [`http://127.0.0.1:${PORT}`] });

/** Waits until the service worker has the page. */
const controlled = (page) =>
  page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resume) => setTimeout(resume, 50));
  });

/** A copy of the built page in a folder of its own, to be changed. */
async function copied() {
  const folder = await mkdtemp(join(tmpdir(), "cliplet-"));
  await cp(DIST, folder, { recursive: true });
  return folder;
}

test.describe("without a network", () => {
  test.use({ expectedComplaints: [/ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|FAILED)/] });

  test("after one visit to a plain host's sub-folder everything works, opened models too", async ({ page, context }) => {
    test.setTimeout(120_000);
    const server = await serve(DIST, { prefix: "/a/folder/", isolated: false, port: PORT });
    await page.goto(server.url);
    await expect(page.locator("#model-detail")).toContainText(/[2-9] threads/, { timeout: 40_000 });
    await controlled(page);
    await page.locator("#model-button").click();
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Open a model file" }).click();
    const buffer = await readFile(new URL("../parity/tiny-q8.gguf", import.meta.url));
    await (await chooser).setFiles([{ name: "mine.gguf", mimeType: "application/octet-stream", buffer }]);
    await expect(page.locator("#model-note")).toBeHidden();
    const name = await page.locator("#model-name").textContent();

    await server.close();
    await context.setOffline(true);
    await page.reload();
    await ready(page);
    await drop(page, [png("one.png", await draw(page, paints.redCircle))]);
    await answer(page, "one.png");
    await page.locator("#model-button").click();
    await page.getByRole("button", { name: `Load ${name}` }).click();
    await expect(page.locator("#model-note")).toBeHidden();
    await answer(page, "one.png");
  });
});

test("a new version is offered, taken as a whole, and never in part", async ({ page }) => {
  test.setTimeout(120_000);
  const folder = await copied();
  const server = await serve(folder, { port: PORT });
  const title = () => page.title();
  const update = () => page.evaluate(async () => (await navigator.serviceWorker.ready).update().catch(() => {}));
  try {
    await open(page, server.url);
    await controlled(page);
    const before = await title();
    const strings = join(folder, "app", "strings.js");
    const words = await readFile(strings, "utf8");
    const titled = (name) => writeFile(strings, words.replace(/^  title: "[^"]*"/m, `  title: "${name}"`));
    await titled("the next version");
    // Half of the new version is there: its files, under the list of the old.
    await page.reload();
    await ready(page);
    expect(await title()).toBe(before);
    // A new worker whose list does not fit the files takes nothing over.
    const worker = await readFile(join(folder, "sw.js"), "utf8");
    await promisify(execFile)(process.execPath, [STAMP, folder]);
    await titled("another still");
    expect(await readFile(join(folder, "sw.js"), "utf8")).not.toBe(worker);
    await update();
    await page.waitForTimeout(1500);
    await page.reload();
    await ready(page);
    expect(await title()).toBe(before);
    // Now the whole of it.
    await promisify(execFile)(process.execPath, [STAMP, folder]);
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

test("the page can be installed: manifest and icons of its own", async ({ page, site }) => {
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
