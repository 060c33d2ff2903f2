// Everyone: axe in every state, the keyboard, narrow and wide, right to left, and a page that never stalls.

import { watchStalls } from "./inpage.mjs";
import { allDone, answer, drop, expect, many, mood, open, redCircle, serious, setLabels, test } from "./page.mjs";

/** Every state that a person can bring about, each from the one before. */
const states = {
  empty: async () => {},
  results: async (page) => {
    await drop(page, [
      await redCircle(page, "good.png"),
      { name: "bad.jpg", type: "image/jpeg", bytes: Buffer.from("not a picture") },
    ]);
    await answer(page, "good.png");
    await expect(page.getByRole("status")).toHaveText("1 picture done, 1 could not be read");
  },
  "none of these": async (page) => {
    await page.getByLabel("Say when nothing is a good match").check();
    await page.getByLabel("Threshold").fill("1");
    await expect(page.locator(".card .no-match")).not.toHaveCount(0);
    await page.getByRole("button", { name: "Back to automatic" }).click();
  },
  crowded: async (page) => {
    await drop(page, await many(page, 40));
    await expect(page.getByRole("status")).toContainText("41 pictures done");
  },
  "labels as text": (page) => page.getByRole("button", { name: "Edit as text" }).click(),
  ensemble: async (page) => {
    await page.getByRole("button", { name: "Done", exact: true }).click();
    await page.getByLabel("Prompt", { exact: true }).selectOption("CLIP’s 7 best");
    await page.getByText("Show these templates").click();
  },
  search: async (page) => {
    await page.getByRole("searchbox").fill("a red thing");
    await page.getByRole("searchbox").press("Enter");
    await expect(page.locator("#reference")).toBeVisible();
  },
  overview: (page) => page.getByRole("tab", { name: "Overview" }).click(),
  map: async (page) => {
    await page.getByRole("tab", { name: "Map" }).click();
    await expect(page.locator(".point")).not.toHaveCount(0);
  },
  "nothing fits": async (page) => {
    await page.getByRole("tab", { name: "Gallery" }).click();
    await page.getByLabel("Show", { exact: true }).selectOption({ label: "Could not be read (1)" });
    await page.getByRole("button", { name: "Remove bad.jpg" }).click();
    await expect(page.getByText("No pictures here.")).toBeVisible();
    await expect(page.getByLabel("Show", { exact: true }).locator("option:checked")).toHaveText("Could not be read");
    await page.getByLabel("Show", { exact: true }).selectOption({ index: 0 });
  },
  detail: async (page) => {
    await page.getByRole("button", { name: "Open good.png" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
  },
  selection: async (page) => {
    await page.keyboard.press("Escape");
    await page.getByRole("checkbox", { name: "Select good.png" }).check();
    await expect(page.locator("#selection")).toBeVisible();
  },
  "learning a label": (page) => page.locator("#selection-learn").click(),
  export: async (page) => {
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Clear selection" }).click();
    await expect(page.locator("#selection")).toBeHidden();
    await page.getByRole("button", { name: "Export" }).click();
  },
  "saving a set": async (page) => {
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Save as a set" }).click();
  },
  address: async (page) => {
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "From URL" }).click();
  },
  notice: async (page) => {
    await page.getByLabel("URL", { exact: true }).fill("https://elsewhere.example/cat.jpg");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toBeVisible();
  },
  camera: async (page) => {
    await page.getByRole("button", { name: "Camera" }).click();
    await expect(page.locator("#camera-bars .label")).not.toHaveCount(0);
  },
  model: async (page) => {
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator("#model-button").click();
    await expect(page.getByRole("dialog")).toBeVisible();
  },
};

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing serious in any state, ${colorScheme}`, { tag: `@${colorScheme}` }, async ({ page, site }) => {
    test.setTimeout(300_000);
    await mood(page, { colorScheme, reducedMotion: "reduce" });
    await open(page, site);
    for (const [state, reach] of Object.entries(states)) {
      await reach(page);
      expect(await serious(page), state).toEqual([]);
    }
  });
}

test("axe finds nothing serious on a phone", async ({ page, site }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await open(page, site);
  for (const state of ["empty", "results", "crowded", "overview", "map"]) {
    await states[state](page);
    expect(await serious(page), state).toEqual([]);
  }
});

test("the keyboard reaches everything, and shows where it is", async ({ page, site }) => {
  await open(page, site);
  const reached = new Set();
  const wanted = [
    "skip",
    "model-button",
    "label-input",
    "chip-body",
    "label-set",
    "template",
    "score-share",
    "add",
    "camera-open",
    "sample",
  ];
  for (let i = 0; i < 40 && !wanted.every((id) => reached.has(id)); i += 1) {
    await page.keyboard.press("Tab");
    const [name, outline] = await page.evaluate(() => {
      const { id, className } = document.activeElement;
      const own = getComputedStyle(document.activeElement);
      const segment = getComputedStyle(document.activeElement.nextElementSibling ?? document.activeElement);
      return [id || className, own.outlineStyle !== "none" || segment.outlineStyle !== "none"];
    });
    if (name) expect(outline, name).toBe(true);
    reached.add(name);
  }
  for (const id of wanted) expect([...reached]).toContain(id);
  await page.getByRole("button", { name: "Try cat" }).focus();
  await page.keyboard.press("Enter");
  await answer(page, "cat.jpg");
  await page.getByRole("button", { name: "Remove cat.jpg" }).press("Enter");
  await expect(page.locator("#add")).toBeFocused();
});

test("results are announced", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await expect(page.getByRole("status")).toHaveText(/^one\.png: red circle, \d/);
  await drop(page, await many(page, 3));
  await allDone(page, 4);
});

/** Nothing sticks out sideways. */
const fits = async (page, width) =>
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);

for (const [width, height] of [
  [320, 640],
  [768, 1024],
  [3840, 2160],
]) {
  for (const direction of ["ltr", "rtl"]) {
    test(`everything fits at ${width} pixels, ${direction}`, async ({ page, site }) => {
      await page.setViewportSize({ width, height });
      await page.route("**/app/strings/en.js", async (route) => {
        const response = await route.fetch();
        await route.fulfill({
          response,
          body: (await response.text()).replace('direction: "ltr"', `direction: "${direction}"`),
        });
      });
      await open(page, site);
      expect(await page.evaluate(() => document.documentElement.dir)).toBe(direction);
      await fits(page, width);
      await setLabels(
        page,
        "a label that is so long that no chip and no bar could ever show the whole of it at once, cat, كلب, 犬",
      );
      await drop(page, [...(await many(page, 30)), await redCircle(page, `${"a-rather-long-name-".repeat(6)}.png`)]);
      await allDone(page, 31);
      await fits(page, width);
      for (const view of ["Overview", "Map", "Gallery"]) {
        await page.getByRole("tab", { name: view }).click();
        await fits(page, width);
      }
    });
  }
}

test("with the system's own colours, bars and choices are still seen", { tag: "@forced" }, async ({ page, site }) => {
  await mood(page, { forcedColors: "active" });
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  const border = await page.evaluate(
    () => getComputedStyle(document.querySelector(".ranks li"), "::before").borderTopWidth,
  );
  expect(border).toBe("1px");
  expect(await serious(page)).toEqual([]);
});

test("with more contrast asked for, axe finds nothing serious", { tag: "@contrast" }, async ({ page, site }) => {
  await mood(page, { contrast: "more" });
  await open(page, site);
  await states.results(page);
  expect(await serious(page)).toEqual([]);
});

/** Put behind the strings: marks every one of them. */
const MARK = `
function mark(strings) {
  for (const [key, value] of Object.entries(strings)) {
    if (["language", "direction"].includes(key)) continue;
    if (typeof value === "string") strings[key] = "⟦" + value + "⟧";
    else if (typeof value === "function") strings[key] = (...given) => "⟦" + value(...given) + "⟧";
    else mark(value);
  }
}
mark(text);`;

test("every word comes from the one file of strings", async ({ page, site }) => {
  await page.route("**/app/strings/en.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${await response.text()}${MARK}` });
  });
  await open(page, site);
  await drop(page, await many(page, 5));
  await expect(page.getByRole("status")).toContainText("5 pictures done");
  for (const id of ["tab-overview", "tab-map", "tab-gallery", "export-open"]) await page.locator(`#${id}`).click();
  const unmarked = await page.evaluate(() => {
    // Not the page's words: its name, the person's own, the models', and what scripts are called.
    const others =
      "h1, #chips, .tags, #labels, #model-name, #model-sizes, #model-facts dd, .label, figcaption, #matrix th, #stored, #model-source, #templates-lines, #detail-name, #model-url, noscript, script, style";
    const found = [];
    const look = (words, element) =>
      /\p{L}{2,}/u.test(words) && !words.includes("⟦") && !element.closest(others) && found.push(words.trim());
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) look(walker.currentNode.data, walker.currentNode.parentElement);
    for (const element of document.body.querySelectorAll("[aria-label], [title], [placeholder]")) {
      for (const name of ["aria-label", "title", "placeholder"]) look(element.getAttribute(name) ?? "", element);
    }
    return found;
  });
  expect(unmarked).toEqual([]);
});

