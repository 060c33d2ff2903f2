// The package wherever JavaScript runs: another site's CDN, sandboxed frames, extensions, a file, a server.

import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "@playwright/test";
import { serve } from "../../www/tools/serve.mjs";
import { CLASSIFY, run } from "./bare.mjs";
import { beforeEngine, DIST, expect, test } from "./page.mjs";
import config from "./playwright.config.mjs";

const { launchOptions } = config.projects.find(({ name }) => name === "chromium").use;

test.describe("from another site", () => {
  test.use({ expectedComplaints: [/CORS|ERR_FAILED/] });
  /** Serves the package at another origin, whose address is the answer. */
  async function startCdn(servers, options) {
    const cdn = await serve(DIST, options);
    servers.push(cdn);
    return cdn.url;
  }

  test("a CDN's package starts its worker here, isolated or not", { tag: "@threads" }, async ({
    page,
    site,
    servers,
  }) => {
    const cdn = await startCdn(servers, { cors: true });
    const found = await run(page, site, CLASSIFY, { threads: 2 }, `${cdn}cliplet/index.js`);
    expect(found).toMatchObject({ threads: 2, cached: true });
  });

  test("baseUrl names the place of a package's files that lie elsewhere", async ({ page, site, servers }) => {
    const cdn = await startCdn(servers, { cors: true });
    const asked = [];
    page.context().on("request", (request) => asked.push(request.url()));
    await run(page, site, CLASSIFY, { threads: 1, baseUrl: `${cdn}cliplet` });
    expect(asked).toContain(`${cdn}cliplet/worker.js`);
    expect(asked).toContain(`${cdn}cliplet/models/cliplet-everyday.gguf`);
    await run(
      page,
      site,
      `cliplet.Cliplet.configure({ baseUrl: given }); ${CLASSIFY.replace("given ?? {}", "{ threads: 1 }")}`,
      `${site}cliplet/`,
    );
    expect(asked).toContain(`${site}cliplet/worker.js`);
  });

  test("a site that does not allow it gives an error that names the fix", async ({ page, site, servers }) => {
    const cdn = await startCdn(servers, {});
    const error = await run(
      page,
      site,
      `return cliplet.Cliplet.load(undefined, { baseUrl: given }).catch(({ name, code, message }) => ({ name, code, message }));`,
      `${cdn}cliplet/`,
    );
    expect(error).toMatchObject({ name: "ClipletError", code: "engine", message: expect.stringContaining("baseUrl") });
  });
});

test.describe("in a sandboxed frame", () => {
  test.use({ served: { cors: true } });
  test("it works without storage", async ({ page, site }) => {
    const inside = `<script type="module">
      import * as cliplet from "${site}cliplet/index.js";
      const given = { threads: 1 };
      const classify = async () => { ${CLASSIFY} };
      parent.postMessage(await classify().catch((error) => String(error)), "*");
    </script>`;
    await page.goto(`${site}example.html`);
    const found = await page.evaluate((html) => {
      const frame = Object.assign(document.createElement("iframe"), { srcdoc: html });
      frame.setAttribute("sandbox", "allow-scripts");
      const told = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data), { once: true }));
      document.body.append(frame);
      return told;
    }, inside);
    expect(found).toMatchObject({ threads: 1, cached: false, cacheError: "unavailable" });
  });
});

test("in a credentialless frame it works", async ({ page, site, browserName }) => {
  test.skip(browserName !== "chromium", "only Chromium has such frames");
  await page.goto(`${site}example.html`);
  await page.evaluate(() => {
    const frame = Object.assign(document.createElement("iframe"), { credentialless: true, src: "example.html" });
    document.body.append(frame);
    return new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  });
  const found = await page.frames()[1].evaluate(
    async ([entry, code]) => {
      if (!globalThis.credentialless) throw new Error("the frame has credentials");
      const cliplet = await import(entry);
      const AsyncFunction = (async () => {}).constructor;
      return new AsyncFunction("cliplet", "given", code)(cliplet, { threads: 1 });
    },
    [`${site}cliplet/index.js`, CLASSIFY],
  );
  expect(found).toMatchObject({ label: "red square", threads: 1 });
});

