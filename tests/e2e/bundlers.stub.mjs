// Builds each example with its bundler from the packed package, and classifies a picture on its page in Chromium, with
// threads and without.
//   node bundlers.mjs [NAME...]

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "@playwright/test";
import { serve } from "../../www/tools/serve.mjs";
import { DIST } from "./copies.mjs";
import config from "./playwright.config.mjs";

const run = promisify(execFile);
const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
const PICTURE = fileURLToPath(new URL("../../docs/circle.png", import.meta.url));

/**
 * Examples; the version of the bundler where another than the example's own is checked too; and the folder that the page is
 * served in, where it cannot be any.
 */
const BUNDLERS = {
  "vite@7": { example: "vite", versions: { vite: "7.3.8" } },
  "vite@8": { example: "vite" },
  ...Object.fromEntries(
    ["webpack", "rollup", "esbuild", "parcel", "sveltekit"].map((example) => [example, { example }]),
  ),
  nextjs: { example: "nextjs", prefix: "/" },
};

const wanted = process.argv.slice(2);
for (const name of wanted) assert.ok(name in BUNDLERS, `no bundler ${name}: ${Object.keys(BUNDLERS).join(", ")}`);

/** Installs and builds an example in a folder of its own; gives what it built. */
async function built(work, tarball, name) {
  const { example, versions } = BUNDLERS[name];
  const root = join(work, name);
  await cp(join(EXAMPLES, example), root, {
    recursive: true,
    filter: (path) => !/node_modules|\/dist$|\.next|\.svelte-kit|\.tgz/.test(path),
  });
  await cp(tarball, join(root, "cliplet.tgz"));
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  Object.assign(manifest.devDependencies, versions);
  await writeFile(join(root, "package.json"), JSON.stringify(manifest));
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", CI: "1" };
  for (const args of [
    ["install", "--no-audit", "--no-fund", "--no-package-lock"],
    ["run", "build"],
  ]) {
    await run("npm", args, { cwd: root, env, maxBuffer: 64 << 20 }).catch(({ stdout, stderr }) => {
      throw new Error(`npm ${args.join(" ")} failed:\n${stdout}\n${stderr}`);
    });
  }
  return join(root, "dist");
}

/** Has the page of a built folder classify a picture. */
async function answers(browser, folder, { isolated, prefix }) {
  const server = await serve(folder, { prefix, isolated });
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  try {
    await page.goto(server.url);
    await page.locator("cliplet-classifier input").setInputFiles(PICTURE);
    await page.locator("cliplet-classifier li").first().waitFor({ timeout: 60_000 });
    await page.locator("#speed", { hasText: "threads" }).waitFor();
    const [best, speed] = [
      await page.locator("cliplet-classifier li").first().textContent(),
      await page.locator("#speed").textContent(),
    ];
    console.log(best);
    assert.match(speed, isolated ? /, [2-9] threads/ : /, 1 threads/);
    assert.deepEqual(complaints, []);
    return speed;
  } catch (error) {
    throw new Error(`${error.message}\n${complaints.join("\n")}`);
  } finally {
    await page.close();
    await server.close();
  }
}

const work = await mkdtemp(join(tmpdir(), "cliplet-bundlers-"));
const browser = await chromium.launch(config.projects.find(({ name }) => name === "chromium").use.launchOptions);
let failed = 0;
try {
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", work, join(DIST, "cliplet")]);
  const tarball = join(work, JSON.parse(stdout)[0].filename);
  for (const name of wanted.length > 0 ? wanted : Object.keys(BUNDLERS)) {
    try {
      const folder = await built(work, tarball, name);
      for (const isolated of [true, false])
        console.log(
          `${name}: ${await answers(browser, folder, { isolated, prefix: BUNDLERS[name].prefix ?? "/sub/" })}`,
        );
    } catch (error) {
      failed += 1;
      console.error(`${name}: ${error.message}`);
    }
    await rm(join(work, name), { recursive: true, force: true });
  }
} finally {
  await browser.close();
  await rm(work, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;
