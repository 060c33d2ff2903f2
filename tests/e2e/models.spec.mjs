// The dialog about models: sizes before anything loads, models stored on this device, and the card.

import { readFile } from "node:fs/promises";
import { answer, beforeEngine, choose, drop, expect, open, redCircle, serious, hubTest as test } from "./page.mjs";

const TINY = new URL("../parity/tiny/", import.meta.url);

let hub;
test.beforeEach(({ hub: started }) => {
  hub = started;
});
// The service worker holds the engine to the real Hub; the stand-in is let through by the server alone.
test.use({ serviceWorkers: "block", expectedComplaints: [/404/] });

/** Opens the page with the stand-in as its Hub. */
async function openWithHub(page, site) {
  await page.route(site, async (route) => {
    const response = await route.fetch();
    await route.fulfill({
      response,
      body: (await response.text()).replace('content="https://huggingface.co"', `content="${hub.url}"`),
    });
  });
  await open(page, site);
}

const dialog = (page) => page.getByRole("dialog", { name: "Model" });
const cached = (page, name) => page.locator("#stored li", { hasText: name });

async function lookUp(page, id = "some/tiny") {
  await page.locator("#model-button").click();
  await page.getByLabel("From the Hugging Face Hub").fill(id);
  await page.getByRole("button", { name: "Look up" }).click();
}

test("a Hub model is offered with its size, loaded on request, cached, listed and deleted", async ({ page, site }) => {
  await openWithHub(page, site);
  expect(hub.requests).toEqual([]);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  await lookUp(page);
  await expect(page.locator("#model-offer")).toContainText("some/tiny: 179 kB to download");
  await expect(page.locator("#model-offer")).toContainText("There is room for");
  await expect(page.locator("#model-name")).toHaveText("Included model");
  await page.getByRole("button", { name: "Load 179 kB" }).click();
  await expect(page.locator("#model-name")).toHaveText("some/tiny");
  await answer(page, "one.png");

  await page.locator("#model-button").click();
  await expect(dialog(page)).toContainText("https://huggingface.co/some/tiny");
  await expect(cached(page, "some/tiny")).toContainText(/kB · 8 bits · from https:\/\/huggingface.co\/some\/tiny/);
  await expect(cached(page, "some/tiny").locator("p")).toHaveAttribute("title", /^checksum [0-9a-f]{16}$/);
  await expect(cached(page, "some/tiny")).toContainText("in use");
  expect(await serious(page)).toEqual([]);
  await page.getByRole("button", { name: "Load cliplet-everyday" }).click();
  await expect(page.locator("#model-name")).toHaveText("Included model");
  const asked = hub.requests.length;
  await page.locator("#model-button").click();
  await page.getByRole("button", { name: "Load some/tiny" }).click();
  await expect(page.locator("#model-name")).toHaveText("some/tiny");
  expect(hub.requests.length).toBe(asked);
  await page.locator("#model-button").click();
  await page.getByRole("button", { name: "Delete some/tiny" }).click();
  await expect(cached(page, "some/tiny")).toHaveCount(0);
  for (const { method, body } of hub.requests) expect({ method, body }).toEqual({ method: "GET", body: undefined });
});

test("declining the offer loads nothing", async ({ page, site }) => {
  await openWithHub(page, site);
  await lookUp(page);
  await page.getByRole("button", { name: "Not now" }).click();
  await expect(page.locator("#model-offer")).toBeHidden();
  await expect(cached(page, "some/tiny")).toHaveCount(0);
});

test("a model that is not on the Hub is reported", async ({ page, site }) => {
  await openWithHub(page, site);
  await lookUp(page, "no/such");
  await expect(page.getByRole("alert")).toContainText("no/such");
});

test("weights chosen with their JSON files load; alone they give an error that names the missing files", async ({
  page,
  site,
}) => {
  await open(page, site);
  const file = async (name) => ({
    name,
    mimeType: "application/octet-stream",
    buffer: await readFile(new URL(name, TINY)),
  });
  const give = async (names) => {
    await page.locator("#model-button").click();
    await choose(page, page.getByRole("button", { name: "Open a model file" }), await Promise.all(names.map(file)));
  };
  await give(["model.safetensors"]);
  await expect(page.getByRole("alert")).toContainText("config.json and tokenizer.json");
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.keyboard.press("Escape");
  await give(["model.safetensors", "config.json", "tokenizer.json", "preprocessor_config.json"]);
  await expect(page.locator('[data-fact="quantization"]')).toHaveText("q8");
  await expect(page.locator("#model-name")).not.toHaveText("Included model");
});

test("a link's model is offered with its size, not loaded", async ({ page, site }) => {
  await openWithHub(page, `${site}`);
  await page.goto("about:blank");
  await page.goto(`${site}#model=hf%3Asome%2Ftiny`);
  await page.getByRole("alert").getByRole("button", { name: "Load" }).click();
  await expect(page.locator("#model-offer")).toContainText("179 kB to download");
  expect(hub.served).toBeLessThan(2 * hub.size);
  await expect(page.locator("#model-name")).not.toHaveText("some/tiny");
});