test("while hundreds of pictures are classified, the page's thread stays free; how free is shown", async ({
  page,
  site,
}, info) => {
  await open(page, site);
  await setLabels(page, Array.from({ length: 500 }, (_, i) => `thing ${i}`).join("\n"));
  const given = await many(page, 200);
  await page.evaluate(watchStalls);
  await drop(page, given);
  await page.evaluate(() => (globalThis.stalls.length = 0));
  await page.mouse.move(700, 500);
  for (let i = 0; i < 12; i += 1) await page.mouse.wheel(0, i % 2 ? -900 : 900);
  await expect(page.getByRole("status")).toHaveText("200 pictures done", { timeout: 50_000 });
  const stalls = await page.evaluate(() => globalThis.stalls);
  const words = await page.locator("#speed").textContent();
  expect(words).toMatch(
    /^200 pictures in .* per second\.( The page (never stalled|stalled once, for \d+ ms|stalled \d+ times, at most \d+ ms)|$)/,
  );
  const measured = `${words} Tasks over 50 ms: ${stalls.length ? stalls.map(Math.round).join(", ") : "none"}.`;
  info.annotations.push({ type: "main thread", description: measured });
  console.log(`\nmain thread while classifying: ${measured}`);
});

test.describe("in the longer words of German", () => {
  test.use({ locale: "de-DE" });
  for (const width of [320, 768]) {
    test(`the selection's bar is low at ${width} pixels, and nothing in it covers anything`, async ({ page, site }) => {
      await page.setViewportSize({ width, height: 800 });
      await open(page, site);
      await drop(page, await many(page, 1));
      await answer(page, "circle-0.png");
      await page.getByRole("checkbox", { name: "circle-0.png auswählen" }).check();
      const bar = page.locator("#selection");
      expect((await bar.boundingBox()).height).toBeLessThan(110);
      const boxes = await bar
        .locator("strong, button, select")
        .evaluateAll((parts) => parts.map((part) => part.getBoundingClientRect().toJSON()));
      expect(boxes.length).toBeGreaterThan(5);
      for (const [i, a] of boxes.entries())
        for (const b of boxes.slice(0, i)) {
          const apart = a.left >= b.right || b.left >= a.right || a.top >= b.bottom || b.top >= a.bottom;
          expect(apart, JSON.stringify([a, b])).toBe(true);
        }
      await page.getByRole("button", { name: "Auswahl aufheben" }).click();
      await expect(bar).toHaveCount(0);
    });
  }
});
