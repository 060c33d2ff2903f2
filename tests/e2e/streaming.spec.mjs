// Models from the Hub and from files, quantized while they arrive: through lost connections, full disks
// and changed files, by the package alone. The Hub is a stand-in on loopback.

import { readFile } from "node:fs/promises";
import { beforeEngine, expect, MODEL, hubTest as test } from "./page.mjs";

const TINY = new URL("../parity/tiny/", import.meta.url);

let hub;
test.beforeEach(({ hub: started }) => {
  hub = started;
});
test.use({ expectedComplaints: [/ERR_|404/] });

/** Runs code in a bare page with the package as `cliplet` and the stand-in's address as `hub`. */
async function run(page, site, code, given = null) {
  await page.goto(`${site}example.html`);
  return page.evaluate(
    async ([source, hub, given]) => {
      const cliplet = await import(new URL("cliplet/index.js", document.baseURI).href);
      const AsyncFunction = (async () => {}).constructor;
      return new AsyncFunction("cliplet", "hub", "given", source)(cliplet, hub, given);
    },
    [code, hub.url, given],
  );
}

const LOAD = `
  const seen = [];
  const clip = await cliplet.Cliplet.load("hf:some/tiny", { hub, onProgress: (p) => seen.push(p) });
  const embedding = Array.from(await clip.embedText("a cat"));
  const { info } = clip;
  clip.dispose();
  return { info, embedding, seen, cached: await cliplet.Cliplet.listCached() };`;
const FAIL = `
  return cliplet.Cliplet.load("hf:some/tiny", { hub }).then(() => "loaded", (error) => error.code + ": " + error.message);`;

/** A load that the Hub breaks off midway and then refuses to go on with; gives the messages. */
async function brokenOff(page, site) {
  hub.lose = 120_000;
  const failing = run(page, site, FAIL);
  await expect.poll(() => hub.served).toBe(120_000);
  hub.dead = true;
  const said = await failing;
  Object.assign(hub, { dead: false, lose: Infinity });
  return said;
}

/** The embedding that \`cliplet convert\`'s file of the same snapshot gives. */
async function converted(page, site) {
  const base64 = (await readFile(new URL("../parity/tiny-q8.gguf", import.meta.url))).toString("base64");
  return run(
    page,
    site,
    `
    const bytes = Uint8Array.from(atob(given), (c) => c.charCodeAt(0));
    const clip = await cliplet.Cliplet.load(new Blob([bytes]));
    return Array.from(await clip.embedText("a cat"));`,
    base64,
  );
}

test("a Hub id is packed while it loads, cached, and needs no network again", async ({ page, site }) => {
  const { info, embedding, seen, cached } = await run(page, site, LOAD);
  expect(embedding).toEqual(await converted(page, site));
  expect(info).toMatchObject({
    name: "some/tiny",
    quantization: "q8",
    cached: true,
    origin: "https://huggingface.co/some/tiny",
  });
  expect(info.bytes).toBeLessThan(hub.size);
  expect(seen.at(-1)).toEqual({ loaded: hub.size, total: hub.size });
  expect(cached.find(({ name }) => name === "some/tiny")).toMatchObject({
    complete: true,
    bytes: info.bytes,
    checksum: info.checksum,
  });
  const before = hub.requests.length;
  expect((await run(page, site, LOAD)).embedding).toEqual(embedding);
  expect(hub.requests.length).toBe(before);
});

/** Loads as LOAD does and waits until the model is cached as one file: `file`, in `folder`. */
const KEEP = `
  // Held, since some browsers stop an engine that nothing holds, whatever it still writes.
  const clip = (globalThis.held = await cliplet.Cliplet.load("hf:some/tiny", { hub }));
  const expected = Array.from(await clip.embedText("a cat"));
  const part = ({ url }) => url.includes("hf%3Asome") && !url.endsWith("/record");
  while ((await (await caches.open("cliplet-models")).keys()).some(part)) await new Promise((resume) => setTimeout(resume, 50));
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("cliplet-models");
  const ours = async () => {
    const files = await Array.fromAsync(folder.values());
    const sizes = await Promise.all(files.map(async (file) => (await file.getFile()).size));
    return files.filter((_, i) => sizes[i] === clip.info.bytes);
  };
  const [file] = await ours();
  const embeds = async (options) => {
    const clip = await cliplet.Cliplet.load("hf:some/tiny", { hub, ...options });
    return Array.from(await clip.embedText("a cat"));
  };`;

