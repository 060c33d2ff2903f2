// Bad pictures and bad weights: a message that names the file, and everything else goes on.

import { readFile } from "node:fs/promises";
import { answer, card, choose, draw, drop, expect, MODEL, open, paints, png, ready, redCircle, test } from "./page.mjs";

/** A PNG header that claims 30000 x 30000 pixels of four bytes, and nothing behind it. */
const HUGE = Buffer.concat([
  Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"),
  Buffer.from([0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 8, 6, 0, 0, 0]),
  Buffer.alloc(64),
]);

test("a damaged picture, a text named .jpg and a forged header are refused by name; the others are classified", async ({
  page,
  site,
}) => {
  await open(page, site);
  const whole = await draw(page, paints.redCircle);
  await drop(page, [
    png("cut.png", whole.subarray(0, whole.length / 2)),
    { name: "letter.jpg", type: "image/jpeg", bytes: Buffer.from("Dear sir or madam") },
    png("huge.png", HUGE),
    png("good.png", whole),
  ]);
  await answer(page, "good.png");
  for (const name of ["cut.png", "letter.jpg", "huge.png"]) {
    await expect(card(page, name)).toHaveAttribute("data-state", "failed");
    expect((await card(page, name).locator(".state").textContent()).length).toBeGreaterThan(10);
  }
  // The name stands above the message, which does not repeat it.
  await expect(card(page, "letter.jpg").locator(".state")).toHaveText(/^This is not a picture/);
  await expect(page.getByRole("status")).toHaveText("1 picture done, 3 could not be read");
});

test("a dropped folder is added with its folders, except for what cannot be read", async ({ page, site }) => {
  await open(page, site);
  const base64 = (await draw(page, paints.redCircle)).toString("base64");
  await page.evaluate((base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const file = (fullPath) => {
      const name = fullPath.split("/").pop();
      return { isFile: true, fullPath, file: (take) => take(new File([bytes], name, { type: "image/png" })) };
    };
    const locked = {
      isFile: true,
      fullPath: "/trip/locked.png",
      file: (_, refuse) => refuse(new DOMException("no", "NotReadableError")),
    };
    const folder = (fullPath, entries) => ({
      isDirectory: true,
      fullPath,
      createReader: () => {
        const batches = [entries, []];
        return { readEntries: (take) => take(batches.shift()) };
      },
    });
    const shut = {
      isDirectory: true,
      fullPath: "/trip/shut",
      createReader: () => ({ readEntries: (_, refuse) => refuse(new DOMException("no", "NotReadableError")) }),
    };
    const entry = folder("/trip", [
      file("/trip/one.png"),
      locked,
      shut,
      folder("/trip/day", [file("/trip/day/two.png")]),
    ]);
    const event = Object.assign(new Event("drop", { bubbles: true, cancelable: true }), {
      dataTransfer: { types: ["Files"], items: [{ webkitGetAsEntry: () => entry }], files: [] },
    });
    document.querySelector("main").dispatchEvent(event);
  }, base64);
  await answer(page, "one.png");
  await answer(page, "two.png");
  await expect(page.getByRole("alert")).toContainText(
    "Could not read trip/locked.png and 1 more. Everything else was added.",
  );
});

test("a camera that is granted after another was requested is released", async ({ page, site }) => {
  await page.addInitScript(() => {
    // Firefox runs this on the empty page before, too.
    if (!navigator.mediaDevices) return;
    globalThis.granted = [];
    navigator.mediaDevices.getUserMedia = () =>
      new Promise((resolve) =>
        setTimeout(() => {
          const canvas = document.createElement("canvas");
          canvas.getContext("2d").fillRect(0, 0, 10, 10);
          const stream = canvas.captureStream(5);
          granted.push(stream);
          resolve(stream);
        }, 300),
      );
  });
  await open(page, site);
  const button = page.getByRole("button", { name: "Camera", exact: true });
  await button.click();
  await button.click();
  await expect(page.locator("#camera")).toBeVisible();
  const live = () => page.evaluate(() => granted.map((stream) => stream.getTracks()[0].readyState));
  await expect.poll(live).toEqual(["ended", "live"]);
  await page.locator("#camera-stop").click();
  await expect.poll(live).toEqual(["ended", "ended"]);
});

async function openModel(page, name, buffer) {
  await page.locator("#model-button").click();
  await choose(page, page.getByRole("button", { name: "Open a model file" }), [
    { name, mimeType: "application/octet-stream", buffer },
  ]);
}

test("damaged weights are refused by name and the model in use stays", async ({ page, site }) => {
  await open(page, site);
  const model = await readFile(MODEL);
  const flipped = Buffer.from(model);
  flipped[Math.floor(model.length * 0.7)] ^= 0x40;
  const bad = {
    "cut.gguf": model.subarray(0, model.length / 2),
    "flipped.gguf": flipped,
    "text.gguf": Buffer.from("hello"),
  };
  for (const [name, bytes] of Object.entries(bad)) {
    await openModel(page, name, bytes);
    await expect(page.getByRole("alert")).toContainText(name);
    await expect(page.getByRole("alert")).toContainText("You can go on with the current model.");
    await page.getByRole("button", { name: "Dismiss" }).click();
    await page.keyboard.press("Escape");
  }
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
});

test("a complete model file replaces the model in use and pictures are classified again", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [await redCircle(page, "one.png")]);
  await answer(page, "one.png");
  await openModel(page, "mine.gguf", await readFile(MODEL));
  await expect(page.locator("#model-name")).not.toHaveText("Included model");
  await answer(page, "one.png");
  await page.locator("#model-button").click();
  await page.getByRole("button", { name: "Back to the included model" }).click();
  await expect(page.locator("#model-name")).toHaveText("Included model");
});

test("a damaged download is reported and not cached, and the next visit loads the model", async ({ page, site }) => {
  const model = await readFile(MODEL);
  await page.route("**/*.gguf", (route) => route.fulfill({ body: model.subarray(0, 100_000) }));
  await page.goto(site);
  await expect(page.getByRole("alert")).toContainText("cliplet-everyday.gguf");
  await page.unroute("**/*.gguf");
  await page.reload();
  await ready(page);
});

test.describe("missing model", () => {
  test.use({ expectedComplaints: [/404/] });
  test("an address that is not there is named", async ({ page, site }) => {
    await open(page, site);
    await page.locator("#model-button").click();
    await page.getByLabel("From a URL on this site").fill("models/none.gguf");
    await page.getByRole("button", { name: "Load", exact: true }).click();
    await expect(page.getByRole("alert")).toContainText("none.gguf");
    await expect(page.getByRole("alert")).toContainText("404");
  });
});

test("loading can be cancelled", async ({ page, site }) => {
  await page.route("**/*.gguf", () => {});
  await page.goto(site);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("alert")).toContainText("canceled");
});
