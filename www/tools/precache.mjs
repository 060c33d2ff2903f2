// Lists the files of a built folder with their checksums and a version made of them, for the service
// worker, and writes version and policies into it: it fetches exactly these files, refuses others, and
// swaps to them as a whole. Models are not listed, since the engine keeps them itself; modules are
// listed by the kind of engine they need.
//   node precache.mjs DIST
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pagePolicy, policies } from "./policy.mjs";

const dist = process.argv[2];
if (!dist) {
  console.error("usage: node precache.mjs DIST");
  process.exit(2);
}
/** Files that no page asks for. */
const NOT_LISTED = /^(precache\.json|sw\.js|cliplet\/.*\.d\.ts|cliplet\/(package\.json|README\.md|LICENSE))$/;
const entries = await readdir(dist, { recursive: true, withFileTypes: true });
const files = entries
  .filter((entry) => entry.isFile())
  .map((entry) =>
    join(entry.parentPath ?? entry.path, entry.name)
      .slice(dist.length)
      .replaceAll("\\", "/")
      .replace(/^\/+/, ""),
  )
  .filter((file) => !NOT_LISTED.test(file))
  .sort();

/** `text` with the value of the constant `name` replaced. */
function stamp(text, name, value) {
  const stamped = text.replace(new RegExp(`^const ${name} = .*;`, "m"), `const ${name} = ${JSON.stringify(value)};`);
  if (!stamped.includes(`const ${name} = ${JSON.stringify(value)};`)) throw new Error(`sw.js has no ${name} to write`);
  return stamped;
}

const page = pagePolicy(await readFile(join(dist, "index.html"), "utf8"));
let worker = stamp(await readFile(join(dist, "sw.js"), "utf8"), "VERSION", "");
worker = stamp(worker, "POLICIES", { ...policies, "": page, "index.html": page });
const version = createHash("sha256").update(worker);
const kinds = {};
const always = {};
for (const file of files) {
  const kind = /^cliplet\/wasm\/(simd|relaxed)/.exec(file)?.[1];
  const contents = await readFile(join(dist, file));
  version.update(file).update(contents);
  if (file.startsWith("cliplet/models/")) continue;
  if (kind) kinds[kind] ??= {};
  (kind ? kinds[kind] : always)[file] = `sha256-${createHash("sha256").update(contents).digest("base64")}`;
}
const name = version.digest("hex").slice(0, 16);
await writeFile(join(dist, "sw.js"), stamp(worker, "VERSION", name));
await writeFile(join(dist, "precache.json"), JSON.stringify({ version: name, files: always, kinds }, null, 1));
