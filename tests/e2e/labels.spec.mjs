// Labels: chips, lists, files, sets, templates and ensembles, thresholds, ways to show scores.

import { mkdir, writeFile } from "node:fs/promises";
import { paste } from "./inpage.mjs";
import {
  acceptAnyMatch,
  allDone,
  answer,
  card,
  chips,
  choose,
  draw,
  drop,
  expect,
  many,
  open,
  paints,
  png,
  redCircle,
  setLabels,
  setTemplate,
  test,
} from "./page.mjs";

const input = (page) => page.getByRole("textbox", { name: "Labels", exact: true });
const alone = async (page) => page.getByRole("button", { name: "Clear", exact: true }).click();

test("labels are typed as chips, edited in place and removed, by keyboard alone", async ({ page, site }) => {
  await open(page, site);
  await alone(page);
  await input(page).fill("cat");
  await input(page).press("Enter");
  await input(page).pressSequentially("dog,");
  await expect(chips(page)).toHaveText(["cat", "dog"]);
  await input(page).press("Backspace");
  await expect(chips(page).nth(1)).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.type("red dog");
  await page.keyboard.press("Enter");
  await expect(chips(page)).toHaveText(["cat", "red dog"]);
  await page.keyboard.press("Home");
  await expect(chips(page).first()).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(chips(page)).toHaveText(["red dog"]);
  await page.keyboard.press("Enter");
  await page.keyboard.type("never taken");
  await page.keyboard.press("Escape");
  await expect(chips(page)).toHaveText(["red dog"]);
  await page.getByRole("button", { name: "Remove label red dog" }).click();
  await expect(chips(page)).toHaveCount(0);
});

test("a pasted list of thousands of labels is added and ranked", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await alone(page);
  await input(page).focus();
  await page.evaluate(paste, {
    words: [...Array.from({ length: 3000 }, (_, i) => `thing ${i}`), "red circle"].join("\n"),
  });
  await expect(page.getByText("3,001 labels")).toBeVisible();
  expect(await chips(page).count()).toBeLessThan(200);
  await expect(card(page, "one.png").locator(".label").first()).toHaveText("red circle", { timeout: 50_000 });
});

test("labels come from a text file and from the right column of a CSV file", async ({ page, site }) => {
  await open(page, site);
  await alone(page);
  const give = (name, content) =>
    choose(page, page.getByRole("button", { name: "Import" }), [
      { name, mimeType: "text/plain", buffer: Buffer.from(content) },
    ]);
  await give("list.txt", "cat\ndog, bird\n");
  await expect(chips(page)).toHaveText(["cat", "dog", "bird"]);
  await give("table.csv", '\uFEFFid;label\r\n1;"a ""big"" cat; sitting"\r\n2;gnu\r\n');
  await expect(chips(page)).toHaveText(["cat", "dog", "bird", 'a "big" cat; sitting', "gnu"]);
  await give("empty.csv", "\n");
  await expect(page.getByRole("alert")).toContainText("empty.csv");
  await give("photo.jpg", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 0x4a, 0x46]));
  await expect(page.getByRole("alert")).toContainText("photo.jpg");
});

test("a label is text, whatever it looks like", async ({ page, site }) => {
  await open(page, site);
  const label = "<img src=x onerror=document.title=1>";
  await setLabels(page, `${label}, cat`);
  await drop(page, [await redCircle(page, "<b>one</b>.png")]);
  expect(await answer(page, "<b>one</b>.png")).toContain(label);
  await expect(chips(page).first()).toHaveText(label);
  await page.getByRole("tab", { name: "Overview" }).click();
  expect(await page.locator("img[src=x]").count()).toBe(0);
});

test("named sets are stored, and presets are there", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "zebra, yak");
  await page.getByRole("button", { name: "Save as a set" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Zoo");
  await page.keyboard.press("Enter");
  await page.getByLabel("Label set").selectOption("CIFAR-10 classes");
  await expect(chips(page)).toHaveCount(10);
  await page.reload();
  await expect(chips(page)).toHaveCount(10);
  await page.getByLabel("Label set").selectOption("Zoo");
  await expect(chips(page)).toHaveText(["zebra", "yak"]);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(chips(page)).toHaveCount(10);
  await page.getByLabel("Label set").selectOption("Zoo");
  await page.getByRole("button", { name: "Delete set" }).click();
  await expect(page.getByLabel("Label set").locator("option", { hasText: "Zoo" })).toHaveCount(0);
});

