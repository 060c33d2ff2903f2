// Puts the engine's worker and what the package exports into one file each (and one that both entries share). A module more
// takes a request more before anything else can be done, in the worker and again in every thread: two thirds of what it
// takes to start one.
//   node bundle.mjs DIST
import "./bundle-app.mjs";
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { build } from "esbuild";

const dist = process.argv[2];
if (!dist) {
  console.error("usage: node bundle.mjs DIST");
  process.exit(2);
}

const ENTRIES = ["cliplet/index.js", "cliplet/element.js", "cliplet/hub.js"];
const WORKER = "cliplet/worker.js";

/** Lets a module's JavaScript find its binary from the worker's place; one that was not built says so when it is asked for. */
const binaries = {
  name: "binaries",
  setup({ onResolve, onLoad }) {
    const filter = /wasm[\\/][\w-]+[\\/]cliplet\.js$/;
    onResolve({ filter }, ({ path, resolveDir }) => ({ path: resolve(resolveDir, path) }));
    onLoad({ filter }, async ({ path }) => {
      if (!existsSync(path)) {
        const message = `this build lacks the module ${basename(dirname(path))}: ./build.sh dist makes all four`;
        return { contents: `throw new Error(${JSON.stringify(message)});` };
      }
      const contents = await readFile(path, "utf8");
      const address = JSON.stringify(`./wasm/${basename(dirname(path))}/cliplet_bg.wasm`);
      return { contents: contents.replace("'cliplet_bg.wasm'", address) };
    });
  },
};
const common = {
  absWorkingDir: resolve(dist),
  bundle: true,
  format: "esm",
  target: "es2022",
  metafile: true,
  plugins: [binaries],
};

const entries = await build({
  ...common,
  entryPoints: ENTRIES,
  outdir: "cliplet",
  outbase: "cliplet",
  chunkNames: "shared-[hash]",
  splitting: true,
  allowOverwrite: true,
});
const worker = await build({ ...common, entryPoints: [WORKER], outfile: WORKER, allowOverwrite: true, minify: true });

const wanted = new Set([...Object.keys(entries.metafile.outputs), WORKER]);
for (const input of Object.keys(worker.metafile.inputs))
  if (!wanted.has(input)) await rm(join(dist, input), { force: true });
/** Sources that are bundled now, parts of an earlier build, and what only development needs. */
const isLeftOver = (file) =>
  file.endsWith(".js") ? !wanted.has(`cliplet/${file}`) : /^(tsconfig\.json|ambient\.d\.ts)$/.test(file);
for (const file of await readdir(join(dist, "cliplet"))) {
  if (isLeftOver(file)) await rm(join(dist, "cliplet", file));
}
for (const variant of await readdir(join(dist, "cliplet/wasm"))) {
  await rm(join(dist, "cliplet/wasm", variant, "snippets"), { recursive: true, force: true });
}
