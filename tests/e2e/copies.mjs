// Copies of the built page in folders of their own, to be changed as a site's owner changes them.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const STAMP = fileURLToPath(new URL("../../www/tools/precache.mjs", import.meta.url));

export async function copied() {
  const folder = await mkdtemp(join(tmpdir(), "cliplet-"));
  await cp(DIST, folder, { recursive: true });
  return folder;
}

/** Changes a file's words. */
export async function change(folder, file, alter) {
  const path = join(folder, file);
  await writeFile(path, alter(await readFile(path, "utf8")));
}

/** Gives the page another title, in its one file of strings. */
export const titled = (folder, title) =>
  change(folder, "app/strings/en.js", (words) => words.replace(/^ {2}title: "[^"]*"/m, `  title: "${title}"`));

/** Makes the folder a version of its own, as the build does. */
export const stamped = (folder) => promisify(execFile)(process.execPath, [STAMP, folder]);