test("a set that is deleted, or saved over, comes back", async ({ page, site }) => {
  await open(page, site);
  const zoo = page.getByLabel("Label set").locator("option", { hasText: "Zoo" });
  const save = async () => {
    await page.getByRole("button", { name: "Save as a set" }).click();
    await page.getByLabel("Name", { exact: true }).fill("Zoo");
    await page.keyboard.press("Enter");
  };
  await setLabels(page, "zebra, yak");
  await save();
  await page.getByRole("button", { name: "Delete set" }).click();
  await expect(zoo).toHaveCount(0);
  await page.locator(".toast", { hasText: "The set Zoo was deleted." }).getByRole("button", { name: "Undo" }).click();
  await expect(zoo).toHaveCount(1);
  await setLabels(page, "owl");
  await save();
  await page.locator(".toast", { hasText: "The set Zoo was replaced." }).getByRole("button", { name: "Undo" }).click();
  await page.reload();
  await page.getByLabel("Label set").selectOption("Zoo");
  await expect(chips(page)).toHaveText(["zebra", "yak"]);
});

test("sets that two tabs save at once are both stored", async ({ page, site, context }) => {
  const other = await context.newPage();
  for (const tab of [page, other]) await open(tab, site);
  for (const [tab, name] of [
    [page, "First"],
    [other, "Second"],
  ]) {
    await tab.getByRole("button", { name: "Save as a set" }).click();
    await tab.getByLabel("Name", { exact: true }).fill(name);
    await tab.keyboard.press("Enter");
  }
  for (const tab of [page, other]) {
    for (const name of ["First", "Second"])
      await expect(tab.getByLabel("Label set").locator("option", { hasText: name })).toHaveCount(1);
  }
});

test("labels written as text survive a template that is chosen while they lose the focus", async ({ page, site }) => {
  await open(page, site);
  await page.getByRole("button", { name: "Edit as text" }).click();
  await page.locator("#labels").evaluate((area) => {
    area.value = "fox, hare";
    area.dispatchEvent(new Event("input"));
    area.blur();
    const kind = document.querySelector("#template-kind");
    kind.value = "best7";
    kind.dispatchEvent(new Event("change"));
  });
  await page.locator("#labels-as-text").click();
  await expect(chips(page)).toHaveText(["fox", "hare"]);
});

test("a template is applied as soon as something else is clicked", async ({ page, site }) => {
  await open(page, site);
  await page.locator("#template").evaluate((field) => {
    field.value = "one {}";
    field.dispatchEvent(new Event("input"));
    document.querySelector("#export-open").click();
  });
  const template = async () =>
    new URLSearchParams(new URL(await page.locator("#share-link").inputValue()).hash.slice(1)).get("template");
  expect(await template()).toBe("one {}");
});

test("nothing moves under the pointer while labels are read", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 1));
  await expect(page.getByRole("status")).toContainText("red circle");
  await page.getByRole("button", { name: "Edit as text" }).click();
  // Playwright fills by the browser's editing command, which takes half a minute for so many lines.
  await page.getByLabel("All labels").evaluate((area) => {
    area.value = Array.from({ length: 3000 }, (_, i) => `label ${i}`).join("\n");
    area.dispatchEvent(new Event("input"));
  });
  const places = () =>
    Promise.all(["#labels-as-text", "#label-set"].map(async (id) => (await page.locator(id).boundingBox()).y));
  const before = await places();
  await page.getByLabel("All labels").blur();
  await expect(page.locator("#labels-progress")).toContainText(/Preparing labels: [\d,]+ of 3,000/);
  expect(await places()).toEqual(before);
});

test("a label of any characters stands in the prompt unchanged", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "$$ and $& cash");
  await expect(page.locator("#template-help")).toContainText("$$ and $& cash");
});

test("labels, template and the way of scoring are remembered", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "zebra\nyak, gnu");
  await setTemplate(page, "one {}");
  await page.getByText("Similarity", { exact: true }).click();
  await page.getByLabel("Labels per card").selectOption("3");
  await expect(page.locator("#template-help")).toContainText("one zebra");
  await page.waitForTimeout(300);
  await page.reload();
  await expect(chips(page)).toHaveText(["zebra", "yak", "gnu"]);
  await expect(page.getByLabel("Prompt template")).toHaveValue("one {}");
  await expect(page.getByRole("radio", { name: "Similarity" })).toBeChecked();
  await expect(page.getByLabel("Labels per card")).toHaveValue("3");
});

