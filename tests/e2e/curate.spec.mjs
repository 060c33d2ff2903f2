// Working with many pictures: selecting, labeling by hand, learning labels from examples, near-duplicates, videos, and
// handing results on.

import {
  acceptAnyMatch,
  allDone,
  answer,
  card,
  chips,
  downloaded,
  draw,
  drop,
  expect,
  many,
  open,
  paints,
  png,
  serious,
  setLabels,
  setTemplate,
  test,
} from "./page.mjs";

const prepare = async (page, site, count) => {
  await open(page, site);
  await setTemplate(page, "a {}");
  await setLabels(page, "red circle, blue square");
  await drop(page, await many(page, count));
  await allDone(page, count);
};

test("several pictures are selected by click, range and keyboard, and removed together", async ({ page, site }) => {
  await prepare(page, site, 8);
  await page.getByRole("checkbox", { name: "Select circle-0.png" }).check();
  await page.getByRole("checkbox", { name: "Select square-3.png" }).click({ modifiers: ["Shift"] });
  const bar = page.getByRole("region", { name: "4 selected" });
  await expect(bar).toBeVisible();
  expect(await serious(page)).toEqual([]);
  await page.getByRole("button", { name: "Open circle-4.png" }).focus();
  await page.keyboard.press("x");
  await expect(page.locator("#selection")).toContainText("5 selected");
  await page.locator("#selection-remove").click();
  await expect(page.locator(".card figcaption")).toHaveText(["square-5.png", "circle-6.png", "square-7.png"]);
  await expect(page.locator("#selection")).toHaveCount(0);
  await page.getByRole("button", { name: "Open square-5.png" }).focus();
  await page.keyboard.press("ControlOrMeta+a");
  await expect(page.locator("#selection")).toContainText("3 selected");
  await page.getByRole("button", { name: "Clear selection" }).click();
  await expect(page.locator("#selection")).toHaveCount(0);
});

test("a label by hand of several pictures at once can be undone", async ({ page, site }) => {
  await prepare(page, site, 3);
  await page.getByRole("button", { name: "Open circle-0.png" }).focus();
  await page.keyboard.press("2");
  await page.keyboard.press("ControlOrMeta+a");
  const label = page.locator("#selection-label");
  await label.selectOption("red circle");
  await expect(page.locator(".corrected")).toHaveText(Array(3).fill("✓ red circle"));
  await expect(page.getByText("3 pictures labeled red circle by hand.")).toBeVisible();
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await expect(page.locator(".corrected")).toHaveText(["✓ blue square"]);
  await label.selectOption("Remove hand label");
  await expect(page.locator(".corrected")).toHaveCount(0);
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await expect(page.locator(".corrected")).toHaveText(["✓ blue square"]);
});

test("two selected pictures are compared side by side, by keyboard too", async ({ page, site }) => {
  await prepare(page, site, 3);
  await page.getByRole("button", { name: "Open circle-0.png" }).focus();
  await page.keyboard.press("x");
  await expect(page.locator("#selection")).toContainText("1 selected");
  await expect(page.locator("#selection-compare")).toHaveCount(0);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("x");
  await page.locator("#selection-label").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Two pictures side by side" });
  await expect(dialog.locator("figcaption")).toHaveText(["circle-0.png", "square-1.png"]);
  await expect(dialog.locator("figure li:first-child .label")).toHaveText(["red circle", "blue square"]);
  await expect(dialog.locator("#compare-similarity")).toHaveText(/^Similarity -?0\.\d+$/);
  await expect
    .poll(() => dialog.locator("img").evaluateAll((all) => all.map((one) => one.naturalWidth)))
    .toEqual([256, 256]);
  expect(await serious(page)).toEqual([]);
  await page.goBack();
  await expect(dialog).toBeHidden();
  await expect(page.locator("#selection")).toContainText("2 selected");
  await page.getByRole("checkbox", { name: "Select circle-2.png" }).check();
  await expect(page.locator("#selection-compare")).toHaveCount(0);
});

