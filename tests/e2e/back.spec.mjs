// The browser's Back closes what is on top and never leaves the page by surprise.

import { allDone, answer, drop, expect, many, open, redCircle, test } from "./page.mjs";

const depth = (page) => page.evaluate(() => history.state?.layers ?? 0);

test("Back closes the opened picture, then the selection, then the search, one after another", async ({
  page,
  site,
}) => {
  await open(page, site);
  await drop(page, await many(page, 4));
  await allDone(page, 4);
  await page.getByLabel("Search the pictures").fill("red");
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await expect(page.locator("#reference-text")).toContainText("red");
  await page.getByRole("button", { name: "Open circle-2.png" }).click({ modifiers: ["Control"] });
  await expect(page.locator("#selection")).toBeVisible();
  await page.getByRole("button", { name: "Open circle-0.png" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await expect.poll(() => depth(page)).toBe(3);

  await page.goBack();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.locator("#selection")).toBeVisible();
  await page.goBack();
  await expect(page.locator("#selection")).toHaveCount(0);
  await expect(page.locator("#reference-text")).toBeVisible();
  await page.goBack();
  await expect(page.locator("#reference")).toHaveCount(0);
  await expect(page.getByLabel("Search the pictures")).toHaveValue("");
  await expect(page.locator(".card")).toHaveCount(4);
  await expect.poll(() => depth(page)).toBe(0);
});

test("what is closed in another way leaves no entry behind", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  const before = await page.evaluate(() => history.length);
  for (let times = 0; times < 3; times += 1) {
    await page.getByRole("button", { name: "Open one.png" }).click();
    await expect.poll(() => depth(page)).toBe(1);
    await page.keyboard.press("Escape");
    await expect.poll(() => depth(page)).toBe(0);
  }
  expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(before + 1);
  // From the opened picture to similar ones: one thing takes the place of another.
  await page.getByRole("button", { name: "Open one.png" }).click();
  await page.locator("#detail-similar").click();
  await expect(page.locator("#reference-text")).toContainText("one.png");
  await expect.poll(() => depth(page)).toBe(1);
  await page.goBack();
  await expect(page.locator("#reference")).toHaveCount(0);
});

test("Back closes every dialog, and the camera", async ({ page, site }) => {
  await open(page, site);
  for (const name of [/^Model:/, "Share settings", "Save as a set", "From URL"]) {
    await page.getByRole("button", { name }).first().click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await page.goBack();
    await expect(page.getByRole("dialog")).toBeHidden();
  }
  await page.getByRole("button", { name: "Camera" }).click();
  await expect(page.locator("#camera-video")).toBeVisible();
  await expect.poll(() => depth(page)).toBe(1);
  await page.goBack();
  await expect(page.locator("#camera-video")).toBeHidden();
  await expect(page.locator("#labels-count")).toBeVisible();
});

test("after a reload with something open nothing is open, and Back and Forward do no harm", async ({ page, site }) => {
  await open(page, site);
  await page.locator("#model-button").click();
  await expect.poll(() => depth(page)).toBe(1);
  await page.reload();
  await expect.poll(() => depth(page)).toBe(0);
  await page.goForward();
  await expect.poll(() => depth(page)).toBe(0);
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.locator("#labels-count")).toBeVisible();
});

test("what opens and closes faster than the history follows leaves it in step", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 3));
  await allDone(page, 3);
  const before = await page.evaluate(() => history.length);
  // Within a task, within a frame, and with the browser's own answers in between.
  await page.evaluate(async () => {
    const press = (selector) => document.querySelector(selector).click();
    const turns = [() => {}, () => Promise.resolve(), () => new Promise(requestAnimationFrame)];
    for (let i = 0; i < 24; i += 1) {
      const turn = turns[i % 3];
      press(".card .open");
      await turn();
      document.querySelector("dialog[open]").close();
      press("#model-button");
      await turn();
      press(".card .select");
      await turn();
      document.querySelector("dialog[open]").close();
      await turn();
      press(".card .select");
    }
  });
  await expect.poll(() => depth(page)).toBe(0);
  expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(before + 2);
  await page.getByRole("button", { name: "Open circle-0.png" }).click();
  await expect.poll(() => depth(page)).toBe(1);
  await page.goBack();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect.poll(() => depth(page)).toBe(0);
  await expect(page.locator(".card")).toHaveCount(3);
});

test("a step back that the browser refuses does not end what Back does", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  // Browsers refuse steps without a word, or by an error, to a page that makes very many of them.
  for (const refuse of ["() => {}", '() => { throw new DOMException("Too many calls", "SecurityError"); }']) {
    await page.evaluate(`{
      const { go } = History.prototype;
      History.prototype.go = (...steps) => { History.prototype.go = go; (${refuse})(...steps); };
    }`);
    await page.getByRole("button", { name: "Open one.png" }).click();
    await expect.poll(() => depth(page)).toBe(1);
    await page.keyboard.press("Escape");
    await expect.poll(() => depth(page)).toBe(0);
    await page.getByRole("button", { name: "Open one.png" }).click();
    await expect.poll(() => depth(page)).toBe(1);
    await page.goBack();
    await expect(page.getByRole("dialog")).toBeHidden();
  }
});

test("a link within the page closes nothing, and Back still does", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 2));
  await allDone(page, 2);
  await page.getByRole("button", { name: "Open circle-0.png" }).click({ modifiers: ["Control"] });
  await expect.poll(() => depth(page)).toBe(1);
  await page.locator("a.skip").focus();
  await page.keyboard.press("Enter");
  await expect(page.locator("#pictures")).toBeFocused();
  await expect(page.locator("#selection")).toBeVisible();
  // To the entry before the link, and to the one before the selection. (Firefox's driver waits for a load in vain.)
  const back = () => page.evaluate(() => history.back());
  await back();
  await expect.poll(() => page.evaluate(() => location.hash)).toBe("");
  await expect(page.locator("#selection")).toBeVisible();
  await back();
  await expect(page.locator("#selection")).toHaveCount(0);
  await expect(page.locator(".card")).toHaveCount(2);
});
