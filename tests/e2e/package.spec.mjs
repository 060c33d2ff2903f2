// The JavaScript package as a web developer uses it.

import { draw, expect, paints, test } from "./page.mjs";

/** Runs code in a bare page of the site with the package imported as `cliplet`. */
async function run(page, site, code, argument) {
  await page.goto(`${site}example.html`);
  return page.evaluate(
    async ([source, given]) => {
      const cliplet = await import(new URL("cliplet/index.js", document.baseURI).href);
      const AsyncFunction = (async () => {}).constructor;
      return new AsyncFunction("cliplet", "given", source)(cliplet, given);
    },
    [code, argument],
  );
}

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
  const png = (await (async () => {
    await page.goto(site);
    return draw(page, paints.blueSquare);
  })()).toString("base64");
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

test("mistakes are ClipletErrors with a code, and the engine goes on", async ({ page, site }) => {
  const codes = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load();
     const picture = new ImageData(8, 8);
     const code = (promise) => promise.then(() => "none", (e) => (e instanceof cliplet.ClipletError ? e.code : String(e)));
     const aborted = new AbortController();
     aborted.abort();
     const late = new AbortController();
     const many = code(clip.classify(picture, Array.from({ length: 2000 }, (_, i) => "thing " + i), { signal: late.signal }));
     late.abort();
     const codes = [
       await code(clip.classify(new Blob(["no picture"]), ["a"])),
       await code(clip.classify(picture, [])),
       await code(clip.classify(picture, ["a"], { template: "no place" })),
       await code(clip.classify("a string", ["a"])),
       await code(clip.classify(picture, ["a"], { signal: aborted.signal })),
       await many,
       await code(clip.classify(picture, ["a"])),
     ];
     clip.dispose();
     return [...codes, await code(clip.classify(picture, ["a"]))];`,
  );
  expect(codes).toEqual(["image", "input", "input", "input", "cancelled", "cancelled", "none", "disposed"]);
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

/** What is given beyond the first pictures' memory: nothing on one thread; on several, whose order of taking and
 * giving back differs from run to run, less than the pixels of one request. */
const growths = [
  ["on one thread", 1, 0],
  ["on two threads", 2, 10 * 4 * 300 * 200],
];

for (const [how, threads, growth] of growths) {
  test(`memory stays flat over five hundred pictures ${how}`, { tag: threads > 1 ? "@threads" : [] }, async ({ page, site }) => {
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
