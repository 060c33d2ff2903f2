// Cached models are safe: whatever their server answers, or does not, the copy on this device is used and stays.

import { readFile } from "node:fs/promises";
import { run } from "./bare.mjs";
import { expect, MODEL, test } from "./page.mjs";

test.use({ expectedComplaints: [/ERR_|404|500/] });

const TINY = new URL("../parity/tiny-q8.gguf", import.meta.url);
const LOAD = `
  const begun = performance.now();
  const clip = await cliplet.Cliplet.load("ours.gguf", given ?? {});
  const { bytes, cached, outdated } = clip.info;
  const took = performance.now() - begun;
  while (!(await cliplet.Cliplet.listCached()).filter(({ complete }) => complete).every(({ joined }) => joined)) await new Promise((resume) => setTimeout(resume, 20));
  clip.dispose();
  const models = (await cliplet.Cliplet.listCached()).filter(({ source }) => source.endsWith("ours.gguf")).map(({ complete, bytes }) => ({ complete, bytes }));
  return { bytes, cached, outdated, took, models };`;

/** A server of "ours.gguf" that the test changes: `answer(route, method)`. */
async function server(page) {
  const state = { requests: [], answer: null };
  await page.route("**/ours.gguf", (route) => {
    const method = route.request().method();
    state.requests.push(method);
    return state.answer(route, method);
  });
  return state;
}

const file = (bytes, etag) => (route, method) =>
  route.fulfill({
    headers: { etag, "content-length": String(bytes.length), "content-type": "application/octet-stream" },
    body: method === "GET" ? bytes : "",
  });

/** Answers that a server may give in place of the model. */
const NONSENSE = {
  "a page of HTML": (route) =>
    route.fulfill({
      contentType: "text/html",
      headers: { etag: '"html"' },
      body: "<!doctype html><title>Sign in</title>",
    }),
  "HTML called a binary file": (route, method) =>
    route.fulfill({
      headers: { etag: '"html"', "content-type": "application/octet-stream" },
      body: method === "GET" ? "<!doctype html><title>Sign in</title>" : "",
    }),
  "an error": (route) => route.fulfill({ status: 500, body: "broken" }),
  nothing: (route) => route.abort(),
  "no answer at all": () => new Promise(() => {}),
  "another version that breaks off": (route, method) =>
    method === "GET" ? route.abort() : route.fulfill({ headers: { etag: '"two"', "content-length": "999999" } }),
};

for (const [what, answer] of Object.entries(NONSENSE)) {
  test(`where the server answers ${what}, the cached copy is used and stays`, { tag: "@engines" }, async ({
    page,
    site,
  }) => {
    const ours = await readFile(TINY);
    const host = await server(page);
    host.answer = file(ours, '"one"');
    const first = await run(page, site, LOAD);
    expect(first).toMatchObject({ bytes: ours.length, cached: true, outdated: false });
    host.answer = answer;
    for (let visit = 0; visit < 2; visit += 1) {
      await page.goto("about:blank");
      const again = await run(page, site, LOAD);
      expect(again).toMatchObject({ bytes: ours.length, cached: true });
      expect(again.took).toBeLessThan(6_000);
      expect(again.models).toEqual([{ complete: true, bytes: ours.length }]);
    }
  });
}

test("a new version that arrives slowly is used by the next load; the cached copy answers meanwhile", {
  tag: "@engines",
}, async ({ page, site }) => {
  const [ours, other] = await Promise.all([TINY, MODEL].map((path) => readFile(path)));
  const host = await server(page);
  host.answer = file(ours, '"one"');
  await run(page, site, LOAD);
  let deliver;
  const held = new Promise((resolve) => {
    deliver = resolve;
  });
  host.answer = async (route, method) => {
    if (method === "GET") await held;
    return file(other, '"two"')(route, method);
  };
  // Kept, so that the new version goes on arriving.
  const meanwhile = await run(
    page,
    site,
    `
    const clip = (globalThis.kept = await cliplet.Cliplet.load("ours.gguf"));
    return clip.info;`,
  );
  expect(meanwhile).toMatchObject({ bytes: ours.length, outdated: true });
  deliver();
  await expect
    .poll(() =>
      run(
        page,
        site,
        `return (await cliplet.Cliplet.listCached()).find(({ source }) => source.endsWith("ours.gguf")).bytes;`,
      ),
    )
    .toBe(other.length);
  await page.goto("about:blank");
  const next = await run(page, site, LOAD);
  expect(next).toMatchObject({ bytes: other.length, outdated: false });
  expect(next.models).toEqual([{ complete: true, bytes: other.length }]);
});

test("a download that stalls is asked for again, and ends in an error that can be acted on", {
  tag: "@engines",
}, async ({ page, site }) => {
  const ours = await readFile(TINY);
  const host = await server(page);
  let stalls = 1;
  host.answer = (route, method) =>
    method === "GET" && stalls-- > 0 ? new Promise(() => {}) : file(ours, '"one"')(route, method);
  const { bytes } = await run(page, site, LOAD, { stallTimeout: 300 });
  expect(bytes).toBe(ours.length);
  host.answer = () => new Promise(() => {});
  const error = await run(
    page,
    site,
    `
    const ours = (await cliplet.Cliplet.listCached()).find(({ source }) => source.endsWith("ours.gguf"));
    await cliplet.Cliplet.deleteCached(ours.id);
    return cliplet.Cliplet.load("ours.gguf", { stallTimeout: 300 }).catch(({ name, code, message, item }) => ({ name, code, message, item }));`,
  );
  expect(error).toMatchObject({
    name: "ClipletError",
    code: "network",
    message: expect.stringMatching(/ours\.gguf: could not be fetched \(nothing arrived for 0\.3 s\)/),
  });
});

test("two tabs share one download, and both report its progress", { tag: "@engines" }, async ({
  page,
  site,
  context,
}) => {
  const ours = await readFile(TINY);
  let asked = 0;
  await context.route("**/ours.gguf", async (route) => {
    const method = route.request().method();
    if (method === "GET") asked += 1;
    await new Promise((resume) => setTimeout(resume, method === "GET" ? 800 : 0));
    return file(ours, '"one"')(route, method);
  });
  const second = await context.newPage();
  const load = `
    const seen = [];
    const clip = await cliplet.Cliplet.load("ours.gguf", { onProgress: (progress) => seen.push(progress) });
    const { cached } = clip.info;
    clip.dispose();
    return { cached, last: seen.at(-1) };`;
  const both = await Promise.all([page, second].map((tab) => run(tab, site, load)));
  const whole = { loaded: ours.length, total: ours.length };
  expect(both).toEqual([
    { cached: true, last: whole },
    { cached: true, last: whole },
  ]);
  expect(asked).toBe(1);
});
