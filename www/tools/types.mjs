// Makes the package's type declarations of the JSDoc in its sources: those that its entries lead to.
//   node types.mjs DIST
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { withOverloadComments } from "./overload-comments.mjs";

const dist = process.argv[2];
if (!dist) {
  console.error("usage: node types.mjs DIST");
  process.exit(2);
}
const SOURCES = fileURLToPath(new URL("../cliplet", import.meta.url));
const TSC = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));
const made = await mkdtemp(join(tmpdir(), "cliplet-types-"));
const written = (await readdir(SOURCES)).filter((file) => file.endsWith(".d.ts") && file !== "ambient.d.ts");

/** A declaration that the compiler made of a source. */
async function generated(file) {
  const source = file.replace(/\.d\.ts$/, ".js");
  const [declarations, code] = await Promise.all(
    [join(made, file), join(SOURCES, source)].map((path) => readFile(path, "utf8")),
  );
  return withOverloadComments(declarations, code);
}

/** Copies a declaration and those that it names. */
async function take(file, taken = new Set()) {
  if (taken.has(file)) return;
  taken.add(file);
  const text = written.includes(file) ? await readFile(join(SOURCES, file), "utf8") : await generated(file);
  // The compiler names referred files by their place among the sources.
  const declarations = text.replace(/(reference path=")[^"]*\/([\w-]+\.d\.ts")/g, "$1./$2");
  await writeFile(join(dist, "cliplet", file), declarations);
  const named = [...text.matchAll(/(?:from\s+|import\()"\.\/([\w-]+)\.js"/g)].map(([, name]) => `${name}.d.ts`);
  const referred = [...declarations.matchAll(/reference path="\.\/([\w-]+\.d\.ts)"/g)].map(([, name]) => name);
  for (const one of [...named, ...referred]) await take(one, taken);
}

const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", made];
await promisify(execFile)(process.execPath, [TSC, "-p", SOURCES, ...options]);
for (const entry of ["index", "element", "react", "preact", "svelte", "vue"]) await take(`${entry}.d.ts`);
await rm(made, { recursive: true });
