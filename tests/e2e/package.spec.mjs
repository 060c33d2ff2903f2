// The JavaScript package as a web developer uses it.

import { run } from "./bare.mjs";
import { draw, expect, paints, test } from "./page.mjs";

test("the ten-line example answers", async ({ page, site }) => {
  await page.goto(`${site}example.html`);
  const buffer = await draw(page, paints.redCircle);
  await expect(page.locator("pre")).toHaveText("ready", { timeout: 40_000 });
  await page.getByLabel("Picture").setInputFiles({ name: "circle.png", mimeType: "image/png", buffer });
  await expect(page.locator("pre")).toContainText(/^\d\.\d{3} red circle/);
  expect((await page.locator("pre").textContent()).split("\n")).toHaveLength(4);
});

test("only prompts not seen before are embedded", async ({ page, site }) => {
  const counts = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load();
     const picture = new ImageData(40, 40);
     const counts = [];
     for (const labels of [["cat", "dog"], ["dog", "cat", "bird"], ["bird"]]) {
       await clip.classify(picture, labels);
       counts.push((await clip.refreshInfo()).embeddedPrompts);
     }
     await clip.classify(picture, ["bird"], { template: "a drawing of a {}" });
     counts.push((await clip.refreshInfo()).embeddedPrompts);
     clip.dispose();
     return counts;`,
  );
  expect(counts).toEqual([2, 3, 3, 4]);
});

test("every kind of picture gives the same embedding; normalised ones have length one", async ({ page, site }) => {
  const png = (
    await (async () => {
      await page.goto(site);
      return draw(page, paints.blueSquare);
    })()
  ).toString("base64");
  const found = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load();
     const blob = await (await fetch("data:image/png;base64," + given)).blob();
     const bitmap = await createImageBitmap(blob);
     const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
     const context = canvas.getContext("2d");
     context.drawImage(bitmap, 0, 0);
     const image = new Image();
     image.src = canvas.toDataURL();
     await image.decode();
     const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
     const kinds = [blob, new File([blob], "a.png"), bitmap, canvas, image, pixels];
     const embeddings = await clip.embedImage(kinds);
     const largest = Math.max(...embeddings.flatMap((e) => Array.from(e, (x, i) => Math.abs(x - embeddings[0][i]))));
     const [one] = await clip.embedText(["a cat"], { normalize: true });
     const plain = await clip.embedText("a cat");
     return { largest, count: embeddings.length, width: plain.length, expected: clip.info.dimension,
              norm: Math.hypot(...one), plain: Math.hypot(...plain) };`,
    png,
  );
  expect(found.count).toBe(6);
  expect(found.largest).toBeLessThan(1e-5);
  expect(found.width).toBe(found.expected);
  expect(found.norm).toBeCloseTo(1, 5);
  expect(Math.abs(found.plain - 1)).toBeGreaterThan(1e-3);
});

test("progress counts up to the file's size", async ({ page, site }) => {
  const seen = await run(
    page,
    site,
    `const seen = [];
     const clip = await cliplet.Cliplet.load(undefined, { onProgress: (progress) => seen.push(progress) });
     return { seen, bytes: clip.info.bytes };`,
  );
  const loaded = seen.seen.map((progress) => progress.loaded);
  expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
  expect(seen.seen.at(-1)).toEqual({ loaded: seen.seen.at(-1).total, total: seen.seen.at(-1).total });
  expect(seen.seen.length).toBeGreaterThan(1);
});

test("labels are embedded once, whatever happens to the page", async ({ page, site }) => {
  const visit = () =>
    run(
      page,
      site,
      `const clip = await cliplet.Cliplet.load();
       const [cat] = await clip.embedLabels("cat", { templates: ["a {}", "the {}"] });
       const [own] = await clip.embedLabels(["cat"]);
       const best = await clip.classify(new ImageData(40, 40), ["cat", "dog"]);
       const { embeddedPrompts } = await clip.refreshInfo();
       clip.dispose();
       return { embeddedPrompts, cat: [...cat], own: [...own], best };`,
    );
  const first = await visit();
  expect(first.embeddedPrompts).toBe(4);
  expect(first.cat).not.toEqual(first.own);
  const second = await visit();
  expect(second).toEqual({ ...first, embeddedPrompts: 0 });
});

/** Memory that may be added after the first images: none on one thread; on several, whose allocations come in another
 * order in each run, less than the pixels of one request. */
const growths = [
  ["on one thread", 1, 0],
  ["on two threads", 2, 10 * 4 * 300 * 200],
];

for (const [how, threads, growth] of growths) {
  test(`memory stays flat over five hundred pictures ${how}`, { tag: threads > 1 ? "@threads" : [] }, async ({
    page,
    site,
  }) => {
    test.setTimeout(180_000);
    const [early, late] = await run(
      page,
      site,
      `const clip = await cliplet.Cliplet.load(undefined, { threads: given });
       const memory = [];
       for (let batch = 0; batch < 50; batch += 1) {
         const pictures = Array.from({ length: 10 }, (_, i) => new ImageData(new Uint8ClampedArray(4 * 300 * 200).fill(batch + i), 300, 200));
         await clip.embedImage(pictures);
         memory.push((await clip.refreshInfo()).memory);
       }
       clip.dispose();
       return [memory[4], memory[49]];`,
      threads,
    );
    expect(early).toBeGreaterThan(1e6);
    expect(late - early).toBeLessThanOrEqual(growth);
  });
}

