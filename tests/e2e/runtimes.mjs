// The packed package in runtimes without pages: Node.js says what to use instead, Deno and Bun classify an image. Deno and
// Bun come from npm.
//   node runtimes.mjs

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DIST } from "./copies.mjs";

const run = promisify(execFile);
const PICTURE = fileURLToPath(new URL("../../docs/circle.png", import.meta.url));
const VERSIONS = { deno: "2.9.6", bun: "1.4.5" };

/** A program as a developer writes it; its last line of output tells the result. */
const CODE = `
  import { readFile } from "node:fs/promises";
  import { Cliplet } from "cliplet";
  import "cliplet/element";
  const given = { cached: await Cliplet.listCached() };
  try {
    const clip = await Cliplet.load(undefined, { cache: false });
    const image = new Blob([await readFile(${JSON.stringify(PICTURE)})]);
    const [best] = await clip.classify(image, ["red circle", "blue square"], { template: "a {}" });
    clip.dispose();
    given.best = best.label;
  } catch ({ name, code, message }) {
    Object.assign(given, { name, code, message });
  }
  console.log(JSON.stringify(given));`;

const RUNTIMES = {
  node: [process.execPath, "main.mjs"],
  deno: ["node_modules/.bin/deno", "run", "--allow-all", "main.mjs"],
  bun: ["node_modules/.bin/bun", "main.mjs"],
};

const work = await mkdtemp(join(tmpdir(), "cliplet-runtimes-"));
try {
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", work, join(DIST, "cliplet")]);
  const cliplet = `file:${JSON.parse(stdout)[0].filename}`;
  const manifest = { private: true, type: "module", dependencies: { cliplet, ...VERSIONS } };
  await writeFile(join(work, "package.json"), JSON.stringify(manifest));
  await writeFile(join(work, "main.mjs"), CODE);
  await run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], { cwd: work });
  for (const [name, [command, ...args]] of Object.entries(RUNTIMES)) {
    const { stdout: output } = await run(command, args, { cwd: work, timeout: 120_000 });
    const { cached, best, code, message } = JSON.parse(output.trim().split("\n").at(-1));
    assert.deepEqual(cached, [], name);
    if (name === "node") {
      assert.equal(code, "unsupported");
      assert.match(message, /in a browser .*`cliplet serve`/);
    } else assert.equal(best, "red circle", `${name}: ${message}`);
    console.log(`${name}: ${best ?? code}`);
  }
} finally {
  await rm(work, { recursive: true, force: true });
}
