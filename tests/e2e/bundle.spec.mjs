// The package as it would be published: what it holds, and the Vite example built from it.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "vite";
import { serve } from "../../www/tools/serve.mjs";
import { DIST, draw, expect, paints, test } from "./page.mjs";

const run = promisify(execFile);
const EXAMPLE = fileURLToPath(new URL("../../examples/vite", import.meta.url));

let work;
let packed;
test.beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "cliplet-pack-"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", work, join(DIST, "cliplet")]);
  [packed] = JSON.parse(stdout);
});
test.afterAll(() => rm(work, { recursive: true }));

test("npm pack takes what is needed and nothing else", async () => {
  const files = packed.files.map(({ path }) => path).sort();
  for (const needed of [
    "LICENSE",
    "README.md",
    "element.d.ts",
    "element.js",
    "index.d.ts",
    "index.js",
    "react.d.ts",
    "package.json",
    "worker.js",
    "models/cliplet-everyday.gguf",
  ]) {
    expect(files).toContain(needed);
  }
  for (const variant of ["simd", "relaxed", "simd-threads", "relaxed-threads"])
    expect(files).toContain(`wasm/${variant}/cliplet_bg.wasm`);
  const strange = files.filter(
    (file) =>
      !/^(LICENSE|README\.md|package\.json|[\w.-]+\.(js|d\.ts)|models\/cliplet-everyday\.gguf|wasm\/[\w-]+\/cliplet_bg\.wasm)$/.test(
        file,
      ),
  );
  expect(strange).toEqual([]);
  // Every script that another imports is there.
  for (const file of files.filter((name) => /^[^/]+\.js$/.test(name))) {
    const text = await readFile(join(DIST, "cliplet", file), "utf8");
    const code = text.replace(/\/\*.*?\*\//gs, "");
    for (const [, wanted] of code.matchAll(/(?:from|import\(|new URL\()\s*"\.\/([^"]+\.js)"/g))
      expect(files, `${file} wants ${wanted}`).toContain(wanted);
  }
});

async function answers(page, address, threads) {
  await page.goto(address);
  const buffer = await draw(page, paints.redCircle);
  await page.locator("cliplet-classifier input").setInputFiles({ name: "circle.png", mimeType: "image/png", buffer });
  await expect(page.locator("cliplet-classifier li").first()).toContainText("red circle", { timeout: 40_000 });
  await expect(page.locator("#speed")).toContainText(threads);
}

test("the Vite example, built from the package, answers in a sub-folder, with threads and without", {
  tag: "@threads",
}, async ({ page, servers }) => {
  test.setTimeout(180_000);
  const root = join(work, "example");
  await cp(EXAMPLE, root, {
    recursive: true,
    filter: (path) => !/node_modules|dist|\.tgz/.test(path.slice(EXAMPLE.length)),
  });
  await mkdir(join(root, "node_modules"));
  await run("tar", ["-xzf", join(work, packed.filename), "-C", join(root, "node_modules")]);
  await cp(join(root, "node_modules/package"), join(root, "node_modules/cliplet"), { recursive: true });
  // The example's configuration imports Vite by name, as an installed one does.
  await cp(fileURLToPath(new URL("node_modules", import.meta.url)), join(root, "node_modules"), {
    recursive: true,
    force: false,
  });
  await build({ root, configFile: join(root, "vite.config.js"), logLevel: "error" });
  expect(await readdir(join(root, "dist"))).toContain("index.html");
  for (const [isolated, threads] of [
    [true, /relaxed-threads, [2-9] threads/],
    [false, /relaxed, 1 threads/],
  ]) {
    const server = await serve(join(root, "dist"), { prefix: "/sub/", isolated });
    servers.push(server);
    await answers(page, server.url, threads);
  }
});
