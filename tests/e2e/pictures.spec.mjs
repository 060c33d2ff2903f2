// Pictures in: whole folders, addresses, the camera, formats of the browser's own; hundreds at once.

import { mkdir, writeFile } from "node:fs/promises";
import { paste } from "./inpage.mjs";
import {
  allDone,
  answer,
  card,
  chips,
  choose,
  draw,
  drop,
  expect,
  many,
  names,
  open,
  paints,
  redCircle,
  test,
} from "./page.mjs";

const status = (page) => page.getByRole("status");

test("a folder is taken with all its pictures, and what is no picture is named and skipped", async ({
  page,
  site,
}, info) => {
  await open(page, site);
  const folder = info.outputPath("holiday");
  await mkdir(`${folder}/beach`, { recursive: true });
  await writeFile(`${folder}/one.png`, await draw(page, paints.redCircle));
  await writeFile(`${folder}/beach/two.png`, await draw(page, paints.blueSquare));
  await writeFile(`${folder}/notes.txt`, "not a label list");
  await choose(page, page.getByRole("button", { name: "Add folder" }), folder);
  await expect(status(page)).toHaveText("2 pictures done");
  await card(page, "two.png").getByRole("button", { name: "Open two.png" }).click();
  await expect(page.getByRole("dialog")).toContainText("beach/two.png");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("alert")).toContainText("notes.txt is not a picture and was skipped.");
});

test("a file that is no picture is reported and not added", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [{ name: "report.pdf", type: "application/pdf", bytes: Buffer.from("%PDF") }]);
  await expect(page.getByRole("alert")).toContainText("not a picture");
  await expect(page.locator(".card")).toHaveCount(0);
});

test("an SVG is drawn by the browser and classified", async ({ page, site }) => {
  await open(page, site);
  const drawing =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><circle cx="5" cy="5" r="4" fill="red"/></svg>';
  await drop(page, [{ name: "circle.svg", type: "image/svg+xml", bytes: Buffer.from(drawing) }]);
  expect((await answer(page, "circle.svg"))[0]).toBe("red circle");
});

/** A red circle of 64 x 64 pixels, written by Pillow. */
const AVIF =
  "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAoQAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAqW1kYXQSAAoJGBV//aICGg0IMpEBRrHh4XhzDDDAoAVg2ynlV2Sd6KwgXx1HyX1G1iVZeVTan14sL0R6IZH4HN5fsTk0OO9PEV3hYjkAZbezO6fwC+y2ookAfjyn6c0E0y1uvlzwe5Q9hW8rMpwSe/urAc+UFbeWOl5hwM7Ym1H80NxvC/u6nkQYV25ofoV20+EmQ5gxw1r1P3M+2ihxLNd7EyVv4A==";

test("an AVIF is read by the browser and classified", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [{ name: "circle.avif", type: "image/avif", bytes: Buffer.from(AVIF, "base64") }]);
  expect((await answer(page, "circle.avif"))[0]).toBe("red circle");
});