/** The engine's own ranking, by the page's package; with each label's cosine. */
const engine = (page, templates, labels, base64) =>
  page.evaluate(
    async ([given, names, picture]) => {
      const { Cliplet } = await import(new URL("cliplet/index.js", document.baseURI).href);
      const clip = await Cliplet.load(undefined, { threads: 1 });
      const blob = new Blob([Uint8Array.from(atob(picture), (c) => c.charCodeAt(0))]);
      const ranked = await clip.classify(blob, names, { templates: given });
      clip.dispose();
      return ranked.map(({ label, logit, score }) => ({ label, score, cosine: logit / clip.info.logit_scale }));
    },
    [templates, labels, base64],
  );

const shown = async (page, name) => {
  const [labels, scores] = await Promise.all(
    [".label", ".score"].map((part) => card(page, name).locator(`.ranks ${part}`).allTextContents()),
  );
  return labels.map((label, i) => [label, parseFloat(scores[i].replace("<", ""))]);
};

for (const [choice, count] of [
  ["CLIP’s 7 best", 7],
  ["CLIP’s 80", 80],
]) {
  test(`${choice}: the ensemble's numbers are the engine's`, async ({ page, site }) => {
    await open(page, site);
    const labels = ["cat", "red circle", "pizza", "blue circle"];
    await setLabels(page, labels.join(", "));
    const picture = await draw(page, paints.redCircle);
    await drop(page, [png("one.png", picture)]);
    await answer(page, "one.png");
    await page.getByText("Similarity", { exact: true }).click();
    await expect.poll(async () => (await shown(page, "one.png"))[0][1]).toBeLessThan(1);
    const before = await shown(page, "one.png");
    await page.getByLabel("Prompt", { exact: true }).selectOption(choice);
    await expect(page.locator("#template-help")).toContainText(`and ${count - 1} more`);
    await page.getByText("Show these templates").click();
    const templates = (await page.locator("#templates-lines").textContent()).split("\n");
    expect(templates).toHaveLength(count);
    await expect.poll(() => shown(page, "one.png")).not.toEqual(before);
    const ranked = await engine(page, templates, labels, picture.toString("base64"));
    const found = await shown(page, "one.png");
    expect(found.map(([label]) => label)).toEqual(ranked.map(({ label }) => label));
    for (const [i, [, cosine]] of found.entries()) expect(Math.abs(cosine - ranked[i].cosine)).toBeLessThan(0.001);
  });
}

test("several templates of one's own are averaged; the preview follows every keystroke", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "cat, red circle");
  await page.getByLabel("Prompt", { exact: true }).selectOption("Several of your own");
  await page.getByLabel("Your templates, one per line").fill("a {}\nthe");
  await expect(page.getByLabel("Your templates, one per line")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("Your templates, one per line").fill("a {}\nthe {} there");
  await expect(page.locator("#template-help")).toHaveText("CLIP reads: “a cat” and 1 more, averaged");
  const picture = await draw(page, paints.redCircle);
  await drop(page, [png("one.png", picture)]);
  await answer(page, "one.png");
  await page.waitForTimeout(400);
  const ranked = await engine(page, ["a {}", "the {} there"], ["cat", "red circle"], picture.toString("base64"));
  await expect.poll(async () => (await shown(page, "one.png"))[0][1]).toBeCloseTo(100 * ranked[0].score, 0);
});

test("similarity is the cosine, and is the same whatever other labels there are", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "red circle, cat");
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  await page.getByText("Similarity", { exact: true }).click();
  await expect.poll(async () => (await shown(page, "one.png"))[0][1]).toBeLessThan(1);
  const [label, before] = (await shown(page, "one.png"))[0];
  expect(label).toBe("red circle");
  await setLabels(page, "red circle, cat, red, circle, ball");
  await expect(card(page, "one.png").locator(".label")).toHaveCount(5);
  const after = Object.fromEntries(await shown(page, "one.png"));
  expect(after["red circle"]).toBeCloseTo(before, 3);
});

test("'no good match' is the answer below the threshold that was set", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "red circle, red disc, red ball");
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  await page.getByLabel("Say when nothing is a good match").check();
  await page.getByLabel("Threshold").fill("1");
  await expect(card(page, "one.png").locator(".no-match")).toHaveText("No good match");
  await page.getByLabel("Show", { exact: true }).selectOption({ label: "No good match (1)" });
  await expect(page.locator(".card")).toHaveCount(1);
  await page.getByLabel("Threshold").fill("0");
  await expect(page.locator(".card")).toHaveCount(0);
  await page.getByLabel("Show", { exact: true }).selectOption({ label: "All (1)" });
  await expect(card(page, "one.png").locator(".no-match")).toHaveCount(0);
  await expect(card(page, "one.png").locator(".label").first()).toHaveText("red circle");
});

