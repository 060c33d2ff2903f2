// <cliplet-classifier> in pages of others.

import { draw, expect, paints, test } from "./page.mjs";

/** A page of the site that holds elements, with a policy as strict as the page's own. */
const html = (body) => `<!doctype html><html lang="en"><title>elements</title><link rel="icon" href="data:,">
  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src blob: data:">
  <main><h1>Elements</h1>${body}</main><script type="module" src="cliplet/element.js"></script></html>`;

async function open(page, site, body) {
  const headers = { "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Opener-Policy": "same-origin" };
  await page.route("**/elements.html", (route) =>
    route.fulfill({ contentType: "text/html", headers, body: html(body) }),
  );
  await page.goto(`${site}elements.html`);
  await page.evaluate(() => customElements.whenDefined("cliplet-classifier"));
}

const choose = async (place, buffer, name = "one.png") =>
  place.locator("input").setInputFiles({ name, mimeType: "image/png", buffer });
const first = (place) => place.locator("li").first();
const LOADED = { timeout: 40_000 };

/** Workers of engines that live. */
function engines(page) {
  const alive = new Set();
  page.on("worker", (worker) => {
    if (!worker.url().endsWith("/worker.js")) return;
    alive.add(worker);
    worker.on("close", () => alive.delete(worker));
  });
  return alive;
}

test("ranks its labels, shows and announces the best, and ranks again when they change", async ({ page, site }) => {
  await open(
    page,
    site,
    `<cliplet-classifier labels="blue square, red circle, <b>bold</b>" template="a {}" top-k="2"></cliplet-classifier>`,
  );
  const place = page.locator("cliplet-classifier");
  const heard = page.evaluate(
    () => new Promise((resolve) => addEventListener("cliplet-result", ({ detail }) => resolve(detail), { once: true })),
  );
  await choose(place, await draw(page, paints.redCircle));
  await expect(first(place)).toContainText("red circle", LOADED);
  await expect(place.locator("li")).toHaveCount(2);
  await expect(place.getByRole("status")).toContainText("red circle");
  expect((await heard)[0]).toMatchObject({ label: "red circle" });
  await place.evaluate((element) => (element.labels = ["blue thing", "red thing", "green thing"]));
  await expect(first(place)).toContainText("red thing");
  const told = place.evaluate(
    (element) =>
      new Promise((resolve) =>
        element.addEventListener("cliplet-error", ({ detail }) => resolve([detail.code, detail.message]), {
          once: true,
        }),
      ),
  );
  expect(await place.evaluate((element) => element.classify(5).then((ranked) => ranked.length))).toBe(0);
  expect(await told).toEqual(["input", expect.stringContaining("must be a Blob")]);
  await expect(place.getByRole("status")).toHaveText("This is not a picture.");
});

test("an engine that was disposed of is started again", async ({ page, site }) => {
  await open(page, site, `<cliplet-classifier labels="blue square, red circle" threads="1"></cliplet-classifier>`);
  const place = page.locator("cliplet-classifier");
  await choose(place, await draw(page, paints.redCircle));
  await expect(first(place)).toContainText("red circle", LOADED);
  await place.evaluate(async (element) => (await element.load()).dispose());
  await place.evaluate((element) => (element.labels = ["blue thing", "red thing"]));
  await expect(first(place)).toContainText("red thing", LOADED);
});

test("two elements share one engine; a damaged picture gives a message and an event", async ({ page, site }) => {
  const workers = [];
  page.on("worker", (worker) => workers.push(worker.url()));
  await open(
    page,
    site,
    `<cliplet-classifier id="a" labels="red circle, cat" threads="1"></cliplet-classifier><cliplet-classifier id="b" labels="dog, blue square" threads="1"></cliplet-classifier>`,
  );
  await choose(page.locator("#a"), await draw(page, paints.redCircle));
  await choose(page.locator("#b"), await draw(page, paints.blueSquare));
  await expect(first(page.locator("#a"))).toContainText("red circle", LOADED);
  await expect(first(page.locator("#b"))).toContainText("blue square", LOADED);
  expect(workers.filter((url) => url.endsWith("/worker.js"))).toHaveLength(1);
  const told = page.evaluate(
    () =>
      new Promise((resolve) => addEventListener("cliplet-error", ({ detail }) => resolve(detail.code), { once: true })),
  );
  await choose(page.locator("#a"), Buffer.from("no picture"));
  expect(await told).toBe("image");
  await expect(page.locator("#a li")).toHaveCount(0);
  await expect(page.locator("#a").getByRole("status")).toContainText("This picture could not be read");
});