test("a HEIC picture that this browser cannot read is reported clearly", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [{ name: "IMG_1.HEIC", type: "", bytes: Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic") }]);
  await expect(card(page, "IMG_1.HEIC")).toHaveAttribute("data-state", "failed");
  await expect(card(page, "IMG_1.HEIC")).toContainText("cannot read this HEIC picture");
});

test("a picture is added from an address on this site or a data: address; another site is not contacted", async ({
  page,
  site,
}) => {
  await open(page, site);
  await page.evaluate(paste, { words: `${site}icon.svg` });
  await answer(page, "icon.svg");
  await page.evaluate(paste, {
    words: `data:image/png;base64,${(await draw(page, paints.redCircle)).toString("base64")}`,
  });
  await answer(page, "pasted picture");
  await page.getByRole("button", { name: "From URL" }).click();
  await page.getByLabel("URL", { exact: true }).fill("https://pictures.example/cat.jpg");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("pictures.example");
  await expect(page.getByRole("alert")).toContainText("contacts no other site");
  await expect(page.locator(".card")).toHaveCount(2);
});

test.describe("an address that leads nowhere", () => {
  test.use({ expectedComplaints: [/404/] });
  test("is named", async ({ page, site }) => {
    await open(page, site);
    await page.evaluate(paste, { words: `${site}none.png` });
    await expect(page.getByRole("alert")).toContainText("none.png");
    await expect(page.getByRole("alert")).toContainText("404");
  });
});

test("the camera is classified live, a frame can be added, and it stops when the page is hidden", async ({
  page,
  site,
}) => {
  await open(page, site);
  await page.getByRole("button", { name: "Camera" }).click();
  const camera = page.getByRole("region", { name: "Camera" });
  await expect(camera.locator(".label")).not.toHaveCount(0);
  await expect(camera).toContainText(/\d frames per second/);
  await expect(page.getByRole("heading", { name: "Drop pictures here" })).toHaveCount(0);
  await expect(camera).toBeInViewport({ ratio: 0.9 });
  await camera.getByRole("button", { name: "Add this frame" }).click();
  await answer(page, "camera ");
  const live = () =>
    page.evaluate(() =>
      document
        .querySelector("video")
        .srcObject?.getTracks()
        .some((track) => track.readyState === "live"),
    );
  expect(await live()).toBe(true);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await expect(camera).toBeHidden();
  expect(await live()).toBeFalsy();
  await expect(page.getByRole("alert")).toContainText("stopped because the page was hidden");
});

test("hundreds of pictures: only those in sight have a card, and scrolling and the keyboard reach all", async ({
  page,
  site,
}) => {
  test.setTimeout(180_000);
  await open(page, site);
  await drop(page, await many(page, 300));
  await expect(page.locator(".card img[src]").first()).toBeVisible();
  await expect(status(page)).toHaveText("300 pictures done", { timeout: 120_000 });
  expect(await page.locator(".card").count()).toBeLessThan(60);
  await page.getByRole("button", { name: "Open circle-0.png" }).focus();
  await page.keyboard.press("End");
  await expect(page.getByRole("button", { name: "Open square-299.png" })).toBeFocused();
  await expect(card(page, "square-299.png")).toHaveAttribute("aria-posinset", "300");
  await expect(card(page, "square-299.png")).toBeInViewport();
  await page.keyboard.press("ArrowLeft");
  await expect(page.getByRole("button", { name: "Open circle-298.png" })).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(page.getByRole("button", { name: "Open square-299.png" })).toBeFocused();
  await page.keyboard.press("Home");
  await expect(page.getByRole("button", { name: "Open circle-0.png" })).toBeFocused();
  expect((await names(page))[0]).toBe("circle-0.png");
});

test("memory stays bounded: a large photo has a small thumbnail, and only for the cards in sight", async ({
  page,
  site,
}) => {
  test.setTimeout(180_000);
  await open(page, site);
  const photo = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(4000, 3000);
    const context = canvas.getContext("2d");
    for (let i = 0; i < 400; i += 1) {
      context.fillStyle = `hsl(${i * 37} 80% 50%)`;
      context.fillRect((i * 911) % 4000, (i * 677) % 3000, 500, 400);
    }
    const blob = await canvas.convertToBlob({ type: "image/jpeg" });
    return Array.from(new Uint8Array(await blob.arrayBuffer()));
  });
  await drop(
    page,
    Array.from({ length: 24 }, (_, i) => ({ name: `photo-${i}.jpg`, type: "image/jpeg", bytes: Buffer.from(photo) })),
  );
  await expect(page.locator(".card img[src]").first()).toBeVisible();
  await expect(status(page)).toHaveText("24 pictures done", { timeout: 120_000 });
  const sizes = await page
    .locator(".card img[src]")
    .evaluateAll((images) => images.map((image) => Math.max(image.naturalWidth, image.naturalHeight)));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(480);
});

test("while the model is still loading, the list of filters counts all pictures", async ({ page, site }) => {
  await page.route("**/*.gguf", () => {});
  await page.goto(site);
  await drop(page, await many(page, 3));
  await expect(page.locator("#filter option").first()).toHaveText("All (3)");
});