test("a full disk is reported clearly, and the model is used all the same", async ({ page, site }) => {
  await beforeEngine(
    page,
    `const put = Cache.prototype.put; Cache.prototype.put = function (key, value) {
      if (String(key).includes("hf%3A")) throw new DOMException("no room", "QuotaExceededError");
      return put.call(this, key, value); };`,
  );
  await openWithHub(page, site);
  await lookUp(page);
  await page.getByRole("button", { name: "Load 179 kB" }).click();
  await expect(page.locator("#model-name")).toHaveText("some/tiny");
  await expect(page.getByRole("alert")).toContainText("this device has no room for it");
});

/** Opens the page whose better model is the stand-in's. */
async function openWithBetter(page, site) {
  await page.route(site, async (route) => {
    const response = await route.fetch();
    const body = (await response.text())
      .replace('content="https://huggingface.co"', `content="${hub.url}"`)
      .replace("hf:openai/clip-vit-base-patch32", "hf:some/tiny");
    await route.fulfill({ response, body });
  });
  await open(page, site);
}

test("a better model comes with one click, and the small one answers meanwhile", async ({ page, site }) => {
  await openWithBetter(page, site);
  let letGo;
  const gate = new Promise((resolve) => {
    letGo = resolve;
  });
  await page.context().route(/model\.safetensors/, async (route) => {
    await gate;
    return route.continue();
  });
  await expect(page.locator("#better-model")).toHaveAttribute(
    "title",
    /605 MB to download once, 157 MB stored on this device/,
  );
  await expect(page.locator("#better-model")).toHaveText("Better model: 605 MB");
  await page.locator("#better-model").click();
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  letGo();
  await expect(page.locator("#model-name")).toHaveText("some/tiny");
  await expect(page.locator("#better-model")).toHaveCount(0);
  await answer(page, "one.png");
});

test("a better model's download is cancelled and resumed where it was", async ({ page, site }) => {
  await openWithBetter(page, site);
  hub.hang = 100_000;
  await page.locator("#better-model").click();
  await expect(page.locator("#loading-text")).toHaveText(/^Loading some\/tiny: [\d.]{2,} kB of \d+ kB$/);
  await page.locator("#loading-cancel").click();
  const notice = page.getByRole("alert");
  await expect(notice).toContainText("Loading canceled. You can go on with the current model.");
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  Object.assign(hub, { hang: Infinity, requests: [] });
  await notice.getByRole("button", { name: "Resume" }).click();
  await expect(page.locator("#model-name")).toHaveText("some/tiny");
  const weights = hub.requests.filter(({ name, method }) => name === "model.safetensors" && method === "GET");
  expect(weights.map(({ range }) => range).join()).toMatch(/bytes=\d{5,}-$/);
});

test("a pasted Hub address works, and errors stay in the dialog", async ({ page, site }) => {
  await openWithHub(page, site);
  await lookUp(page, "no/such");
  await expect(dialog(page).getByRole("alert")).toContainText("no/such");
  await expect(dialog(page)).toBeVisible();
  await page.getByLabel("From the Hugging Face Hub").fill("https://huggingface.co/some/tiny/tree/main?x=1");
  await page.getByRole("button", { name: "Look up" }).click();
  await expect(page.locator("#model-offer")).toContainText("some/tiny: 179 kB to download");
  await expect(dialog(page).getByRole("alert")).toHaveCount(0);
});

test("other sizes are one click from being looked up", async ({ page, site }) => {
  await openWithHub(page, site);
  await page.locator("#model-button").click();
  await page.getByRole("button", { name: "CLIP ViT-L/14", exact: true }).click();
  await expect(dialog(page).getByRole("alert")).toContainText("The model could not be loaded.");
  expect(hub.requests.map(({ id }) => id)).toContain("openai/clip-vit-large-patch14");
});

test("defaults that stand in for an absent file are told, at once and in the dialog", async ({ page, site }) => {
  hub.absent = ["preprocessor_config.json"];
  await openWithHub(page, site);
  await lookUp(page);
  await page.locator("#model-offer-load").click();
  await expect(page.locator("#model-name")).toHaveText("some/tiny");
  const words = "some/tiny works with standard settings: neither processor_config.json nor preprocessor_config.json";
  await expect(page.getByRole("alert")).toContainText(words);
  await page.locator("#model-button").click();
  await expect(page.locator("#model-warnings")).toContainText(words);
});

test("the model card names limits and bias", async ({ page, site }) => {
  await open(page, site);
  await page.locator("#model-button").click();
  await page.getByText("What CLIP can and cannot do").click();
  await expect(dialog(page)).toContainText("bias");
  await expect(dialog(page)).toContainText("Do not use it to judge or identify people");
});