test("engines are freed when the model changes and when the last element leaves", { tag: "@engines" }, async ({
  page,
  site,
}) => {
  const alive = engines(page);
  await open(
    page,
    site,
    `<cliplet-classifier id="a" labels="red circle, cat" threads="1"></cliplet-classifier><cliplet-classifier id="b" labels="dog, cat" threads="1"></cliplet-classifier>`,
  );
  const buffer = await draw(page, paints.redCircle);
  for (const id of ["#a", "#b"]) {
    await choose(page.locator(id), buffer);
    await expect(first(page.locator(id))).toBeVisible(LOADED);
  }
  await expect.poll(() => alive.size).toBe(1);
  for (const query of ["?1", "?2", "?3"]) {
    await page
      .locator("#a")
      .evaluate((element, model) => (element.model = model), `cliplet/models/cliplet-everyday.gguf${query}`);
    await expect(first(page.locator("#a"))).toContainText("red circle", LOADED);
  }
  await expect.poll(() => alive.size, { timeout: 10_000 }).toBe(2);
  await page.locator("#a").evaluate((element) => element.remove());
  await expect.poll(() => alive.size, { timeout: 10_000 }).toBe(1);
  // One that is only moved keeps its engine.
  await page.locator("#b").evaluate((element) => document.body.append(element));
  await page.waitForTimeout(600);
  expect(alive.size).toBe(1);
  await page.locator("#b").evaluate((element) => element.remove());
  await expect.poll(() => alive.size, { timeout: 10_000 }).toBe(0);
});

test("attributes are properties; null clears the picture", async ({ page, site }) => {
  await open(page, site, `<cliplet-classifier labels="red circle, blue square" threads="1"></cliplet-classifier>`);
  const place = page.locator("cliplet-classifier");
  await choose(place, await draw(page, paints.redCircle));
  await expect(place.locator("li")).toHaveCount(2, LOADED);
  await place.evaluate((element) => Object.assign(element, { topK: 1, template: "the {}" }));
  await expect(place.locator("li")).toHaveCount(1);
  const read = await place.evaluate(({ labels, template, topK, threads, model, baseUrl }) => ({
    labels,
    template,
    topK,
    threads,
    model,
    baseUrl,
  }));
  expect(read).toEqual({
    labels: ["red circle", "blue square"],
    template: "the {}",
    topK: 1,
    threads: 1,
    model: null,
    baseUrl: null,
  });
  await expect(place).toHaveAttribute("top-k", "1");
  await place.evaluate((element) => (element.image = null));
  await expect(place.locator("li")).toHaveCount(0);
  await expect(place.locator("img")).toBeHidden();
  await expect(place.getByRole("button", { name: "Choose a picture" })).toBeVisible();
});

test("an empty list of pictures clears too, and labels that a framework leaves undefined are none", async ({
  page,
  site,
}) => {
  await open(page, site, `<cliplet-classifier labels="red circle, blue square" threads="1"></cliplet-classifier>`);
  const place = page.locator("cliplet-classifier");
  const picture = await draw(page, paints.redCircle);
  for (const empty of [
    "[]",
    'Object.assign(document.createElement("input"), { type: "file" }).files',
    "undefined",
    "document.querySelectorAll('x')",
  ]) {
    await choose(place, picture);
    await expect(place.locator("li")).toHaveCount(2, LOADED);
    await page.evaluate(`document.querySelector("cliplet-classifier").image = ${empty};`);
    await expect(place.locator("li")).toHaveCount(0);
    await expect(place.getByRole("status")).toHaveText("");
    expect(await place.evaluate((element) => element.image)).toBe(null);
  }
  await choose(place, picture);
  await expect(place.locator("li")).toHaveCount(2, LOADED);
  await place.evaluate((element) => (element.labels = undefined));
  await expect(place.getByRole("status")).toHaveText("There are no labels to choose from");
});

