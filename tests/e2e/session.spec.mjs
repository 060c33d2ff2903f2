// Nothing is lost: undo, links as previews, Back, leaving, reloading, other tabs, duplicates and skipped files.

import {
  allDone,
  answer,
  blueSquare,
  card,
  chips,
  draw,
  drop,
  expect,
  many,
  open,
  paints,
  ready,
  redCircle,
  setLabels,
  setTemplate,
  test,
} from "./page.mjs";

test("removed pictures come back with their answers, in their places", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 3));
  await allDone(page, 3);
  await page.getByRole("button", { name: "Remove circle-0.png" }).click();
  await expect(page.locator(".card")).toHaveCount(2);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.locator(".card figcaption")).toHaveText(["circle-0.png", "square-1.png", "circle-2.png"]);
  expect((await answer(page, "circle-0.png")).length).toBeGreaterThan(1);
  await page.getByRole("button", { name: "Remove all" }).click();
  await expect(page.locator(".card")).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.locator(".card")).toHaveCount(3);
});

test("a removed label comes back", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "zebra, yak, gnu");
  await page.getByRole("button", { name: "Remove label yak" }).click();
  await expect(chips(page)).toHaveText(["zebra", "gnu"]);
  await page.locator("#labels-undo").click();
  await expect(chips(page)).toHaveText(["zebra", "yak", "gnu"]);
});

test("a label that was edited in place comes back, and so does a list that was edited as text", async ({
  page,
  site,
}) => {
  await open(page, site);
  await setLabels(page, "zebra, yak, gnu");
  const undo = page.locator("#labels-undo");
  const edit = async (label, words) => {
    await chips(page).filter({ hasText: label }).click();
    await page.locator(".chip-edit").fill(words);
    await page.keyboard.press("Enter");
  };
  await edit("yak", "ox, cow");
  await expect(chips(page)).toHaveText(["zebra", "ox", "cow", "gnu"]);
  await expect(page.locator("#labels-message")).toHaveText("yak is now ox, cow.");
  await undo.click();
  await expect(chips(page)).toHaveText(["zebra", "yak", "gnu"]);
  await edit("zebra", "");
  await expect(chips(page)).toHaveText(["yak", "gnu"]);
  await undo.click();
  await expect(chips(page)).toHaveText(["zebra", "yak", "gnu"]);
  await setLabels(page, "owl");
  await undo.click();
  await expect(chips(page)).toHaveText(["zebra", "yak", "gnu"]);
  // Undo never takes what was added after.
  await edit("yak", "ox");
  await page.locator("#label-input").fill("hen");
  await page.keyboard.press("Enter");
  await expect(undo).toBeHidden();
  await expect(chips(page)).toHaveText(["zebra", "ox", "gnu", "hen"]);
});

test("a link opens as a preview, and what the visitor had comes back", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "zebra, yak");
  await page.goto("about:blank");
  await page.goto(`${site}#label=owl&label=gnu&template=one+%7B%7D`);
  await ready(page);
  await expect(page.locator("#link-preview")).toContainText("2 labels from a link: owl, gnu");
  await expect(chips(page)).toHaveText(["owl", "gnu"]);
  expect(await page.evaluate(() => JSON.parse(localStorage["cliplet-query"]).labels)).toEqual(["zebra", "yak"]);
  await page.getByRole("button", { name: "Keep mine" }).click();
  await expect(chips(page)).toHaveText(["zebra", "yak"]);
  await page.evaluate(() => (location.hash = "#label=owl"));
  await page.getByRole("button", { name: "Use these labels" }).click();
  await page.reload();
  await expect(chips(page)).toHaveText(["owl"]);
});

test("Back closes the opened picture, and closing it leaves no entry behind", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  const before = await page.evaluate(() => history.length);
  await page.getByRole("button", { name: "Open one.png" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.locator(".card")).toHaveCount(1);
  await page.getByRole("button", { name: "Open one.png" }).click();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.evaluate(() => history.state?.layers ?? 0)).toBe(0);
  expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(before + 1);
});

