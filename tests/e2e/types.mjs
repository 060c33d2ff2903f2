// Compiles what developers write against the package as it would be published, strictly, under each way that TypeScript
// finds modules.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TSC = here("node_modules/typescript/bin/tsc");

/** `moduleResolution` by its usual `module`. */
const WAYS = { bundler: "esnext", node16: "node16", nodenext: "nodenext" };

const work = await mkdtemp(join(tmpdir(), "cliplet-types-"));
try {
  const modules = join(work, "node_modules");
  await mkdir(modules);
  await cp(here("../../www/cliplet/package.json"), join(modules, "cliplet/package.json"));
  await run(process.execPath, [here("../../www/tools/types.mjs"), modules]);
  // Editors show what stands above a declaration: every public one of the class has a comment, overloads too.
  const declarations = await readFile(join(modules, "cliplet/cliplet.d.ts"), "utf8");
  const bare = [...declarations.matchAll(/^(.*)\n {4}((?:static |get )?\w+\(.*)/gm)].filter(
    ([, above]) => above !== "     */" && !above.endsWith("*/"),
  );
  assert.deepEqual(
    bare.map(([, , declaration]) => declaration),
    [],
  );
  assert.equal(declarations.match(/^ {4}(classify|embedImage|embedText)\(/gm).length, 6);
  for (const name of ["@types", "csstype"]) await symlink(here(`node_modules/${name}`), join(modules, name));
  for (const file of ["types.ts", "types.tsx"]) await cp(here(file), join(work, file));
  await writeFile(join(work, "package.json"), '{ "type": "module" }');
  for (const [moduleResolution, module] of Object.entries(WAYS)) {
    const compilerOptions = {
      ...{ strict: true, noEmit: true, module, moduleResolution, target: "es2022", jsx: "react-jsx", types: [] },
      lib: ["es2022", "esnext.disposable", "dom", "dom.iterable"],
    };
    await writeFile(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts", "types.tsx"] }));
    await run(process.execPath, [TSC, "-p", work]).catch(({ stdout }) => {
      throw new Error(`under "${moduleResolution}":\n${stdout}`);
    });
    console.log(`types hold under "${moduleResolution}"`);
  }
} finally {
  await rm(work, { recursive: true });
}
