// Results as files: CSV, the JSON that Azure ML's CLIP endpoint answers with, embeddings as NumPy's .npy, and scripts
// that rename files by label.

/** A field of a CSV line, quoted where RFC 4180 wants it. */
const field = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

const line = (fields) => `${fields.map((value) => field(String(value))).join(",")}\r\n`;

/**
 * A table with one row per image: file, best label, then every label's number.
 * @param {{path: string, best: string, ranked: import("../core/scores.js").Ranked[]}[]} rows `ranked` in the labels' order
 * @param {string[]} labels
 * @param {"share" | "cosine"} score
 */
export function csv(rows, labels, score) {
  const head = line(["file", "label", ...labels]);
  return (
    head +
    rows.map(({ path, best, ranked }) => line([path, best, ...ranked.map((one) => one[score].toPrecision(6))])).join("")
  );
}

/**
 * One object per image, as Azure ML's CLIP endpoint answers: `[{ "probs": […], "labels": […] }]`.
 * @param {{ranked: import("../core/scores.js").Ranked[]}[]} rows `ranked` in the labels' order
 */
export const json = (rows, labels) =>
  JSON.stringify(
    rows.map(({ ranked }) => ({ probs: ranked.map(({ share }) => Number(share.toPrecision(6))), labels })),
  );

/**
 * Vectors as a NumPy array file, version 1.0: float32, one row each.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * @param {Float32Array[]} vectors
 * @returns {Blob}
 */
export function npy(vectors) {
  const shape = `{'descr': '<f4', 'fortran_order': False, 'shape': (${vectors.length}, ${vectors[0]?.length ?? 0}), }`;
  // Magic, version and length take ten bytes; with the header they fill a multiple of 64.
  const header = `${shape.padEnd(Math.ceil((shape.length + 11) / 64) * 64 - 11)}\n`;
  const start = new Uint8Array(10 + header.length);
  start.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  start.set(new TextEncoder().encode(header), 10);
  const values = new DataView(new ArrayBuffer(4 * vectors.reduce((sum, { length }) => sum + length, 0)));
  let at = 0;
  for (const vector of vectors) {
    for (const value of vector) {
      values.setFloat32(at, value, true);
      at += 4;
    }
  }
  return new Blob([start, values.buffer], { type: "application/octet-stream" });
}

/** A label as part of a file name on any system. */
export const safe = (label) =>
  label
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no file system takes them
    .replace(/[\u0000-\u001f<>:"/\\|?*\s]+/g, " ")
    .trim()
    .replace(/[. ]+$/, "") || "_";

/** New paths that never collide, each beside the old one. */
export function moves(rows, folders) {
  const taken = new Set();
  return rows.map(({ path, best }) => {
    const cut = path.lastIndexOf("/") + 1;
    const [place, name] = [path.slice(0, cut), path.slice(cut)];
    const wanted = folders ? `${place}${safe(best)}/${name}` : `${place}${safe(best)} - ${name}`;
    const dot = wanted.lastIndexOf(".") > wanted.lastIndexOf("/") + 1 ? wanted.lastIndexOf(".") : wanted.length;
    let to = wanted;
    for (let n = 2; taken.has(to.toLowerCase()); n += 1) to = `${wanted.slice(0, dot)} ${n}${wanted.slice(dot)}`;
    taken.add(to.toLowerCase());
    return { from: path, to, folder: to.slice(0, to.lastIndexOf("/")) };
  });
}

const posix = (value) => `'${value.replaceAll("'", `'\\''`)}'`;
const powershell = (value) => `'${value.replaceAll(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`;

/** Shells that a rename script can be written for. A path after --, -e or -LiteralPath is never an option or a pattern. */
export const SHELLS = {
  sh: {
    extension: "sh",
    head: "#!/bin/sh\n# Run this in the folder that holds the pictures. Nothing is overwritten; files that are not there are skipped.\nset -eu\n",
    folder: (path) => `mkdir -p -- ${posix(path)}\n`,
    move: (from, to) =>
      `if [ -e ${posix(from)} ]; then mv -n -- ${posix(from)} ${posix(to)}; else printf 'not here: %s\\n' ${posix(from)}; fi\n`,
  },
  powershell: {
    extension: "ps1",
    // Without the mark, Windows PowerShell reads the file in the old code page.
    head: "\uFEFF# Run this in the folder that holds the pictures. Nothing is overwritten; files that are not there are skipped.\r\n$ErrorActionPreference = 'Stop'\r\n",
    folder: (path) => `New-Item -ItemType Directory -Force -Path ${powershell(path)} | Out-Null\r\n`,
    move: (from, to) =>
      `if (-not (Test-Path -LiteralPath ${powershell(from)})) { Write-Warning ('not here: ' + ${powershell(from)}) } ` +
      `elseif (-not (Test-Path -LiteralPath ${powershell(to)})) { Move-Item -LiteralPath ${powershell(from)} -Destination ${powershell(to)} }\r\n`,
  },
};

/**
 * A script that renames files by their labels.
 * @param {{path: string, best: string}[]} rows
 * @param {keyof typeof SHELLS} shell
 * @param {boolean} folders one folder per label, instead of the label before the name
 */
export function script(rows, shell, folders) {
  const { head, folder, move } = SHELLS[shell];
  const all = moves(rows, folders);
  const made = folders ? [...new Set(all.map((one) => one.folder))].map(folder) : [];
  return head + made.join("") + all.map(({ from, to }) => move(from, to)).join("");
}