test("of a single label no share is told, which would always be all", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "red circle");
  await acceptAnyMatch(page);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  await expect(card(page, "one.png").locator(".score")).toHaveText("");
  await expect(page.getByRole("status")).toHaveText("one.png: red circle");
  await setLabels(page, "red circle, cat");
  await expect(card(page, "one.png").locator(".score").first()).toHaveText(/%$/);
});

test("pictures are filtered by label and sorted, and cards show as many labels as wished", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "red circle, blue square, cat, dog");
  await setTemplate(page, "a {}");
  await drop(page, await many(page, 20));
  await allDone(page, 20);
  await page.getByLabel("Labels per card").selectOption("1, the best");
  await expect(card(page, "circle-0.png").locator(".label")).toHaveText(["red circle"]);
  await page.getByLabel("Show", { exact: true }).selectOption({ label: "blue square (10)" });
  await expect(page.getByText("10 of 20 shown")).toBeVisible();
  await expect(page.locator(".card").first()).toContainText("square-1.png");
  await page.getByLabel("Show", { exact: true }).selectOption({ label: "All (20)" });
  await page.getByLabel("Sort").selectOption("By label");
  await expect(page.locator(".card").first()).toContainText("circle");
  await page.getByLabel("Sort").selectOption("By name");
  await expect(page.locator(".card figcaption").nth(1)).toHaveText("circle-2.png");
});

test("the overview counts labels, and shows confusions and how certain answers are", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, "red circle, blue square, cat");
  await setTemplate(page, "a {}");
  await drop(page, await many(page, 20));
  await allDone(page, 20);
  await page.getByRole("tab", { name: "Overview" }).click();
  await expect(page.getByRole("region", { name: "Pictures per label" }).getByRole("button")).toHaveCount(2);
  const bins = page.getByRole("region", { name: "How certain" }).getByRole("button");
  const counted = await bins.evaluateAll((all) => all.map((bin) => Number(/: (\d+)/.exec(bin.ariaLabel)[1])));
  expect(counted.reduce((a, b) => a + b)).toBe(20);
  const cells = page.getByRole("table").getByRole("button");
  const numbers = await cells.allTextContents();
  expect(numbers.map(Number).reduce((a, b) => a + b)).toBe(20);
  await page
    .getByRole("button", { name: /red circle.*10/ })
    .first()
    .focus();
  await drop(page, [{ ...(await many(page, 2))[1], name: "square-21.png" }]);
  await allDone(page, 21);
  await expect(page.getByRole("button", { name: /red circle.*10/ }).first()).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText("10 of 21 shown")).toBeVisible();
  await expect(page.getByText("Best label: red circle")).toBeVisible();
  await expect(page.getByRole("button", { name: "Show all" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText("10 of 21 shown")).toBeHidden();
});

test("pictures in folders: the overview compares the folders with the best labels", async ({ page, site }, info) => {
  await open(page, site);
  await setLabels(page, "red circle, blue square, cat");
  await setTemplate(page, "a {}");
  const folder = info.outputPath("set");
  for (const [index, { name, bytes }] of (await many(page, 8)).entries()) {
    // One circle is filed as a square.
    const kind = name.startsWith("circle") && index > 0 ? "round" : "angular";
    await mkdir(`${folder}/${kind}`, { recursive: true });
    await writeFile(`${folder}/${kind}/${name}`, bytes);
  }
  await choose(page, page.getByRole("button", { name: "Add folder" }), folder);
  await allDone(page, 8);
  await page.getByRole("tab", { name: "Overview" }).click();
  await expect(page.getByRole("button", { name: "round / red circle: 3" })).toBeVisible();
  await expect(page.getByRole("button", { name: "angular / blue square: 4" })).toBeVisible();
  await page.getByRole("button", { name: "angular / red circle: 1" }).click();
  await expect(page.locator(".card figcaption")).toHaveText(["circle-0.png"]);
});

test("a picture opens large with every label's bar, and arrows go to the next", async ({ page, site }) => {
  await open(page, site);
  await setLabels(page, Array.from({ length: 30 }, (_, i) => `thing ${i}`).join(", "));
  await drop(page, await many(page, 3));
  await answer(page, "circle-2.png");
  await page.getByRole("button", { name: "Open circle-0.png" }).click();
  const dialog = page.getByRole("dialog", { name: "circle-0.png" });
  await expect(dialog.locator(".label")).toHaveCount(30);
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("dialog", { name: "square-1.png" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Open square-1.png" })).toBeFocused();
});