test("digits label by hand while arrows move, and the overview compares them with the model", async ({
  page,
  site,
}) => {
  await prepare(page, site, 4);
  await page.getByRole("button", { name: "Open circle-0.png" }).focus();
  for (const key of ["1", "ArrowRight", "1", "ArrowRight", "1"]) await page.keyboard.press(key);
  await expect(page.locator(".corrected")).toHaveText(["✓ red circle", "✓ red circle", "✓ red circle"]);
  await page.getByLabel("Show", { exact: true }).selectOption({ label: "red circle (3)" });
  await expect(page.locator(".card")).toHaveCount(3);
  await page.getByRole("tab", { name: "Overview" }).click();
  await expect(page.locator("#accuracy")).toHaveText("2 of 3 pictures labeled by hand agree with the model: 67 %.");
  await page.getByRole("button", { name: "red circle / blue square: 1" }).click();
  await expect(page.locator(".card figcaption")).toHaveText(["square-1.png"]);
  await page.getByRole("button", { name: "Open square-1.png" }).focus();
  await page.keyboard.press("0");
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(card(page, "square-1.png").locator(".corrected")).toHaveCount(0);
  await page.getByRole("button", { name: "Open square-1.png" }).click();
  await page.getByLabel("Label by hand").selectOption("blue square");
  await page.keyboard.press("Escape");
  await expect(card(page, "square-1.png").locator(".corrected")).toHaveText("✓ blue square");
});

test("examples make a label that finds similar pictures, and a saved set stores it", async ({ page, site }) => {
  await open(page, site);
  await setTemplate(page, "a {}");
  // The word alone says nothing of squares.
  await setLabels(page, "red circle, zorp");
  await drop(page, await many(page, 8));
  await allDone(page, 8);
  const similarity = async () => {
    const dialog = page.getByRole("dialog", { name: "square-5.png" });
    await page.getByRole("button", { name: "Open square-5.png" }).click();
    await expect(dialog.locator(".ranks li")).toHaveCount(2);
    const all = await dialog
      .locator(".ranks li")
      .evaluateAll((rows) =>
        rows.map((row) => [
          row.querySelector(".label").textContent,
          parseFloat(row.querySelector(".score").textContent.replace("<", "")),
        ]),
      );
    await page.keyboard.press("Escape");
    return Object.fromEntries(all).zorp;
  };
  const before = await similarity();
  for (const name of ["square-1.png", "square-3.png"])
    await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  await page.getByRole("button", { name: "Use as examples of…" }).click();
  await page.getByLabel("Label", { exact: true }).fill("zorp");
  await page.keyboard.press("Enter");
  await expect(page.locator(".chip.learned .chip-body")).toHaveText("zorp");
  await expect.poll(async () => (await answer(page, "square-5.png"))[0]).toBe("zorp");
  expect((await answer(page, "circle-0.png"))[0]).toBe("red circle");
  expect(await similarity()).toBeGreaterThan(before);
  await page.getByRole("button", { name: "Save as a set" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Shapes");
  await page.keyboard.press("Enter");
  await page.getByLabel("Label set").selectOption("CIFAR-10 classes");
  await expect(page.locator(".chip.learned")).toHaveCount(0);
  await page.getByLabel("Label set").selectOption("Shapes");
  await expect(page.locator(".chip.learned .chip-body")).toHaveText("zorp");
  await expect.poll(async () => (await answer(page, "square-5.png"))[0]).toBe("zorp");
});

test("near-duplicates are grouped", async ({ page, site }) => {
  await prepare(page, site, 4);
  await drop(page, [png("pizza.png", await draw(page, paints.emoji, "🍕"))]);
  await answer(page, "pizza.png");
  await page.getByLabel("Show", { exact: true }).selectOption({ label: "Near-duplicates" });
  await expect(page.locator(".card figcaption")).toHaveText([
    "circle-0.png",
    "circle-2.png",
    "square-1.png",
    "square-3.png",
  ]);
  await expect(page.locator(".card .similarity")).toHaveText(["Group 1", "Group 1", "Group 2", "Group 2"]);
});

test("a video's frames become pictures", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "red circle, blue square");
  const base64 = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 128 });
    const context = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm" });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.start();
    for (let frame = 0; frame < 40; frame += 1) {
      context.fillStyle = "#fff";
      context.fillRect(0, 0, 128, 128);
      context.fillStyle = "#e01010";
      context.beginPath();
      context.arc(64, 64, 40, 0, 7);
      context.fill();
      await new Promise((resume) => setTimeout(resume, 50));
    }
    recorder.stop();
    await new Promise((resolve) => (recorder.onstop = resolve));
    const reader = new FileReader();
    reader.readAsDataURL(new Blob(parts, { type: "video/webm" }));
    await new Promise((resolve) => (reader.onload = resolve));
    return reader.result.split(",")[1];
  });
  await drop(page, [{ name: "clip.webm", type: "video/webm", bytes: Buffer.from(base64, "base64") }]);
  await expect(page.getByText(/\d+ frames of clip\.webm added\./)).toBeVisible();
  expect(await page.locator(".card").count()).toBeGreaterThan(1);
  await expect(page.locator(".card .ranks li:first-child .label").first()).toHaveText("red circle");
  expect(new Set(await page.locator(".card .ranks li:first-child .label").allTextContents())).toEqual(
    new Set(["red circle"]),
  );
  await drop(page, [{ name: "broken.mp4", type: "video/mp4", bytes: Buffer.from("no video") }]);
  await expect(page.getByRole("alert")).toContainText("This browser cannot play broken.mp4");
});