test("leaving with results asks once", async ({ page, site }) => {
  await open(page, site);
  const asks = () => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
  expect(await asks()).toBe(false);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  expect(await asks()).toBe(true);
  expect(await asks()).toBe(false);
});

/** Number of pictures in the saved session. */
const stored = (page) =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        const opening = indexedDB.open("cliplet-session");
        opening.onsuccess = () => {
          const counting = opening.result.transaction("images").objectStore("images").count();
          counting.onsuccess = () => {
            opening.result.close();
            resolve(counting.result);
          };
        };
      }),
  );

/** Waits until the session is written. */
const saved = (page, count) => expect.poll(() => stored(page)).toBe(count);

test("after a reload pictures, answers and hand labels are back, without being analyzed again", async ({
  page,
  site,
}) => {
  await open(page, site);
  await setLabels(page, "red circle, blue square");
  await drop(page, await many(page, 4));
  await allDone(page, 4);
  await page.getByRole("button", { name: "Open square-1.png" }).focus();
  await page.keyboard.press("1");
  await expect(card(page, "square-1.png").locator(".corrected")).toHaveText("✓ red circle");
  await saved(page, 4);
  await page.waitForTimeout(1000);
  await page.reload();
  await expect(page.getByText("4 pictures restored from your last visit.")).toBeVisible();
  await expect(page.locator(".card figcaption")).toHaveText([
    "circle-0.png",
    "square-1.png",
    "circle-2.png",
    "square-3.png",
  ]);
  await ready(page);
  expect((await answer(page, "circle-0.png"))[0]).toBe("red circle");
  await expect(card(page, "square-1.png").locator(".corrected")).toHaveText("✓ red circle");
  await expect(page.locator("#speed")).toHaveText("");
  await page.getByRole("button", { name: "Open circle-0.png" }).click();
  await expect(page.getByRole("dialog")).toContainText("small copy from an earlier visit");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Remove all" }).click();
  await saved(page, 0);
  await page.reload();
  await expect(page.getByRole("heading", { name: "Drop pictures here" })).toBeVisible();
});

test("a visit that starts fresh can be undone", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 2));
  await allDone(page, 2);
  await saved(page, 2);
  await page.reload();
  await page.getByRole("button", { name: "Start fresh" }).click();
  await expect(page.locator(".card")).toHaveCount(0);
  await expect(page.getByText("2 pictures removed.")).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.locator(".card figcaption")).toHaveText(["circle-0.png", "square-1.png"]);
  await saved(page, 2);
});

test("two tabs show the same pictures and labels", async ({ page, site, context }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  await saved(page, 1);
  const other = await context.newPage();
  await open(other, site);
  await answer(other, "one.png");
  await drop(other, [await blueSquare(other, "two.png")]);
  await answer(page, "two.png");
  await setLabels(page, "owl, red circle");
  await expect(chips(other)).toHaveText(["owl", "red circle"]);
  await page.getByRole("button", { name: "Remove one.png" }).click();
  await expect(other.locator(".card figcaption")).toHaveText(["two.png"]);
});

test("a file that is here already is recognized, and can be added all the same", async ({ page, site }) => {
  await open(page, site);
  const file = await page.evaluateHandle(
    (base64) =>
      new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "one.png", {
        type: "image/png",
        lastModified: 5,
      }),
    (await draw(page, paints.redCircle)).toString("base64"),
  );
  const give = () =>
    page.evaluate((file) => {
      const transfer = new DataTransfer();
      transfer.items.add(file);
      document
        .querySelector("main")
        .dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
    }, file);
  await give();
  await answer(page, "one.png");
  await give();
  await expect(page.getByRole("alert")).toContainText("one.png is already here.");
  await expect(page.locator(".card")).toHaveCount(1);
  await page.getByRole("button", { name: "Add anyway" }).click();
  await expect(page.locator(".card")).toHaveCount(2);
});