test("where even the best label fits badly, it says so", async ({ page, site }) => {
  await open(page, site, `<cliplet-classifier labels="submarine, giraffe" threads="1"></cliplet-classifier>`);
  const place = page.locator("cliplet-classifier");
  await place.evaluate(async (element) => {
    element.image = await (await fetch("samples/flower.jpg")).blob();
  });
  await expect(place.getByRole("status")).toHaveText(/^No good match\. The closest is (submarine|giraffe)$/, LOADED);
  await expect(place.locator(".score")).toHaveText([/%$/, /%$/]);
  await place.evaluate((element) => (element.labels = ["flower"]));
  await expect(place.locator("li")).toHaveText(["flower"]);
  await place.evaluate((element) => (element.labels = []));
  await expect(place.getByRole("status")).toHaveText("There are no labels to choose from");
});

test("an SVG and the pictures of several files are read, one after another", async ({ page, site }) => {
  await open(
    page,
    site,
    `<cliplet-classifier labels="red circle, blue square" template="a {}" threads="1"></cliplet-classifier>`,
  );
  const place = page.locator("cliplet-classifier");
  const svg = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 90"><rect width="90" height="90" fill="#fff"/><circle cx="45" cy="45" r="30" fill="#e01010"/></svg>`,
  );
  const square = await draw(page, paints.blueSquare);
  await place.locator("input").setInputFiles([
    { name: "circle.svg", mimeType: "image/svg+xml", buffer: svg },
    { name: "square.png", mimeType: "image/png", buffer: square },
  ]);
  await expect(first(place)).toContainText("red circle", LOADED);
  await expect(place).toContainText("1 of 2");
  await place.getByRole("button", { name: "Next picture" }).click();
  await expect(first(place)).toContainText("blue square");
  await expect(place.getByRole("button", { name: "Next picture" })).toBeDisabled();
});

test("a dropped folder is read; files in it that are no pictures are skipped", async ({ page, site }) => {
  await open(
    page,
    site,
    `<cliplet-classifier labels="red circle, blue square" template="a {}" threads="1"></cliplet-classifier>`,
  );
  const place = page.locator("cliplet-classifier");
  const base64 = (await draw(page, paints.redCircle)).toString("base64");
  await place.evaluate((element, picture) => {
    const bytes = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
    const file = (name, content) => ({ isFile: true, name, file: (done) => done(new File([content], name)) });
    const folder = (name, entries) => {
      const batches = [entries, []];
      return { isDirectory: true, name, createReader: () => ({ readEntries: (done) => done(batches.shift()) }) };
    };
    const dropped = folder("top", [
      file("notes.txt", "words"),
      folder("__MACOSX", [file("._x.png", "no")]),
      folder("inner", [file("a.PNG", bytes), file("._a.png", "no")]),
    ]);
    // No driver drops folders: the event carries what a browser's would.
    const event = new DragEvent("drop", { bubbles: true, cancelable: true });
    Object.defineProperty(event, "dataTransfer", {
      value: { files: [], items: [{ webkitGetAsEntry: () => dropped }] },
    });
    element.dispatchEvent(event);
  }, base64);
  await expect(first(place)).toContainText("red circle", LOADED);
  await expect(place.locator("nav")).toBeHidden();
});

test.describe("where its files are not found", () => {
  test.use({ expectedComplaints: [/404|MIME type/] });
  test("the visitor is not told that the picture is to blame", async ({ page, site }) => {
    await open(
      page,
      site,
      `<cliplet-classifier labels="cat" base-url="no-such-folder/" threads="1"></cliplet-classifier>`,
    );
    const element = page.locator("cliplet-classifier");
    const told = page.evaluate(
      () =>
        new Promise((resolve) =>
          addEventListener("cliplet-error", ({ detail }) => resolve([detail.code, detail.message]), { once: true }),
        ),
    );
    await choose(element, await draw(page, paints.redCircle));
    const [code, message] = await told;
    expect(code).toBe("engine");
    expect(message).toContain("baseUrl");
    await expect(element.getByRole("status")).toHaveText("Something went wrong. Try again.");
  });
});
