// Search: any sentence ranks the pictures, a picture finds similar ones, a map lays them out.

import { allDone, drop, expect, many, names, open, returning, setLabels, setTemplate, test } from "./page.mjs";

const ready = async (page, site, count) => {
  await open(page, site);
  await setTemplate(page, "a {}");
  await drop(page, await many(page, count));
  await allDone(page, count);
};

/** A page with pictures whose model comes when what this gives is called. */
async function unready(page, site) {
  let letGo;
  const gate = new Promise((resolve) => (letGo = resolve));
  await page.route("**/*.gguf", async (route) => {
    await gate;
    return route.continue();
  });
  await returning(page);
  await page.goto(site);
  await drop(page, await many(page, 4));
  return letGo;
}

test("a sentence ranks the pictures by similarity", async ({ page, site }) => {
  await ready(page, site, 12);
  const field = page.getByRole("searchbox", { name: "Search the pictures" });
  await field.fill("a blue square");
  await field.press("Enter");
  await expect(page.locator("#reference")).toContainText("Most similar to “a blue square” first");
  await expect.poll(async () => (await names(page)).slice(0, 6).every((name) => name.startsWith("square"))).toBe(true);
  const similarity = (await page.locator(".card .similarity").allTextContents()).map((words) =>
    parseFloat(words.split(" ")[1]),
  );
  expect(similarity).toEqual([...similarity].sort((a, b) => b - a));
  await field.fill("a red circle");
  await field.press("Enter");
  await expect.poll(async () => (await names(page)).slice(0, 6).every((name) => name.startsWith("circle"))).toBe(true);
  await page.getByRole("button", { name: "Clear search" }).click();
  await expect.poll(async () => (await names(page)).slice(0, 2)).toEqual(["circle-0.png", "square-1.png"]);
});

test("a search entered while the model loads runs once it is loaded", async ({ page, site }) => {
  const letGo = await unready(page, site);
  await page.getByRole("searchbox").fill("a blue square");
  await page.getByRole("searchbox").press("Enter");
  letGo();
  await expect
    .poll(async () => (await names(page)).slice(0, 2).every((name) => name.startsWith("square")), { timeout: 40_000 })
    .toBe(true);
});

test("a search that is being written stays when the model is loaded", async ({ page, site }) => {
  const letGo = await unready(page, site);
  await page.getByRole("searchbox").fill("a blue");
  letGo();
  await expect(page.getByRole("status")).toHaveText("4 pictures done", { timeout: 40_000 });
  await expect(page.getByRole("searchbox")).toHaveValue("a blue");
});

test("a picture finds similar ones", async ({ page, site }) => {
  await ready(page, site, 8);
  await page.getByRole("button", { name: "Similar pictures: square-3.png" }).click();
  await expect(page.locator("#reference")).toContainText("Most similar to square-3.png first");
  await expect.poll(async () => (await names(page)).slice(0, 4).every((name) => name.startsWith("square"))).toBe(true);
  await expect(page.locator(".card .similarity").first()).toHaveText("Similarity 1.000");
});

test("the map shows similar pictures near each other, and arrow keys go from one to the next", async ({
  page,
  site,
}) => {
  await ready(page, site, 20);
  await page.getByRole("tab", { name: "Map" }).click();
  const points = page.getByRole("list", { name: "Map of the pictures" }).getByRole("button");
  await expect(points).toHaveCount(20);
  const boxes = await points.evaluateAll((all) =>
    all.map((point) => ({ circle: point.title.startsWith("circle"), x: point.getBoundingClientRect().x })),
  );
  const mean = (some) => some.reduce((sum, { x }) => sum + x, 0) / some.length;
  const apart = Math.abs(mean(boxes.filter(({ circle }) => circle)) - mean(boxes.filter(({ circle }) => !circle)));
  const within = Math.max(
    ...boxes.filter(({ circle }) => circle).map(({ x }) => Math.abs(x - mean(boxes.filter(({ circle }) => circle)))),
  );
  expect(apart).toBeGreaterThan(within);
  await setLabels(page, "red circle, blue square");
  await expect(points.first()).toHaveAccessibleName("circle-0.png: red circle");
  const left = points.nth(boxes.findIndex(({ x }) => x === Math.min(...boxes.map((box) => box.x))));
  await left.focus();
  await page.keyboard.press("ArrowRight");
  await expect(left).not.toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
});