test("skipped files are named, whatever other messages there are", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [
    { name: "report.pdf", type: "application/pdf", bytes: Buffer.from("%PDF") },
    { name: "song.mp3", type: "audio/mpeg", bytes: Buffer.from("ID3") },
    await redCircle(page, "one.png"),
  ]);
  await answer(page, "one.png");
  await drop(page, [{ name: "empty.csv", type: "text/csv", bytes: Buffer.from("\n") }]);
  await expect(page.getByRole("alert")).toContainText("empty.csv holds no labels");
  await expect(page.getByRole("alert")).toContainText(
    "2 files are not pictures and were skipped: report.pdf, song.mp3",
  );
  const others = Array.from({ length: 8 }, (_, i) => `list-${i}.csv`);
  for (const name of others) await drop(page, [{ name, type: "text/csv", bytes: Buffer.from("\n") }]);
  await expect(page.getByRole("alert")).toContainText("list-7.csv holds no labels");
  await expect(page.getByText("2 files are not pictures and were skipped: report.pdf, song.mp3")).toBeVisible();
  // They leave room for the page.
  const { height } = await page.getByRole("alert").boundingBox();
  expect(height).toBeLessThan(page.viewportSize().height / 2);
});

test("pictures removed one after another come back together", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 3));
  await allDone(page, 3);
  await page.getByRole("button", { name: "Remove circle-0.png" }).click();
  await page.getByRole("button", { name: "Remove circle-2.png" }).click();
  await expect(page.getByText("2 pictures removed.")).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.locator(".card figcaption")).toHaveText(["circle-0.png", "square-1.png", "circle-2.png"]);
});

test("a link's templates alone are previewed too, and a link that changes nothing is not", async ({ page, site }) => {
  await open(page, site, ["owl"]);
  await setTemplate(page, "my {}");
  await expect.poll(() => page.evaluate(() => JSON.parse(localStorage["cliplet-query"]).template)).toBe("my {}");
  await page.evaluate(() => (location.hash = "#template=one+%7B%7D"));
  await expect(page.locator("#link-preview")).toContainText("prompt templates from a link");
  await expect(page.locator("#template")).toHaveValue("one {}");
  await page.getByRole("button", { name: "Keep mine" }).click();
  await expect(page.locator("#template")).toHaveValue("my {}");
  await page.evaluate(() => (location.hash = "#label=owl&template=my+%7B%7D"));
  await expect.poll(() => page.evaluate(() => location.hash)).toBe("");
  await expect(page.locator("#link-preview")).toHaveCount(0);
});

test("what is done is saved while the queue still runs", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 200));
  await expect(page.locator("#queue-text")).toContainText(/^(7\d|[89]\d|1\d\d) of 200/);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.locator("#queue-text")).toContainText("Paused at");
  await expect.poll(() => stored(page)).toBeGreaterThan(0);
});

test("pictures that were still in the queue are named after a reload", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 30));
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.locator("#queue-text")).toContainText("Paused at");
  const waiting = await page.locator('.card[data-state="queued"]').count();
  expect(waiting).toBeGreaterThan(0);
  await page.reload();
  await expect(page.locator(".notice.offer")).toContainText(
    /\d+ pictures were not analyzed yet when the page was closed, and not saved: \S+\.png, \S+\.png, \S+\.png …\. Add them again\./,
  );
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.reload();
  await ready(page);
  await expect(page.locator(".notice.offer")).toHaveCount(0);
});

test("with originals stored here the queue itself goes on after a reload", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "first.png")]);
  await answer(page, "first.png");
  await page.getByLabel("Keep the original files on this device too").check();
  await drop(page, await many(page, 20));
  await page.getByRole("button", { name: "Pause" }).click();
  await saved(page, 21);
  await page.reload();
  await ready(page);
  await allDone(page, 21);
  await expect(page.locator(".notice.offer")).toHaveCount(0);
});

test("a click is not lost when the page moves between press and release", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 2));
  await allDone(page, 2);
  const button = page.getByRole("button", { name: "Remove circle-0.png" });
  await button.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await button.boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  // A message above would push the button away.
  await drop(page, [{ name: "report.pdf", type: "application/pdf", bytes: Buffer.from("%PDF") }]);
  await page.waitForTimeout(300);
  await page.mouse.up();
  await expect(page.locator(".card figcaption")).toHaveText(["square-1.png"]);
  await expect(page.getByRole("alert")).toContainText("report.pdf is not a picture");
});