const take = async (page, kind) => downloaded(page, page.locator(`[data-download=${kind}]`));

test("export: a report with thumbnails opens without the page, and XMP sidecars hold the keywords", async ({
  page,
  site,
  context,
}, info) => {
  await open(page, site);
  await setTemplate(page, "a {}");
  await acceptAnyMatch(page);
  await setLabels(page, "red <circle> & co, blue square");
  await drop(page, await many(page, 2));
  await allDone(page, 2);
  await page.getByRole("button", { name: "Export" }).click();
  const report = await take(page, "report");
  expect(report.name).toBe("cliplet.html");
  const viewer = await context.newPage();
  await viewer.setContent(report.bytes.toString());
  await expect(viewer.getByRole("heading", { level: 2 })).toHaveText(["red <circle> & co", "blue square"]);
  await expect
    .poll(() => viewer.locator("img").evaluateAll((images) => images.map((image) => image.naturalWidth > 0)))
    .toEqual([true, true]);
  const zip = await take(page, "xmp");
  const { unzipSync } = await import("fflate").catch(() => import("../../www/tools/node_modules/fflate/esm/index.mjs"));
  const files = unzipSync(new Uint8Array(zip.bytes));
  expect(Object.keys(files).sort()).toEqual(["circle-0.xmp", "square-1.xmp"]);
  expect(Buffer.from(files["circle-0.xmp"]).toString()).toContain("<rdf:li>red &lt;circle&gt; &amp; co</rdf:li>");
  expect(info.errors).toEqual([]);
});

test("export: copies are sorted into folders where the browser can write them", async ({ page, site }) => {
  await page.addInitScript(() => {
    globalThis.written = [];
    const folder = (path) => ({
      getDirectoryHandle: async (name) => folder(`${path}${name}/`),
      getFileHandle: async (name, options) => {
        const file = `${path}${name}`;
        if (!options?.create && !written.some(([known]) => known === file))
          throw new DOMException("no", "NotFoundError");
        return {
          createWritable: async () => ({
            write: async (blob) => written.push([file, blob.size]),
            close: async () => {},
          }),
        };
      },
    });
    globalThis.showDirectoryPicker = async () => folder("");
  });
  await prepare(page, site, 3);
  await page.getByRole("checkbox", { name: "Select circle-0.png" }).check();
  await page.getByRole("checkbox", { name: "Select square-1.png" }).check();
  await page.locator("#selection-export").click();
  await expect(page.getByRole("dialog")).toContainText("2 pictures selected:");
  await page.getByRole("button", { name: "Choose folder" }).click();
  await expect(page.getByRole("dialog")).toContainText("2 pictures sorted into folders.");
  const written = await page.evaluate(() => globalThis.written);
  expect(written.map(([path]) => path)).toEqual(["red circle/circle-0.png", "blue square/square-1.png"]);
  for (const [, bytes] of written) expect(bytes).toBeGreaterThan(100);
  await expect(chips(page)).toHaveCount(2);
});