test("where Cache storage refuses, models are cached in files, and loaded from there", { tag: "@engines" }, async ({
  page,
  site,
}) => {
  const refuse = `Object.defineProperty(globalThis, "caches", { get() { throw new DOMException("denied", "SecurityError"); } });`;
  await beforeEngine(page, refuse);
  await page.addInitScript(refuse);
  const asked = [];
  page
    .context()
    .on(
      "request",
      (request) => request.url().endsWith(".gguf") && request.method() === "GET" && asked.push(request.url()),
    );
  expect(await run(page, site, CLASSIFY)).toMatchObject({ cached: true, cacheError: null });
  await page.goto("about:blank");
  expect(await run(page, site, CLASSIFY)).toMatchObject({ cached: true });
  expect(asked).toHaveLength(1);
  const left = await run(
    page,
    site,
    `
    const [{ id }] = await cliplet.Cliplet.listCached();
    await cliplet.Cliplet.deleteCached(id);
    return cliplet.Cliplet.listCached();`,
  );
  expect(left).toEqual([]);
});

test("an extension's page loads and caches the model", async ({ browserName }) => {
  test.skip(browserName !== "chromium", "extensions are loaded by a switch of Chromium's");
  const work = await mkdtemp(join(tmpdir(), "cliplet-extension-"));
  const manifest = {
    manifest_version: 3,
    name: "cliplet",
    version: "1.0",
    background: { service_worker: "background.js" },
    content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'; object-src 'self'" },
  };
  const html = `<!doctype html><title>extension</title><script type="module" src="page.js"></script>`;
  const script = `import * as cliplet from "./cliplet/index.js"; globalThis.cliplet = cliplet;`;
  await cp(join(DIST, "cliplet"), join(work, "cliplet"), { recursive: true });
  await Promise.all(
    Object.entries({
      "manifest.json": JSON.stringify(manifest),
      "page.html": html,
      "page.js": script,
      "background.js": "",
    }).map(([name, text]) => writeFile(join(work, name), text)),
  );
  const args = [...launchOptions.args, `--disable-extensions-except=${work}`, `--load-extension=${work}`];
  const context = await chromium.launchPersistentContext("", {
    ...launchOptions,
    channel: undefined,
    headless: true,
    args: [...args, "--headless=new"],
  });
  try {
    const [background] =
      context.serviceWorkers().length > 0 ? context.serviceWorkers() : [await context.waitForEvent("serviceworker")];
    const page = await context.newPage();
    await page.goto(new URL("page.html", background.url()).href);
    await page.waitForFunction(() => globalThis.cliplet);
    const visit = () =>
      page.evaluate(async () => {
        const clip = await globalThis.cliplet.Cliplet.load(undefined, { threads: 1 });
        const { cached, cacheError } = clip.info;
        clip.dispose();
        return { cached, cacheError, listed: (await globalThis.cliplet.Cliplet.listCached()).length };
      });
    expect(await visit()).toEqual({ cached: true, cacheError: null, listed: 1 });
  } finally {
    await context.close();
    await rm(work, { recursive: true });
  }
});

test.describe("opened as a file", () => {
  test.use({ friends: ["null"] });
  test("the error says that a web server is needed", async ({ page }) => {
    const { build } = await import("esbuild");
    const work = await mkdtemp(join(tmpdir(), "cliplet-file-"));
    await build({
      entryPoints: [join(DIST, "cliplet/index.js")],
      bundle: true,
      format: "iife",
      globalName: "cliplet",
      outfile: join(work, "cliplet.js"),
      logLevel: "silent",
    });
    await writeFile(join(work, "index.html"), `<!doctype html><title>file</title><script src="cliplet.js"></script>`);
    await page.goto(`file://${work}/index.html`);
    const error = await page.evaluate(() =>
      globalThis.cliplet.Cliplet.load().catch(({ name, code, message }) => ({ name, code, message })),
    );
    expect(error).toMatchObject({
      name: "ClipletError",
      code: "unsupported",
      message: expect.stringContaining("serve its folder over http"),
    });
    await rm(work, { recursive: true });
  });
});

test("a server can import the package, and loading a model there names what to use instead", async () => {
  const code = `
    import { Cliplet, ClipletError, DEFAULT_MODEL } from "${join(DIST, "cliplet/index.js")}";
    import { ClipletClassifier } from "${join(DIST, "cliplet/element.js")}";
    const { name, code, message } = await Cliplet.load().catch((error) => error);
    console.log(JSON.stringify({ name, code, message, model: typeof DEFAULT_MODEL, element: typeof ClipletClassifier, cached: await Cliplet.listCached() }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code]);
  expect(JSON.parse(stdout)).toEqual({
    name: "ClipletError",
    code: "unsupported",
    message: expect.stringMatching(/in a browser .*`cliplet serve`/),
    model: "string",
    element: "function",
    cached: [],
  });
});
