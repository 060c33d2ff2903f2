// The package on plain http in a local network, where browsers give no storage, no isolation and no crypto.randomUUID.

import { CLASSIFY, run } from "./bare.mjs";
import { expect, test } from "./page.mjs";
import config from "./playwright.config.mjs";

const { launchOptions } = config.projects.find(({ name }) => name === "chromium").use;
const PORT = 18_447;
const LAN = `http://lan.example:${PORT}`;
test.use({
  served: { port: PORT, isolated: false },
  friends: [LAN],
  launchOptions: {
    ...launchOptions,
    args: [...launchOptions.args, "--host-resolver-rules=MAP lan.example 127.0.0.1"],
  },
});
test.skip(({ browserName }) => browserName !== "chromium", "hosts are given names by a switch of Chromium's");

test("everything works on one thread, and nothing is cached", async ({ page }) => {
  await page.goto(`${LAN}/example.html`);
  expect(await page.evaluate(() => isSecureContext)).toBe(false);
  expect(await run(page, `${LAN}/`, CLASSIFY)).toMatchObject({ threads: 1, cached: false, cacheError: "unavailable" });
  expect(await run(page, `${LAN}/`, "return cliplet.Cliplet.listCached();")).toEqual([]);
});