test("the queue can be paused, resumed, cancelled and retried", async ({ page, site }) => {
  await open(page, site);
  await drop(page, await many(page, 250));
  await page.getByRole("button", { name: "Pause" }).click();
  const queue = page.getByRole("group", { name: "Progress" });
  await expect(queue).toContainText(/Paused at \d+ of 250/);
  await page.waitForTimeout(300);
  const stood = await queue.getByText("Paused at").textContent();
  await page.waitForTimeout(500);
  expect(await queue.getByText("Paused at").textContent()).toBe(stood);
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(queue).toContainText("pictures per second");
  await page.getByRole("button", { name: "Skip the rest" }).click();
  await expect(status(page)).toContainText(/\d+ skipped/);
  await page.getByRole("button", { name: /^Retry \d+ pictures?$/ }).click();
  await expect(status(page)).toHaveText("250 pictures done", { timeout: 50_000 });
  await expect(queue).toBeHidden();
});

test("a picture that cannot be shown has a sign in its place, on its card and opened", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [{ name: "bad.png", type: "image/png", bytes: Buffer.from("nothing") }]);
  await expect(card(page, "bad.png")).toHaveAttribute("data-state", "failed");
  await expect(card(page, "bad.png").locator(".state")).toContainText("This is not a picture of a supported kind");
  await expect(card(page, "bad.png").locator(".no-preview svg")).toBeVisible();
  await page.getByRole("button", { name: "Open bad.png" }).click();
  await expect(page.getByRole("dialog").locator(".no-preview svg")).toBeVisible();
});

test("an opened picture is zoomed by wheel, double click, buttons and keys, and moved", async ({
  page,
  site,
  browserName,
}) => {
  await open(page, site);
  await drop(page, await many(page, 2));
  await allDone(page, 2);
  await page.getByRole("button", { name: "Open circle-0.png" }).click();
  const scale = page.locator(".zoom-buttons output");
  const image = page.locator("#detail-image");
  const box = () => image.boundingBox();
  await expect(scale).toHaveText("100 %");
  const whole = await box();
  await page.getByRole("button", { name: "Zoom in" }).click();
  await expect(scale).toHaveText("150 %");
  await page.keyboard.press("+");
  await expect(scale).toHaveText("225 %");
  await expect.poll(async () => Math.round((100 * (await box()).width) / whole.width)).toBe(225);
  await page.mouse.move(whole.x + whole.width / 2, whole.y + whole.height / 2);
  const before = await box();
  await page.mouse.down();
  await page.mouse.move(whole.x + whole.width / 2 + 40, whole.y + whole.height / 2, { steps: 4 });
  await page.mouse.up();
  await expect.poll(async () => Math.round((await box()).x - before.x)).toBe(40);
  const middle = { clientX: whole.x + whole.width / 2, clientY: whole.y + whole.height / 2 };
  await page.mouse.move(middle.clientX, middle.clientY);
  // Firefox's driver makes no double click of two clicks.
  if (browserName === "firefox") await image.dispatchEvent("dblclick", middle);
  else await page.mouse.dblclick(middle.clientX, middle.clientY);
  await expect(scale).toHaveText("100 %");
  await page.mouse.wheel(0, -300);
  await expect(scale).not.toHaveText("100 %");
  await page.locator("#detail-next").click();
  await expect(page.locator("#detail-name")).toHaveText("square-1.png");
  await expect(scale).toHaveText("100 %");
});

test("a picture that failed can be retried by itself", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [
    { name: "bad.png", type: "image/png", bytes: Buffer.from("nothing") },
    await redCircle(page, "good.png"),
  ]);
  await answer(page, "good.png");
  await page.getByRole("button", { name: "Retry bad.png" }).click();
  await expect(card(page, "bad.png")).toHaveAttribute("data-state", "failed");
  await expect(card(page, "good.png")).toHaveAttribute("data-state", "done");
});

test("a label list that is dropped with pictures is added to the labels", async ({ page, site }) => {
  await open(page, site);
  await drop(page, [{ name: "labels.txt", type: "text/plain", bytes: Buffer.from("submarine\nzeppelin") }]);
  await expect(chips(page).filter({ hasText: "zeppelin" })).toBeVisible();
});
