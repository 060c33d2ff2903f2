// The package on plain http in a local network, where browsers give no storage, no isolation and no crypto.randomUUID.

import { CLASSIFY, run } from "./bare.mjs";
import { test as base, expect } from "./page.mjs";
import config from "./playwright.config.mjs";

const { launchOptions } = config.projects.find(({ name }) => name === "chromium").use;
/** A test with the page's address in the local network, `lan`, in the friends of the page. */
const test = base.extend({
  lan: async ({ site }, use) => use(site.replace("127.0.0.1", "lan.example")),
  friends: async ({ lan }, use) => use([new URL(lan).origin]),
});
test.use({
  served: { isolated: false },
  launchOptions: {
    ...launchOptions,
    args: [...launchOptions.args, "--host-resolver-rules=MAP lan.example 127.0.0.1"],
  },
});
test.skip(({ browserName }) => browserName !== "chromium", "hosts are given names by a switch of Chromium's");

test("everything works on one thread, and nothing is cached", async ({ page, lan }) => {
  await page.goto(`${lan}example.html`);
  expect(await page.evaluate(() => isSecureContext)).toBe(false);
  expect(await run(page, lan, CLASSIFY)).toMatchObject({ threads: 1, cached: false, cacheError: "unavailable" });
  expect(await run(page, lan, "return cliplet.Cliplet.listCached();")).toEqual([]);
});
