// The JavaScript package as a web developer uses it.

import { serve } from "../../www/tools/serve.mjs";
import { run } from "./bare.mjs";
import { DIST, draw, expect, paints, test } from "./page.mjs";

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

test("misuse gives ClipletErrors with a code, and the engine still answers", async ({ page, site }) => {
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
       await code(clip.classify(5, ["a"])),
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

test("an abort's reason is the cause, misuse is an error, and a `using` block disposes of its engine", async ({
  page,
  site,
}) => {
  const found = await run(
    page,
    site,
    `const told = (error) => [error.name, error.code, error.message];
     const clip = await cliplet.Cliplet.load();
     const stop = new AbortController();
     const labels = Array.from({ length: 2000 }, (_, i) => "thing " + i);
     const waiting = clip.embedLabels(labels, { signal: stop.signal }).catch((error) => error);
     stop.abort(new Error("changed my mind"));
     const cancelled = await waiting;
     const foreign = await clip.classify(new Float32Array(3), ["a"]).catch(told);
     const topK = await clip.classify(new ImageData(8, 8), ["a"], { topK: -1 }).catch(told);
     let made;
     try { new cliplet.Cliplet(); } catch (error) { made = told(error); }
     const variant = await cliplet.Cliplet.load(undefined, { variant: "gpu" }).catch(told);
     clip[Symbol.dispose]();
     const after = await clip.embedText("a").catch(told);
     return { cancelled: [cancelled.name, cancelled.code, cancelled.cause.message], foreign, topK, made, variant, after };`,
  );
  expect(found.cancelled).toEqual(["ClipletError", "cancelled", "changed my mind"]);
  const input = (words) => ["ClipletError", "input", expect.stringMatching(words)];
  expect(found.foreign).toEqual(input(/3 numbers/));
  expect(found.topK).toEqual(input(/topK .* -1/));
  expect(found.made).toEqual(input(/Cliplet\.load/));
  expect(found.variant).toEqual(input(/variant/));
  expect(found.after.slice(0, 2)).toEqual(["ClipletError", "disposed"]);
});

test("a foreign embedding among images costs its own answer, and misuse names the fix", async ({ page, site }) => {
  const found = await run(
    page,
    site,
    `const told = (error) => [error.name, error.code, error.message];
     const clip = await cliplet.Cliplet.load();
     const pixels = (width, height) => ({ width, height, data: new Uint8ClampedArray(16) });
     const several = await clip.classify([new ImageData(8, 8), new Float32Array(3)], ["a", "b"]);
     const embedding = await clip.embedImage(pixels(2, 2));
     let configured;
     try { cliplet.Cliplet.configure(null); } catch (error) { configured = told(error); }
     const misuse = [
       await clip.classify([...embedding], ["a"]).catch(told),
       await clip.embedImage("").catch(told),
       await clip.embedImage(pixels(0, 0)).catch(told),
       await clip.embedImage(pixels(-1, 16)).catch(told),
       await cliplet.Cliplet.load(undefined, null).catch(told),
       configured,
     ];
     clip.dispose();
     return { several: [several[0].length, [several[1].code, several[1].item, several[1].message]], misuse };`,
  );
  expect(found.several).toEqual([2, ["input", "image 2", expect.stringMatching(/^image 2: .* 3 numbers/)]]);
  const words = [/Float32Array\.from/, /address is empty/, /0 x 0 pixels/, /-1 x 16 pixels/, /options/, /configure/];
  expect(found.misuse).toEqual(words.map((one) => ["ClipletError", "input", expect.stringMatching(one)]));
});

test.describe("of much that callers do wrong", () => {
  test.use({ expectedComplaints: [/404|ERR_FILE_NOT_FOUND|ERR_INVALID_URL|"ftp" is not supported/] });
  test("each has a ClipletError of its kind, and the engine lives", async ({ page, site }) => {
    const found = await run(
      page,
      site,
      `const clip = await cliplet.Cliplet.load(undefined, { threads: 1 });
       const { Cliplet, ClipletError } = cliplet;
       const pixels = () => new ImageData(8, 8);
       const detached = (of) => { structuredClone(of.buffer ?? of, { transfer: [of.buffer ?? of] }); return of; };
       const closed = async (bitmap) => { const one = bitmap ? await createImageBitmap(pixels()) : new VideoFrame(await createImageBitmap(pixels()), { timestamp: 0 }); one.close(); return one; };
       const revoked = URL.createObjectURL(new Blob(["x"]));
       URL.revokeObjectURL(revoked);
       const broken = Object.assign(new Image(), { src: "data:image/png;base64,AAAA" });
       await broken.decode().catch(() => {});
       const late = new AbortController();
       const deeds = {
         nothing: () => clip.embedImage(null),
         promise: () => clip.embedImage(Promise.resolve(pixels())),
         div: () => clip.embedImage(document.createElement("div")),
         buffer: () => clip.embedImage(detached(new ArrayBuffer(8))),
         view: () => clip.embedImage(detached(new DataView(new ArrayBuffer(8)))),
         data: () => clip.embedImage({ width: 1, height: 1, data: detached(new Uint8ClampedArray(4)) }),
         empty: () => clip.embedImage(new Blob([])),
         frame: async () => clip.embedImage(await closed(false)),
         bitmap: async () => clip.embedImage(await closed(true)),
         canvas: () => clip.embedImage(new OffscreenCanvas(0, 0)),
         broken: () => clip.embedImage(broken),
         unset: () => clip.embedImage(new Image()),
         revoked: () => clip.embedImage(revoked),
         damaged: () => clip.embedImage("data:image/png;base64,!!!"),
         ftp: () => clip.embedImage("ftp://x/y.png"),
         embedding: () => clip.embedImage(new Float32Array(clip.info.dimension)),
         lost: () => clip.classify(new Float32Array(clip.info.dimension).fill(NaN), ["a"]),
         topK: () => clip.classify(pixels(), ["a"], { topK: NaN }),
         set: () => clip.classify(pixels(), new Set(["a"])),
         comma: () => clip.classify(pixels(), "a,b,".split(",")),
         options: () => clip.classify(pixels(), ["a"], 3),
         listener: () => clip.embedImage(pixels(), { onProgress: "x" }),
         before: () => clip.classify(pixels(), ["a"], { signal: AbortSignal.abort() }),
         during: () => { setTimeout(() => late.abort(), 20); return clip.embedText(Array.from({ length: 3000 }, (_, i) => "x " + i), { signal: late.signal }); },
         model: () => Cliplet.load(5),
         files: () => Cliplet.load([]),
         page: () => Cliplet.load("example.html"),
         absent: () => Cliplet.load("none.gguf"),
         dispose: () => { setTimeout(() => clip.dispose(), 20); return clip.embedImage(Array.from({ length: 50 }, pixels)); },
         disposed: () => { clip.dispose(); clip[Symbol.dispose](); clip[Symbol.dispose](); return clip.embedImage(pixels()); },
       };
       const told = {};
       for (const [name, does] of Object.entries(deeds)) {
         if (name === "dispose") told.between = (await clip.classify(pixels(), Array.from({ length: 3000 }, (_, i) => "thing " + i), { topK: 2 })).length;
         told[name] = await does().then(() => "no error", (error) => (error instanceof ClipletError ? error.code : String(error)));
       }
       const none = Object.assign(document.createElement("input"), { type: "file" }).files;
       told.none = (await Cliplet.load(undefined, { threads: 1 }).then((other) => other.embedImage(none).finally(() => other.dispose()))).length;
       return told;`,
    );
    const kinds = {
      input: "nothing promise div buffer view data embedding lost topK set comma options listener model files",
      image: "empty frame bitmap canvas broken unset",
      network: "revoked damaged ftp page absent",
      cancelled: "before during",
      disposed: "dispose disposed",
    };
    const expected = Object.entries(kinds).flatMap(([code, names]) => names.split(" ").map((name) => [name, code]));
    expect(found).toEqual({ ...Object.fromEntries(expected), between: 2, none: 0 });
  });
});

test("a listener of progress that throws is reported, and the call goes on", async ({ page, site }) => {
  const found = await run(
    page,
    site,
    `const reported = [];
     addEventListener("error", (event) => { event.preventDefault(); reported.push(event.message); });
     const clip = await cliplet.Cliplet.load(undefined, { threads: 1 });
     const embeddings = await clip.embedImage([new ImageData(8, 8)], { onProgress() { throw new Error("mine"); } });
     clip.dispose();
     return { count: embeddings.length, reported };`,
  );
  expect(found.count).toBe(1);
  expect(found.reported).toEqual([expect.stringContaining("mine")]);
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

test.describe("an image of another site", () => {
  const PORT = 18_449;
  test.use({ served: { isolated: false }, friends: [`http://127.0.0.1:${PORT}`], serviceWorkers: "block" });

  test("says what both sides must do to let it be read", async ({ page, site }) => {
    const other = await serve(DIST, { port: PORT, isolated: false });
    const error = await run(
      page,
      site,
      `const clip = await cliplet.Cliplet.load();
       const image = Object.assign(new Image(), { src: given });
       await image.decode();
       return clip.embedImage(image).catch(({ name, code, item, message, cause }) => ({ name, code, item, message, cause: cause.name }));`,
      `${other.url}icons/192.png`,
    );
    await other.close();
    expect(error).toMatchObject({
      name: "ClipletError",
      code: "image",
      item: `${other.url}icons/192.png`,
      cause: "SecurityError",
    });
    expect(error.message).toMatch(/crossorigin="anonymous".*Access-Control-Allow-Origin/);
  });
});

test("names of earlier versions work, and warn once with the new name", async ({ page, site }) => {
  const warned = [];
  page.on("console", (message) => message.type() === "warning" && warned.push(message.text()));
  const found = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load(undefined, { keep: true });
     const { kept, keepProblem } = clip.info;
     const [model] = await cliplet.Cliplet.kept();
     await cliplet.Cliplet.kept();
     const again = await cliplet.Cliplet.load(model.id.replace("cached:", "kept:"));
     await cliplet.Cliplet.forget(model.id.replace("cached:", "kept:"));
     const left = (await cliplet.Cliplet.listCached()).length;
     return { kept, keepProblem, left, loaded: again.info.name === clip.info.name };`,
  );
  expect(found).toEqual({ kept: true, keepProblem: null, left: 0, loaded: true });
  expect(warned.filter((text) => text.includes("Cliplet.kept"))).toHaveLength(1);
  expect(warned.filter((text) => text.includes("Cliplet.forget"))).toHaveLength(1);
});
