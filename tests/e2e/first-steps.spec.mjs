// The first ten seconds: a drop target before everything else, samples, and tags before any label is typed.

import {
  answer,
  blueSquare,
  card,
  chips,
  draw,
  drop,
  expect,
  paints,
  png,
  redCircle,
  remember,
  serious,
  test,
  visit,
} from "./page.mjs";

for (const [width, height] of [
  [320, 640],
  [1280, 800],
]) {
  test(`the drop target is what one sees first at ${width} pixels`, async ({ page, site }) => {
    await page.setViewportSize({ width, height });
    await visit(page, site);
    await expect(page.getByRole("heading", { name: "Drop pictures here" })).toBeInViewport();
    await expect(page.getByRole("button", { name: "Add pictures" })).toBeInViewport();
    await expect(page.getByRole("button", { name: "Try cat" })).toBeInViewport();
    const drop = await page.locator("#add").boundingBox();
    const labels = await page.locator("#label-input").boundingBox();
    expect(drop.y).toBeLessThan(labels.y);
    await expect(page.getByText(/^Sample photos: Stéfan van der Walt, .* \(CC BY 2\.0\)$/)).toBeVisible();
    expect(await serious(page)).toEqual([]);
  });
}

test.describe("until the script runs", () => {
  test.skip(({ browserName }) => browserName !== "chromium", "WebDriver BiDi cannot switch scripts off");
  test.use({ javaScriptEnabled: false });
  test("the page has its shape, and says that it needs scripts", async ({ page, site }) => {
    await page.goto(site);
    await expect(page.getByRole("heading", { name: "cliplet" })).toBeInViewport();
    await expect(page.locator("main .hero")).toBeInViewport();
    expect((await page.locator("main .hero").boundingBox()).height).toBeGreaterThan(200);
    await expect(page.locator("noscript p")).toHaveText(/^This page needs JavaScript/);
    await expect(page.locator("noscript p")).toBeVisible();
  });
});

test("what was there until the script ran is gone when it has", async ({ page, site }) => {
  await visit(page, site);
  await expect(page.getByRole("banner")).toHaveCount(1);
  await expect(page.getByRole("main")).toHaveCount(1);
  await expect(page.locator("noscript")).toHaveCount(0);
});

test("samples are photos with their source named", async ({ page, site }) => {
  await visit(page, site);
  const samples = page.locator("#samples img");
  await expect(samples).toHaveCount(6);
  for (const sample of await samples.all())
    await expect.poll(() => sample.evaluate((image) => image.naturalWidth)).toBeGreaterThan(100);
  expect(await page.locator("#samples").getAttribute("title")).toContain("CC BY 2.0");
});

test("a picture gets tags before any label is typed, each one click to become a label", async ({ page, site }) => {
  await visit(page, site);
  await expect(chips(page)).toHaveCount(0);
  await drop(page, [await redCircle(page, "one.png")]);
  const tags = card(page, "one.png").locator(".tag");
  await expect(tags).toHaveText(["red circle"], { timeout: 40_000 });
  await expect(card(page, "one.png").locator(".guess")).toHaveCount(0);
  const suggested = page.locator("#suggestions .tag");
  expect(await suggested.count()).toBeGreaterThan(4);
  expect(await serious(page)).toEqual([]);
  const word = await suggested.first().textContent();
  await suggested.first().click();
  await expect(chips(page)).toHaveText([word]);
  expect(await answer(page, "one.png")).toEqual([word]);
  await expect(suggested.filter({ hasText: new RegExp(`^${word}$`) })).toHaveCount(0);
  await expect(tags).toHaveCount(0);
  // Opened, it offers no tag that is a label already.
  expect(word).toBe("red circle");
  await page.getByRole("button", { name: "Open one.png" }).click();
  await expect(page.locator("#detail-bars .label")).toHaveText(["red circle"]);
  await expect(page.locator("#detail .tag")).toHaveCount(0);
});

