// A person's main road: drop pictures, read ranked labels, change the question.

import { paste } from "./inpage.mjs";
import {
  allDone,
  answer,
  blueSquare,
  card,
  choose,
  draw,
  drop,
  expect,
  open,
  paints,
  png,
  redCircle,
  returning,
  setLabels,
  setTemplate,
  test,
} from "./page.mjs";

test("a dropped picture gets its labels ranked, with percentages that add up", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "blue square, red circle, cat");
  await drop(page, [await redCircle(page, "one.png")]);
  expect(await answer(page, "one.png")).toHaveLength(3);
  const shares = (await card(page, "one.png").locator(".score").allTextContents()).map((text) =>
    parseFloat(text.replace("<", "")),
  );
  expect(shares.reduce((a, b) => a + b)).toBeGreaterThan(99);
  expect(shares.reduce((a, b) => a + b)).toBeLessThan(101);
  expect(shares).toEqual([...shares].sort((a, b) => b - a));
  await expect(page.getByRole("status")).toContainText("one.png");
});

test("what is drawn is what is answered", async ({ page, site }) => {
  await open(page, site);
  await setTemplate(page, "a {}");
  await setLabels(page, "blue square, red circle");
  await drop(page, [await redCircle(page, "circle.png"), await blueSquare(page, "square.png")]);
  expect((await answer(page, "circle.png"))[0]).toBe("red circle");
  expect((await answer(page, "square.png"))[0]).toBe("blue square");
});

test("an emoji is recognized by its name among five others", async ({ page, site }) => {
  await open(page, site);
  const pizza = await draw(page, paints.emoji, "🍕");
  const nothing = await draw(page, () => {});
  expect(pizza.equals(nothing), "the emoji font draws something").toBe(false);
  await setTemplate(page, "a {}");
  await setLabels(page, "soccer ball, cat face, sun, slice of pizza, automobile, red heart");
  await drop(page, [
    png("pizza.png", pizza),
    png("cat.png", await draw(page, paints.emoji, "🐱")),
    png("heart.png", await draw(page, paints.emoji, "❤️")),
  ]);
  expect((await answer(page, "pizza.png"))[0]).toBe("slice of pizza");
  expect((await answer(page, "cat.png"))[0]).toBe("cat face");
  expect((await answer(page, "heart.png"))[0]).toBe("red heart");
});

test("a second picture joins the first; one can be removed, and all", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  await drop(page, [await blueSquare(page, "two.png")]);
  await answer(page, "two.png");
  await allDone(page, 2);
  await page.getByRole("button", { name: "Remove one.png" }).click();
  await expect(page.locator(".card")).toHaveCount(1);
  await page.getByRole("button", { name: "Remove all" }).click();
  await expect(page.locator(".card")).toHaveCount(0);
  await expect(page.getByText("Drop pictures here")).toBeVisible();
});

test("another label is ranked without embedding the picture again", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "cat, dog");
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  const states = await page.evaluateHandle(() => {
    const seen = [];
    const element = document.querySelector(".card");
    new MutationObserver(() => seen.push(element.dataset.state)).observe(element, { attributeFilter: ["data-state"] });
    return seen;
  });
  await setLabels(page, "cat, dog, submarine");
  await expect(card(page, "one.png").locator(".label", { hasText: "submarine" })).toBeVisible();
  await setTemplate(page, "a drawing of a {}");
  await expect(card(page, "one.png").locator(".label")).toHaveCount(3);
  expect((await states.jsonValue()).filter((state) => state !== "done")).toEqual([]);
});

test("a template without {} is reported as wrong, and is used once it is corrected", async ({ page, site }) => {
  await open(page, site);
  await page.getByLabel("Prompt template").fill("a photo");
  await expect(page.getByLabel("Prompt template")).toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("#template-help")).toContainText("{}");
  await page.getByLabel("Prompt template").fill("{}");
  await expect(page.getByLabel("Prompt template")).toHaveAttribute("aria-invalid", "false");
});

test("pictures are picked from a dialog, pasted, and taken from the samples", async ({ page, site }) => {
  await open(page, site);
  await page.getByRole("button", { name: "Try cat" }).click();
  await answer(page, "cat.jpg");
  const buffer = await draw(page, paints.blueSquare);
  await choose(page, page.getByRole("button", { name: "Add pictures" }), [
    { name: "picked.png", mimeType: "image/png", buffer },
  ]);
  await answer(page, "picked.png");
  await page.evaluate(paste, { file: { name: "pasted.png", type: "image/png", base64: buffer.toString("base64") } });
  await answer(page, "pasted.png");
});

test("pictures and labels given while the model loads are answered when it is there", async ({ page, site }) => {
  let letGo;
  const gate = new Promise((resolve) => (letGo = resolve));
  await page.route("**/*.gguf", async (route) => {
    await gate;
    await route.continue();
  });
  await returning(page);
  await page.goto(site);
  await drop(page, [await redCircle(page, "early.png")]);
  await expect(card(page, "early.png")).toContainText("Waiting for the model");
  await expect(card(page, "early.png").locator("img[src]")).toBeVisible();
  await setLabels(page, "submarine, red circle");
  await expect(page.getByRole("progressbar")).toBeVisible();
  letGo();
  expect(await answer(page, "early.png")).toEqual(["red circle", "submarine"]);
  await expect(page.getByRole("progressbar")).toBeHidden();
});
