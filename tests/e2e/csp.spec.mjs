// The page's promises: pictures cause no network traffic, and security policies stop anything that the code forgot.

import { readFile } from "node:fs/promises";
import { pagePolicy, policies } from "../../www/tools/policy.mjs";
import {
  answer,
  beforeEngine,
  blueSquare,
  DIST,
  drop,
  expect,
  isolated,
  open,
  redCircle,
  setLabels,
  setTemplate,
  test,
} from "./page.mjs";

test.describe("pictures", () => {
  const heard = [];
  test.use({ served: { onRequest: (_path, request) => heard.push(request) } });

  test("cause no network traffic", async ({ page, site }) => {
    await open(page, site);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForLoadState("networkidle");
    const asked = [];
    page.context().on("request", (request) => asked.push(request.url()));
    expect(heard.length).toBeGreaterThan(10);
    const registered = heard.filter((request) => request.startsWith("GET /sw.js?"));
    expect(registered).toHaveLength(1);
    heard.length = 0;
    await drop(page, [
      await redCircle(page, "circle.png"),
      await blueSquare(page, "square.png"),
      { name: "broken.jpg", type: "image/jpeg", bytes: Buffer.from("no picture") },
    ]);
    await answer(page, "circle.png");
    await answer(page, "square.png");
    await setLabels(page, "secret label, other label");
    await setTemplate(page, "my own {}");
    await answer(page, "square.png");
    await page.waitForTimeout(500);
    // A worker that starts from the service worker's cache makes the browser itself ask if that has changed (Soft Update
    // in the specification of service workers): with the very request that the page registered it by, and at most once.
    expect(heard.length).toBeLessThanOrEqual(1);
    expect(heard.filter((request) => !registered.includes(request))).toEqual([]);
    // Own scripts may start a worker, from the service worker's cache; nothing may carry anything.
    expect(asked.filter((url) => !/^(blob|data):/.test(url) && !/\.js$/.test(url))).toEqual([]);
  });
});

test("the policies allow no inline code, no eval, and one context alone the Hub", async ({ page, site }) => {
  const stated = pagePolicy(await readFile(`${DIST}/index.html`, "utf8"));
  for (const policy of [stated, ...Object.values(policies)]) {
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe-inline|(?<!wasm-)unsafe-eval|\*(?!\.)/);
  }
  expect(stated).toContain("connect-src 'self';");
  expect(stated).toContain("require-trusted-types-for 'script'; trusted-types default lit-html");
  expect(policies["cliplet/worker.js"]).toContain("connect-src 'self'");
  await page.goto(site);
  for (const name of Object.keys(policies)) {
    const sent = await page.evaluate(async (file) => (await fetch(file)).headers.get("Content-Security-Policy"), name);
    expect(sent).toBe(policies[name]);
  }
});

test.describe("on a host without headers", () => {
  test.use({ served: { isolated: false } });
  test("the service worker holds the engine to its policy", async ({ page, site }) => {
    await page.goto(site);
    await isolated(page);
    const sent = await page.evaluate(async () =>
      (await fetch("cliplet/worker.js")).headers.get("Content-Security-Policy"),
    );
    expect(sent).toBe(policies["cliplet/worker.js"]);
  });
});

test.describe("held to the policy", () => {
  test.use({ expectedComplaints: [/Content Security Policy|Trusted/], friends: ["https://elsewhere.example"] });

  test.describe("by the host's headers", () => {
    test.use({ serviceWorkers: "block" });
    test("neither page nor engine can reach another host", async ({ page, site }) => {
      const told = [];
      page.on("console", (message) => told.push(message.text()));
      const reach = (address) => `fetch("${address}").then(() => "reached", () => "blocked")`;
      const hosts = ["https://elsewhere.example/", "https://huggingface.co/"];
      await beforeEngine(
        page,
        hosts.map((host) => `${reach(host)}.then((word) => console.log(word, "${host}"));`).join("\n"),
      );
      await open(page, site);
      expect(await page.evaluate(reach(hosts[0]))).toBe("blocked");
      for (const host of hosts)
        await expect.poll(() => told.filter((words) => words.endsWith(` ${host}`))).toEqual([`blocked ${host}`]);
    });
  });

  test("nothing becomes HTML or code", async ({ page, site }) => {
    await open(page, site);
    const tried = await page.evaluate(() => {
      // In a task of the page's own: what the test runner calls itself is let through.
      const attempt = (run) =>
        new Promise((resolve) =>
          setTimeout(() => {
            try {
              run();
              resolve("done");
            } catch (error) {
              resolve(error.name);
            }
          }),
        );
      return Promise.all([
        attempt(() => (document.createElement("p").innerHTML = "<b>bold</b>")),
        attempt(() => eval("1")),
        attempt(() => new Worker("https://elsewhere.example/worker.js")),
      ]);
    });
    expect(tried).not.toContain("done");
  });
});

test("labels and file names are never HTML", async ({ page, site }) => {
  const spell = '<img src="x" onerror="document.title=1">';
  await open(page, site);
  await setLabels(page, `${spell}, other`);
  await drop(page, [await redCircle(page, `${spell}.png`)]);
  await answer(page, "onerror");
  await expect(page.locator(".card .ranks")).toContainText(spell);
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  expect(await page.title()).toContain("cliplet");
});