test("a model that is cached whole becomes one file, which every engine reads and deleting removes", {
  tag: "@engines",
}, async ({ page, site }) => {
  const { expected, found, left } = await run(
    page,
    site,
    `${KEEP}
    const found = [await embeds({ threads: 1 }), await embeds({ threads: 2 })];
    const [{ id }] = (await cliplet.Cliplet.listCached()).filter(({ name }) => name === "some/tiny");
    await cliplet.Cliplet.deleteCached(id);
    return { expected, found, left: (await ours()).length };`,
  );
  expect(found).toEqual([expected, expected]);
  expect(left).toBe(0);
  expect(hub.served).toBe(hub.size);
});

test("a cached file that is damaged is fetched again", { tag: "@engines" }, async ({ page, site }) => {
  const { expected, found } = await run(
    page,
    site,
    `${KEEP}
    const writable = await file.createWritable({ keepExistingData: true });
    await writable.write({ type: "write", position: 100_000, data: new Uint8Array(64).fill(7) });
    await writable.close();
    return { expected, found: await embeds() };`,
  );
  expect(found).toEqual(expected);
  expect(hub.served).toBe(2 * hub.size);
});

test("a model cached from an address loads without it, and again once the server has another version", {
  tag: "@engines",
}, async ({ page, site }) => {
  const versions = await Promise.all(
    [new URL("../parity/tiny-q8.gguf", import.meta.url), MODEL].map((file) => readFile(file)),
  );
  const asked = { HEAD: 0, GET: 0 };
  let now = 0;
  await page.route("**/ours.gguf", (route) => {
    const method = route.request().method();
    asked[method] += 1;
    if (now === null) return route.abort();
    return route.fulfill({
      headers: { etag: `"${now}"`, "content-length": String(versions[now].length) },
      body: method === "GET" ? versions[now] : "",
    });
  });
  const load = () =>
    run(
      page,
      site,
      `
      const clip = await cliplet.Cliplet.load("ours.gguf");
      while (!(await cliplet.Cliplet.listCached()).every(({ joined }) => joined)) await new Promise((resume) => setTimeout(resume, 20));
      const { cached } = await cliplet.Cliplet.inspect("ours.gguf");
      const { bytes } = clip.info;
      clip.dispose();
      return { bytes, cached };`,
    );
  const [first, second] = versions.map(({ length }) => ({ bytes: length, cached: true }));
  expect([await load(), await load()]).toEqual([first, first]);
  expect(asked.GET).toBe(1);
  now = 1;
  expect([await load(), await load()]).toEqual([second, second]);
  expect(asked.GET).toBe(2);
  now = null;
  expect(await load()).toEqual(second);
  expect(asked.GET).toBe(2);
});

test("loading waits for a cached file that another tab uses", { tag: "@engines" }, async ({ page, site }) => {
  const { expected, found } = await run(
    page,
    site,
    `${KEEP}
    const writable = await file.createWritable();
    setTimeout(() => writable.abort(), 700);
    return { expected, found: await embeds() };`,
  );
  expect(found).toEqual(expected);
  expect(hub.served).toBe(hub.size);
});

test("two engines that load a model at once do not damage it", { tag: "@engines" }, async ({ page, site }) => {
  const { expected, found, count } = await run(
    page,
    site,
    `${KEEP}
    const [{ id }] = (await cliplet.Cliplet.listCached()).filter(({ name }) => name === "some/tiny");
    await cliplet.Cliplet.deleteCached(id);
    const both = (globalThis.both = await Promise.all([1, 2].map(() => cliplet.Cliplet.load("hf:some/tiny", { hub }))));
    const found = await Promise.all(both.map((one) => one.embedText("a cat")));
    while ((await (await caches.open("cliplet-models")).keys()).some(part)) await new Promise((resume) => setTimeout(resume, 50));
    found.push(await embeds());
    return { expected, found: found.map((one) => Array.from(one)), count: (await ours()).length };`,
  );
  expect(found).toEqual([expected, expected, expected]);
  expect(count).toBe(1);
  // The second took what the first downloaded.
  expect(hub.served).toBe(2 * hub.size);
});

test("a model that is deleted while its file is still being written stays deleted", async ({ page, site }) => {
  await beforeEngine(
    page,
    `
    const put = Cache.prototype.put;
    Cache.prototype.put = async function (address, response) {
      const late = address.endsWith("/record") && (await response.clone().json()).joined;
      if (late) await new Promise((resume) => setTimeout(resume, 1000));
      return put.call(this, address, response);
    };`,
  );
  const left = await run(
    page,
    site,
    `
    globalThis.held = await cliplet.Cliplet.load("hf:some/tiny", { hub });
    const ours = async () => (await cliplet.Cliplet.listCached()).filter(({ name }) => name === "some/tiny");
    await cliplet.Cliplet.deleteCached((await ours())[0].id);
    await new Promise((resume) => setTimeout(resume, 1500));
    return ours();`,
  );
  expect(left).toEqual([]);
});

