// Copies originals into one folder per label, where the browser lets the page write into a folder that the person
// chose (the File System Access API).

import { moves } from "./formats.js";

export const canWriteFolders = () => typeof globalThis.showDirectoryPicker === "function";

/** The directory at a path below another, made where it is missing. */
async function directory(root, names) {
  let at = root;
  for (const name of names) at = await at.getDirectoryHandle(name, { create: true });
  return at;
}

/** A name that the directory does not have yet. */
async function freeName(folder, name) {
  const dot = name.lastIndexOf(".") > 0 ? name.lastIndexOf(".") : name.length;
  for (let n = 1; ; n += 1) {
    const wanted = n === 1 ? name : `${name.slice(0, dot)} ${n}${name.slice(dot)}`;
    if (
      !(await folder.getFileHandle(wanted).then(
        () => true,
        () => false,
      ))
    )
      return wanted;
  }
}

/**
 * Writes copies.
 * @param {{path: string, best: string, blob: Blob}[]} rows
 * @param {FileSystemDirectoryHandle} root
 */
export async function sortInto(rows, root) {
  const named = moves(
    rows.map(({ path, best }) => ({ path: path.split("/").at(-1), best })),
    true,
  );
  for (const [i, { to }] of named.entries()) {
    const names = to.split("/");
    const folder = await directory(root, names.slice(0, -1));
    const file = await folder.getFileHandle(await freeName(folder, names.at(-1)), { create: true });
    const stream = await file.createWritable();
    await stream.write(rows[i].blob);
    await stream.close();
  }
}
