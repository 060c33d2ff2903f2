// Puts the page's scripts and styles into one file each, with the libraries that they import. Files that are loaded by
// their own address stay: the languages, the thumbnails' worker and the vocabulary.
//   node bundle-app.mjs DIST
import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const dist = process.argv[2];
if (!dist) {
  console.error("usage: node bundle-app.mjs DIST");
  process.exit(2);
}
const ENTRIES = ["app/main.js", "app/main.css"];
/** Files that stay beside the bundles. */
const APART = /^app\/(main\.(js|css)|strings\/[a-z-]+\.js|gallery\/thumbnail-worker\.js|suggestions\/vocabulary\.txt)$/;

/** The package is no part of the page's bundle: its engine finds its files from its own place. */
const packageEntry = {
  name: "package entry",
  setup: ({ onResolve }) =>
    onResolve({ filter: /(^|\/)cliplet\/index\.js$/ }, () => ({ path: "../cliplet/index.js", external: true })),
};

await build({
  absWorkingDir: resolve(dist),
  entryPoints: ENTRIES,
  outdir: "app",
  outbase: "app",
  allowOverwrite: true,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "eof",
  nodePaths: [fileURLToPath(new URL("node_modules", import.meta.url))],
  plugins: [packageEntry],
});

const entries = await readdir(join(dist, "app"), { recursive: true, withFileTypes: true });
const files = entries
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
for (const file of files) {
  const path = file.slice(dist.length).replaceAll("\\", "/").replace(/^\/+/, "");
  if (!APART.test(path) || path === "app/strings/index.js") await rm(file);
}
const folders = entries
  .filter((entry) => entry.isDirectory())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
for (const folder of folders) if ((await readdir(folder)).length === 0) await rm(folder, { recursive: true });
