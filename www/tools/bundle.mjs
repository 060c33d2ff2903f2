// Puts all that the engine's worker imports into its one file. A module more takes a request more, before
// anything else can be done, in the worker and again in every thread: two thirds of what it takes to start one.
//   node bundle.mjs DIST
import { readFile, readdir, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { build } from "esbuild";

const dist = process.argv[2];
if (!dist) {
  console.error("usage: node bundle.mjs DIST");
  process.exit(2);
}

/** What the page and the package import by themselves. */
const OTHERS = ["app/main.js", "cliplet/index.js", "cliplet/element.js", "cliplet/hub.js"];
/** Lets a module's JavaScript find its binary from the worker's place. */
const binaries = {
  name: "binaries",
  setup: ({ onLoad }) =>
    onLoad({ filter: /wasm[\\/][\w-]+[\\/]cliplet\.js$/ }, async ({ path }) => {
      const contents = await readFile(path, "utf8");
      return { contents: contents.replace("'cliplet_bg.wasm'", JSON.stringify(`./wasm/${basename(dirname(path))}/cliplet_bg.wasm`)) };
    }),
};
const common = { absWorkingDir: resolve(dist), bundle: true, format: "esm", target: "es2022", metafile: true, plugins: [binaries] };

const others = await build({ ...common, entryPoints: OTHERS, outdir: "unused", write: false });
const worker = await build({ ...common, entryPoints: ["cliplet/worker.js"], outfile: "cliplet/worker.js", allowOverwrite: true, minify: true });
const wanted = new Set([...Object.keys(others.metafile.inputs), "cliplet/worker.js"]);
for (const input of Object.keys(worker.metafile.inputs)) if (!wanted.has(input)) await rm(join(dist, input));
for (const variant of await readdir(join(dist, "cliplet/wasm"))) await rm(join(dist, "cliplet/wasm", variant, "snippets"), { recursive: true, force: true });
