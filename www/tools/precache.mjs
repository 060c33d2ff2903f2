// Lists the files of a built folder with a version made of their contents, for the service worker,
// and writes that version into it: it fetches exactly these and swaps to them as a whole. Models are
// not listed, since the engine keeps them itself; modules are listed by the kind of engine they need.
//   node precache.mjs DIST
import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const dist = process.argv[2];
if (!dist) {
  console.error("usage: node precache.mjs DIST");
  process.exit(2);
}
const NOT_LISTED = new Set(["precache.json", "sw.js"]);
const entries = await readdir(dist, { recursive: true, withFileTypes: true });
const files = entries
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(dist.length).replaceAll("\\", "/").replace(/^\/+/, ""))
  .filter((file) => !NOT_LISTED.has(file))
  .sort();
const hash = createHash("sha256");
for (const file of [...files, "sw.js"]) hash.update(file).update(await readFile(join(dist, file)));
const version = hash.digest("hex").slice(0, 16);
const worker = await readFile(join(dist, "sw.js"), "utf8");
const stamped = worker.replace(/^const VERSION = "[^"]*";/m, `const VERSION = "${version}";`);
if (stamped === worker) throw new Error("sw.js has no VERSION to write");
await writeFile(join(dist, "sw.js"), stamped);

const kinds = {};
const always = [];
for (const file of files) {
  const kind = /^cliplet\/wasm\/(simd|relaxed)/.exec(file)?.[1];
  if (kind) (kinds[kind] ??= []).push(file);
  else if (!file.startsWith("cliplet/models/")) always.push(file);
}
await writeFile(join(dist, "precache.json"), JSON.stringify({ version, files: always, kinds }, null, 1));
