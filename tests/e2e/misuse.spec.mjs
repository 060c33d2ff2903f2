// Mistakes of callers of the package: each has an error of its kind that names the fix, and the engine lives.

import { serve } from "../../www/tools/serve.mjs";
import { run } from "./bare.mjs";
import { DIST, expect, test } from "./page.mjs";

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
  // The last is how Firefox puts it.
  test.use({
    expectedComplaints: [/404|ERR_FILE_NOT_FOUND|ERR_INVALID_URL|"ftp" is not supported|ftp:.*CORS request not http/],
  });
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

test("a name that is nearly a model's is understood or answered with what to write", async ({ page, site }) => {
  const asked = [];
  await page.context().route(/huggingface\.co/, (route) => {
    asked.push(new URL(route.request().url()).pathname.split("/").slice(1, 3).join("/"));
    return route.fulfill({ status: 404, headers: { "Access-Control-Allow-Origin": "*" } });
  });
  const found = await run(
    page,
    site,
    `const told = [];
     for (const name of given)
       told.push(await cliplet.Cliplet.inspect(name, { hub: location.origin }).then(() => "found", ({ name, code, message }) => [name, code, message]));
     return told;`,
    ["clip", "RN50", " ", "https://huggingface.co/openai"],
  );
  for (const [name, code, message] of found) {
    expect([name, code]).toEqual(["ClipletError", "input"]);
    expect(message).toMatch(/hf:owner\/name|openai\/clip-vit-base-patch32/);
  }
  expect(asked).toEqual([]);
});

test("disposing of an engine while it loads another model ends both", async ({ page, site }) => {
  await page.context().route("**/never.gguf", () => {});
  // The bare page has an engine of its own.
  await page.goto(`${site}example.html`);
  await expect(page.locator("pre")).toHaveText("ready", { timeout: 40_000 });
  const others = page.workers().length;
  const found = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load(undefined, { threads: 1 });
     const replacing = clip.replace("never.gguf", { threads: 1 }).then(() => "loaded", ({ code }) => code);
     await new Promise((resolve) => setTimeout(resolve, 500));
     clip.dispose();
     return [await replacing, await clip.embedText("a").catch(({ code }) => code)];`,
  );
  expect(found).toEqual(["disposed", "disposed"]);
  await expect.poll(() => page.workers().length).toBe(others);
});

test("images of another window, such as a frame's, are images too", async ({ page, site }) => {
  const found = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load(undefined, { threads: 1 });
     const other = document.body.appendChild(document.createElement("iframe")).contentWindow;
     const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 30 });
     canvas.getContext("2d").fillStyle = "red";
     canvas.getContext("2d").fillRect(0, 0, 20, 30);
     const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
     const bytes = new other.Uint8Array(await blob.arrayBuffer());
     const image = Object.assign(other.document.createElement("img"), { src: canvas.toDataURL() });
     const drawn = other.document.createElement("canvas");
     Object.assign(drawn, { width: 40, height: 30 }).getContext("2d").drawImage(canvas, 0, 0);
     const { data } = drawn.getContext("2d").getImageData(0, 0, 40, 30);
     const kinds = {
       blob: new other.Blob([blob], { type: "image/png" }),
       file: new other.File([blob], "a.png"),
       buffer: bytes.buffer,
       view: bytes,
       pixels: { width: 40, height: 30, data },
       canvas: drawn,
       image,
       address: new other.URL(canvas.toDataURL()),
     };
     const wanted = await clip.embedImage(blob);
     const differences = {};
     for (const [kind, value] of Object.entries(kinds)) {
       const embedding = await clip.embedImage(value).catch((error) => [error.message]);
       differences[kind] = embedding.length === 1 ? embedding[0] : Math.max(...embedding.map((one, i) => Math.abs(one - wanted[i])));
     }
     const list = await clip.embedImage(new other.Array(kinds.blob, kinds.file));
     const [best] = await clip.classify(new other.Float32Array(wanted), new other.Array("a", "b"));
     clip.dispose();
     // Transparent pixels are white, however they are read; drawing rounds a little.
     return { far: Object.entries(differences).filter(([, by]) => !(by < 0.05)), list: list.map(({ length }) => length === wanted.length), best: best.label };`,
  );
  expect(found).toEqual({ far: [], list: [true, true], best: expect.stringMatching(/^[ab]$/) });
});

test("lists and options that fail by themselves give a ClipletError", async ({ page, site }) => {
  const found = await run(
    page,
    site,
    `const clip = await cliplet.Cliplet.load(undefined, { threads: 1 });
     const told = (error) => [error.name, error.code, error.message, error.cause?.message];
     const broken = (function* () { yield new ImageData(8, 8); throw new Error("the list broke"); });
     const bare = Object.create(null);
     const answers = [
       await clip.embedImage(broken()).catch(told),
       await clip.classify(broken(), ["a"]).catch(told),
       await clip.classify(new ImageData(8, 8), ["a"], { topK: bare }).catch(told),
       await cliplet.Cliplet.load(undefined, { variant: bare }).catch(told),
     ];
     clip.dispose();
     return answers;`,
  );
  const list = ["ClipletError", "input", "the list of images could not be read to its end", "the list broke"];
  expect(found.slice(0, 2)).toEqual([list, list]);
  expect(found[2].slice(0, 3)).toEqual([
    "ClipletError",
    "input",
    "topK must be a whole number of at least 1, and is an object",
  ]);
  expect(found[3].slice(0, 2)).toEqual(["ClipletError", "input"]);
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

test.describe("an image of another site", () => {
  test.use({ served: { isolated: false }, serviceWorkers: "block" });

  test("says what both sides must do to let it be read", async ({ page, site, servers }) => {
    const other = await serve(DIST, { isolated: false });
    servers.push(other);
    const error = await run(
      page,
      site,
      `const clip = await cliplet.Cliplet.load();
       const image = Object.assign(new Image(), { src: given });
       await image.decode();
       return clip.embedImage(image).catch(({ name, code, item, message, cause }) => ({ name, code, item, message, cause: cause.name }));`,
      `${other.url}icons/192.png`,
    );
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