test("the everyday words are embedded once: the next visit has its tags at once", async ({ page, site }) => {
  await visit(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await expect(card(page, "one.png").locator(".tag").first()).toHaveText("red circle", { timeout: 40_000 });
  await page.reload();
  await drop(page, [await blueSquare(page, "two.png")]);
  const started = Date.now();
  await expect(card(page, "two.png").locator(".tag").first()).toHaveText("blue square", { timeout: 40_000 });
  expect(Date.now() - started).toBeLessThan(15_000);
});

test("tags of which the model is not sure are shown as guesses, and come last among the suggestions", async ({
  page,
  site,
}) => {
  await visit(page, site);
  for (const name of ["coffee", "rocket"]) await page.getByRole("button", { name: `Try ${name}` }).click();
  await expect(card(page, "coffee.jpg").locator(".tag").first()).toHaveText("espresso", { timeout: 40_000 });
  await expect(card(page, "coffee.jpg").locator(".guess")).toHaveCount(0);
  await expect(card(page, "rocket.jpg").locator(".guess")).toHaveText("Not sure. Perhaps:");
  await expect(card(page, "rocket.jpg").locator(".tag")).toHaveCount(4);
  await expect(page.locator("#suggestions .tag").first()).toHaveText("espresso");
});

test("a card's message covers neither its name nor half a bar", async ({ page, site }) => {
  const labels = ["cat", "coffee", "submarine", "giraffe", "invoice", "snowman"];
  await remember(page, { "cliplet-query": JSON.stringify({ labels }) });
  await visit(page, site);
  for (const name of ["coffee", "flower"]) await page.getByRole("button", { name: `Try ${name}` }).click();
  await expect(card(page, "flower.jpg").locator(".no-match")).toBeVisible({ timeout: 40_000 });
  const [caption, message, list, last] = await Promise.all(
    ["figcaption", ".no-match", ".ranks", ".ranks li:last-child"].map((part) =>
      card(page, "flower.jpg").locator(part).boundingBox(),
    ),
  );
  expect(caption.y + caption.height).toBeLessThanOrEqual(message.y + 1);
  expect(message.y + message.height).toBeLessThanOrEqual(list.y);
  expect(last.y + last.height).toBeLessThanOrEqual(list.y + list.height + 1);
});

test.describe("with everyday words that come late, or never", () => {
  test.use({ serviceWorkers: "block", expectedComplaints: [/ERR_FAILED/] });
  test("a picture says that suggestions are on their way, or asks for labels", async ({ page, site }) => {
    let arrive;
    const arrived = new Promise((resolve) => {
      arrive = resolve;
    });
    await page.route("**/vocabulary.txt", async (route) => {
      await arrived;
      await route.continue();
    });
    await visit(page, site);
    await page.getByRole("button", { name: "Try cat" }).click();
    await expect(card(page, "cat.jpg").locator(".state")).toHaveText("Looking for suggestions…", { timeout: 40_000 });
    arrive();
    await expect(card(page, "cat.jpg").locator(".tag").first()).toBeVisible({ timeout: 40_000 });
    await expect(card(page, "cat.jpg").locator(".state")).toBeHidden();
    await page.unroute("**/vocabulary.txt");
    await page.route("**/vocabulary.txt", (route) => route.abort());
    await page.getByRole("button", { name: "Remove all" }).click();
    await page.reload();
    await page.getByRole("button", { name: "Try flower" }).click();
    await expect(card(page, "flower.jpg").locator(".state")).toHaveText("Add labels to see how well they fit.", {
      timeout: 40_000,
    });
  });
});

test.describe("without its model", () => {
  test.use({ expectedComplaints: [/ERR_FAILED/], serviceWorkers: "block" });
  test("the header no longer shows that it is loading", async ({ page, site }) => {
    await page.route("**/*.gguf", (route) => route.abort());
    await page.goto(site);
    await expect(page.getByRole("alert")).toContainText("could not be loaded", { timeout: 40_000 });
    await expect(page.locator("#model-name")).toHaveText("No model");
  });

  test("a sample that cannot be fetched is named", async ({ page, site }) => {
    await page.route("**/samples/flower.jpg", (route) => route.abort());
    await page.goto(site);
    await page.getByRole("button", { name: "Try flower" }).click();
    await expect(page.getByRole("alert").getByText("flower.jpg could not be fetched. Check the URL.")).toBeVisible();
  });
});

test("a picture that none of the labels describes is shown as no good match", async ({ page, site }) => {
  await remember(page, { "cliplet-query": JSON.stringify({ labels: ["submarine", "giraffe"] }) });
  await visit(page, site);
  await page.getByRole("button", { name: "Try flower" }).click();
  await expect(card(page, "flower.jpg").locator(".no-match")).toHaveText("No good match", { timeout: 40_000 });
  await expect(card(page, "flower.jpg").locator(".no-match")).toHaveAttribute("title", /None of your labels/);
  await page.getByLabel("Show", { exact: true }).selectOption({ label: "No good match (1)" });
  await expect(page.locator(".card")).toHaveCount(1);
});

test.describe("in German", () => {
  test.use({ locale: "de-DE" });
  test("the page speaks the browser's language", async ({ page, site }) => {
    await visit(page, site);
    await expect(page.getByRole("heading", { name: "Bilder hier ablegen" })).toBeVisible();
    await expect(page.getByRole("button", { name: "Katze ausprobieren" })).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
    await drop(page, [await redCircle(page, "eins.png")]);
    await answer(page, "eins.png");
    await page.locator("#label-input").fill("red circle, cat");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("status")).toHaveText(/^eins\.png: red circle, \d+,\d %$/);
  });

  test("problems are told in the page's language", async ({ page, site }) => {
    await visit(page, site);
    const good = await draw(page, paints.redCircle);
    await drop(page, [png("cut.png", good.subarray(0, 200)), png("text.png", Buffer.from("no picture at all"))]);
    await expect(card(page, "cut.png")).toHaveAttribute("data-state", "failed");
    await expect(card(page, "cut.png")).toContainText(/Die PNG-Datei ist (unvollständig|beschädigt)/);
    await expect(card(page, "text.png")).toContainText("Das ist kein Bild einer unterstützten Art");
    await page.locator("#model-button").click();
    await page.locator("#model-hub").fill("clip");
    await page.getByRole("button", { name: "Suchen" }).last().click();
    await expect(page.getByRole("dialog").getByRole("alert")).toContainText(
      "clip ist kein Name eines Modells. Bitte Besitzer und Name vom Hugging Face Hub angeben, etwa openai/clip-vit-base-patch32.",
    );
  });

  test("every string of English is there in German too, of the same kind", async ({ page, site }) => {
    await page.goto(site);
    const [english, german] = await page.evaluate(() => {
      const shape = (strings) =>
        Object.fromEntries(
          Object.entries(strings).map(([key, value]) => [key, typeof value === "object" ? shape(value) : typeof value]),
        );
      const load = async (language) =>
        shape((await import(new URL(`app/strings/${language}.js`, document.baseURI).href)).text);
      return Promise.all(["en", "de"].map(load));
    });
    expect(Object.keys(english).length).toBeGreaterThan(100);
    expect(german).toEqual(english);
  });
});