test("a lost connection is resumed where it broke", async ({ page, site }) => {
  hub.lose = 50_000;
  const { embedding } = await run(page, site, LOAD);
  const ranges = hub.requests.filter(({ range }) => range).map(({ range }) => range);
  expect(ranges.length).toBeGreaterThan(2);
  expect(new Set(ranges).size).toBe(ranges.length);
  hub.lose = Infinity;
  expect(embedding).toEqual(await converted(page, site));
});

test("a download that a visit broke off is resumed in the next", async ({ page, site }) => {
  test.setTimeout(120_000);
  expect(await brokenOff(page, site)).toContain("network: ");
  const { embedding, info } = await run(page, site, LOAD);
  const requests = hub.requests.filter(({ name }) => name === "model.safetensors");
  expect(requests.at(-1)).toMatchObject({ range: expect.stringMatching(/^bytes=\d{5,}-$/) });
  expect(info.cached).toBe(true);
  expect(embedding).toEqual(await converted(page, site));
});

test("weights that changed in between are loaded again, never mixed", async ({ page, site }) => {
  test.setTimeout(120_000);
  await brokenOff(page, site);
  Object.assign(hub, { served: 0, etag: '"two"' });
  const { embedding } = await run(page, site, LOAD);
  expect(hub.served).toBeGreaterThanOrEqual(hub.size);
  expect(embedding).toEqual(await converted(page, site));
});

test("the size of a download and of its cached copy is known before it", async ({ page, site }) => {
  const told = await run(page, site, `return cliplet.Cliplet.inspect("hf:some/tiny", { hub, quant: "q4" });`);
  expect(told).toMatchObject({ name: "some/tiny", download: hub.size, quantization: "q4", cached: false });
  const { info } = await run(page, site, LOAD.replace("{ hub,", "{ hub, quant: 'q4',"));
  expect(told.bytes).toBe(info.bytes);
  expect(info.quantization).toBe("q4");
});

test("the files of a snapshot chosen together load; weights alone give an error that names the missing files", async ({
  page,
  site,
}) => {
  const files = await Promise.all(
    ["model.safetensors", "config.json", "tokenizer.json", "preprocessor_config.json"].map(async (name) => ({
      name,
      base64: (await readFile(new URL(name, TINY))).toString("base64"),
    })),
  );
  const found = await run(
    page,
    site,
    `
    const files = given.map(({ name, base64 }) => new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { lastModified: 1 }));
    const clip = await cliplet.Cliplet.load(files);
    const embedding = Array.from(await clip.embedText("a cat"));
    const alone = await cliplet.Cliplet.load(files[0]).catch((error) => error);
    const cached = (await cliplet.Cliplet.listCached()).find(({ name }) => name === clip.info.name);
    const again = await cliplet.Cliplet.load(cached.id);
    const same = Array.from(await again.embedText("a cat"));
    await cliplet.Cliplet.deleteCached(cached.id);
    const left = (await cliplet.Cliplet.listCached()).filter(({ id }) => id === cached.id).length;
    return { embedding, same, code: alone.code, message: alone.message, left };`,
    files,
  );
  expect(found.embedding).toEqual(await converted(page, site));
  expect(found.same).toEqual(found.embedding);
  expect(found.code).toBe("input");
  expect(found.message).toContain("config.json");
  expect(found.left).toBe(0);
});

test("an address that is no repository is an error that says so", async ({ page, site }) => {
  const codes = await run(
    page,
    site,
    `
    const code = (id) => cliplet.Cliplet.load(id, { hub }).catch((error) => error.code + ": " + error.message);
    return [await code("hf:no/such"), await code("hf:../up"), await code("hf:justaname")];`,
  );
  expect(codes[0]).toContain("no/such");
  expect(codes[1]).toContain("input: ");
  expect(codes[2]).toContain("hf:owner/name");
});

test("a full disk ends the caching, not the loading", async ({ page, site }) => {
  await beforeEngine(
    page,
    `Cache.prototype.put = async () => { throw new DOMException("no room", "QuotaExceededError"); };`,
  );
  const { info, cached } = await run(page, site, LOAD);
  expect(info).toMatchObject({ cached: false, cacheError: "full" });
  expect(cached).toEqual([]);
});