test.describe("with an address that does not exist", () => {
  test.use({ expectedComplaints: [/404/] });
  test("images may be addresses, bytes, frames, drawings and lists of them", async ({ page, site }) => {
    await page.goto(site);
    const png = (await draw(page, paints.blueSquare)).toString("base64");
    const found = await run(
      page,
      site,
      `const clip = await cliplet.Cliplet.load();
     const address = "data:image/png;base64," + given;
     const blob = await (await fetch(address)).blob();
     const bytes = await blob.arrayBuffer();
     const bitmap = await createImageBitmap(blob);
     const frame = new VideoFrame(bitmap, { timestamp: 0 });
     const transfer = new DataTransfer();
     transfer.items.add(new File([blob], "one.png", { type: "image/png" }));
     transfer.items.add(new File([blob], "two.png", { type: "image/png" }));
     const unfinished = Object.assign(new Image(), { src: address });
     const kinds = [blob, address, new URL(address), bytes, new Uint8Array(bytes), new DataView(bytes), unfinished, bitmap];
     const embeddings = [...await clip.embedImage(kinds), ...await clip.embedImage(transfer.files), await clip.embedImage(frame)];
     const failed = embeddings.filter((one) => one instanceof cliplet.ClipletError).map(({ message }) => message);
     const far = embeddings.map((e) => Math.max(...e.map((x, i) => Math.abs(x - embeddings[0][i]))));
     const list = await clip.classify(transfer.files, Object.freeze(["red circle", "blue square"]), { template: "a {}" });
     const mixed = await clip.classify([embeddings[0], blob, "no-such-file.png"], ["red circle", "blue square"], { template: "a {}" });
     clip.dispose();
     frame.close();
     return { failed, far, list: list.map(([{ label }]) => label), mixed: mixed.map((one) => one[0]?.label ?? [one.code, one.item, one.message]) };`,
      png,
    );
    expect(found.failed).toEqual([]);
    // A frame's colors may have gone through another color space.
    expect(Math.max(...found.far.slice(0, -1))).toBeLessThan(1e-5);
    expect(found.far.at(-1)).toBeLessThan(0.1);
    expect(found.list).toEqual(["blue square", "blue square"]);
    expect(found.mixed).toEqual([
      "blue square",
      "blue square",
      ["network", "no-such-file.png", expect.stringContaining("404")],
    ]);
  });
});

test("several images: each has its own answer or error, with its name", async ({ page, site }) => {
  await page.goto(site);
  const png = (await draw(page, paints.redCircle)).toString("base64");
  const found = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load();
     const blob = await (await fetch("data:image/png;base64," + given)).blob();
     const seen = [];
     const images = [blob, new File(["no picture"], "notes.png"), 7, blob];
     const results = await clip.embedImage(images, { onProgress: (progress) => seen.push(progress) });
     return { told: results.map((one) => (one instanceof cliplet.ClipletError ? [one.name, one.code, one.item] : one.length)), last: seen.at(-1), width: clip.info.dimension };`,
    png,
  );
  expect(found.told).toEqual([
    found.width,
    ["ClipletError", "image", "notes.png"],
    ["ClipletError", "input", "image 3"],
    found.width,
  ]);
  expect(found.last).toEqual({ done: 4, total: 4 });
});

test("what querySelectorAll gives is a list of images, each with its own answer", async ({ page, site }) => {
  const found = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load(undefined, { threads: 1 });
     for (const src of ["icons/192.png", "samples/cat.jpg", "icon.svg", "example.html"])
       document.body.append(Object.assign(new Image(), { src }));
     await Promise.allSettled(Array.from(document.images, (image) => image.decode()));
     const lists = [document.querySelectorAll("img"), document.images, new Set(document.images), [...document.images]];
     const answers = [];
     for (const list of lists)
       answers.push((await clip.classify(list, Object.freeze(["cat", "icon"]), { topK: 1 })).map((one) => one.code ?? one.length));
     clip.dispose();
     return answers;`,
  );
  expect(found).toEqual(Array(4).fill([1, 1, 1, "image"]));
});

test("progress of every long call ends at 100 %", async ({ page, site }) => {
  const found = await run(
    page,
    site,
    `const lasts = {};
     const last = (name) => ({ onProgress: (progress) => (lasts[name] = progress) });
     const clip = await cliplet.Cliplet.load(undefined, last("load"));
     const image = new ImageData(30, 30);
     await clip.embedImage(image, last("embedImage"));
     await clip.embedText(Array.from({ length: 70 }, (_, i) => "text " + i), last("embedText"));
     await clip.embedLabels(["a", "b", "a"], last("embedLabels"));
     await clip.embedLabels(["a", "b"], last("again"));
     await clip.classify([image, image], ["a", "c"], last("classify"));
     clip.dispose();
     return lasts;`,
  );
  expect(found.load.loaded).toBe(found.load.total);
  expect(found).toMatchObject({
    embedImage: { done: 1, total: 1 },
    embedText: { done: 70, total: 70 },
    embedLabels: { done: 2, total: 2 },
    again: { done: 2, total: 2 },
    classify: { done: 4, total: 4 },
  });
});
