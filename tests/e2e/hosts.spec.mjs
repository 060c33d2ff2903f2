// Wherever the page is put and whatever the browser lacks: sub-paths, no headers, no threads, no
// relaxed SIMD, no network.

import {
  answer,
  beforeEngine,
  drop,
  expect,
  isolated,
  open,
  ready,
  redCircle,
  setLabels,
  setTemplate,
  test,
} from "./page.mjs";

async function classifies(page) {
  await drop(page, [await redCircle(page, "one.png")]);
  expect((await answer(page, "one.png")).length).toBeGreaterThan(1);
}

/** The number of threads, as the details about the model state it. */
const threads = (page) => page.locator('[data-fact="threads"]');

async function variant(page) {
  await page.locator("#model-button").click();
  const fact = page.locator("dt", { hasText: "WebAssembly" }).locator("+ dd");
  const name = await fact.textContent();
  await page.keyboard.press("Escape");
  return name;
}

test("an isolated host gets threads and the fastest kernels", { tag: "@threads" }, async ({ page, site }) => {
  await open(page, site);
  await expect(threads(page)).toHaveText(/^[2-9]$/);
  expect(await variant(page)).toBe("relaxed-threads");
  await classifies(page);
});

for (const name of ["simd", "relaxed", "simd-threads", "relaxed-threads"]) {
  test(`the ${name} variant answers as the others do`, { tag: name.endsWith("-threads") ? "@threads" : [] }, async ({
    page,
    site,
  }) => {
    await open(page, `${site}?variant=${name}&threads=2`);
    expect(await variant(page)).toBe(name);
    await setTemplate(page, "a {}");
    await setLabels(page, "blue square, red circle");
    await classifies(page);
    expect((await answer(page, "one.png"))[0]).toBe("red circle");
  });
}

test.describe("below a sub-path", () => {
  test.use({ served: { prefix: "/some/where/" } });
  test("everything is found", async ({ page, site }) => {
    await open(page, site);
    await classifies(page);
  });
});

test.describe("on a host without isolation headers", () => {
  test.use({ served: { isolated: false } });

  test("the service worker makes the page isolated, which gives it threads", { tag: "@threads" }, async ({
    page,
    site,
  }) => {
    await page.goto(site);
    await isolated(page);
    await expect(threads(page)).toHaveText(/^[2-9]$/);
    await setLabels(page, "red circle, blue square");
    await classifies(page);
  });

  test("pictures added before the service worker was active are not lost", async ({ page, site }) => {
    await page.addInitScript(() => {
      // Firefox runs this on the empty page before, too.
      if (!globalThis.ServiceWorkerContainer) return;
      const register = ServiceWorkerContainer.prototype.register;
      const gate = new Promise((resolve) => (globalThis.letIn = resolve));
      ServiceWorkerContainer.prototype.register = async function (...given) {
        await gate;
        return register.apply(this, given);
      };
    });
    await open(page, site);
    await classifies(page);
    await page.evaluate(() => letIn());
    await expect
      .poll(() => page.evaluate(() => Boolean(navigator.serviceWorker.controller)), { timeout: 40_000 })
      .toBe(true);
    await page.waitForTimeout(500);
    expect((await answer(page, "one.png")).length).toBeGreaterThan(1);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
  });

  test.describe("and without service workers", () => {
    test.use({ serviceWorkers: "block" });
    test("one thread does", async ({ page, site }) => {
      await open(page, site);
      await expect(threads(page)).toHaveText("1");
      expect(await variant(page)).toBe("relaxed");
      await classifies(page);
    });
  });
});

test.describe("in an engine that lacks something", () => {
  test.use({ serviceWorkers: "block" });

  test("no relaxed SIMD: the plain kernels", { tag: "@threads" }, async ({ page, site }) => {
    await beforeEngine(
      page,
      "const ask = WebAssembly.validate; WebAssembly.validate = (bytes) => bytes.length < 36 && ask(bytes);",
    );
    await open(page, site);
    expect(await variant(page)).toBe("simd-threads");
    await classifies(page);
  });

  test("no SIMD at all: a clear message", async ({ page, site }) => {
    await beforeEngine(page, "WebAssembly.validate = () => false;");
    await page.goto(site);
    await expect(page.getByRole("alert")).toContainText("SIMD");
  });

  test("no shared memory: one thread", { tag: "@threads" }, async ({ page, site }) => {
    await beforeEngine(
      page,
      `WebAssembly.Memory = new Proxy(WebAssembly.Memory, { construct(target, [options]) {
         if (options.shared) throw new RangeError("out of memory");
         return new target(options);
       } });`,
    );
    await open(page, site);
    await expect(threads(page)).toHaveText("1");
    await classifies(page);
  });

  test("no workers within workers: one thread", { tag: "@threads" }, async ({ page, site }) => {
    await beforeEngine(page, "globalThis.Worker = class { constructor() { throw new Error('not here'); } };");
    await open(page, site);
    await expect(threads(page)).toHaveText("1");
    await classifies(page);
  });

  test("no cache storage: the model is fetched and used all the same", async ({ page, site }) => {
    await beforeEngine(
      page,
      "Object.defineProperty(globalThis, 'caches', { get() { throw new DOMException('denied', 'SecurityError'); } });",
    );
    await open(page, site);
    await classifies(page);
  });
});

test.describe("without a network", () => {
  test.use({ expectedComplaints: [/ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|FAILED)/] });

  test("after one visit the page loads and answers", async ({ page, site, context }) => {
    await open(page, site);
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      while (!navigator.serviceWorker.controller) await new Promise((resume) => setTimeout(resume, 50));
    });
    await context.setOffline(true);
    await page.reload();
    await ready(page);
    await classifies(page);
  });
});

test("the model is fetched once", async ({ page, site }) => {
  const fetched = [];
  page.context().on("request", (request) => {
    if (request.url().endsWith(".gguf") && request.method() === "GET") fetched.push(request.url());
  });
  await open(page, site);
  await page.reload();
  await ready(page);
  expect(fetched).toHaveLength(1);
});
