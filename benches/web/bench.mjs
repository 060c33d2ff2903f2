// cliplet and ONNX Runtime Web on the same pictures and prompts, alternating in one page of one browser.
//   node bench.mjs DIST MODEL.gguf PEER_FOLDER RESULTS.md      (./build.sh bench calls it)
// PEER_FOLDER is what peer.py wrote of the snapshot that MODEL.gguf was converted from.

import { constants } from "node:fs";
import { cp, copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { chromium } from "playwright-core";
import { serve } from "../../www/tools/serve.mjs";
import { measure } from "./measure.mjs";
import { opening } from "./opening.mjs";
import { peaks } from "./peaks.mjs";

const [dist, model, peer, results] = process.argv.slice(2);
if (!results) {
  console.error("usage: node bench.mjs DIST MODEL.gguf PEER_FOLDER RESULTS.md");
  process.exit(2);
}
const ORT = fileURLToPath(new URL("node_modules/onnxruntime-web/dist/", import.meta.url));
const REPEATS = Number(process.env.REPEATS ?? 15);
/**
 * Milliseconds before each run. ONNX Runtime's threads go on looking for work for some ten after a run: nobody is measured
 * in them. Much later a virtual machine's idle processors sleep, and whichever engine has threads waits for the scheduler.
 */
const REST = 15;
/** Milliseconds before each load in a page of its own: what opening the page began is then over. */
const OPENING_REST = 200;
const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Everything in one folder, since one origin serves it. */
async function site() {
  const folder = await mkdtemp(join(os.tmpdir(), "cliplet-bench-"));
  const copied = { recursive: true, mode: constants.COPYFILE_FICLONE };
  await Promise.all([cp(dist, folder, copied), cp(ORT, join(folder, "ort"), copied), cp(peer, join(folder, "peer"), copied)]);
  await copyFile(model, join(folder, "model.gguf"), constants.COPYFILE_FICLONE);
  await copyFile(fileURLToPath(new URL("peaks.mjs", import.meta.url)), join(folder, "peaks.mjs"));
  await writeFile(join(folder, "bench.html"), "<!doctype html><title>bench</title><link rel='icon' href='icon.svg'>");
  return folder;
}

const sorted = (times) => [...times].sort((a, b) => a - b);
const median = (times) => sorted(times)[times.length >> 1];
const quartiles = (times) => [0.25, 0.75].map((q) => sorted(times)[Math.floor(q * (times.length - 1))]);
const ms = (time) => (time < 10 ? time.toFixed(2) : time.toFixed(1));
const cell = (times, each = 1) => `${ms(median(times) / each)} (${quartiles(times).map((t) => ms(t / each)).join("–")})`;

/** Brotli size of what a first visit loads: one module and all JavaScript, HTML and CSS, in bytes. */
async function transferred(variant) {
  let total = 0;
  for (const entry of await readdir(dist, { recursive: true })) {
    const wanted = /\.(js|html|css)$/.test(entry) ? !entry.includes("wasm/") || entry.includes(`wasm/${variant}/`) : entry.includes(`wasm/${variant}/`);
    const path = join(dist, entry);
    if (wanted && (await stat(path)).isFile()) total += brotliCompressSync(await readFile(path)).length;
  }
  return total;
}

const ROWS = [
  { name: "one image, 1 thread, relaxed SIMD", what: "images", variant: "relaxed", threads: 1, count: 1 },
  { name: "one image, 2 threads, relaxed SIMD", what: "images", variant: "relaxed-threads", threads: 2, count: 1 },
  { name: "one image, 1 thread, plain simd128", what: "images", variant: "simd", threads: 1, count: 1 },
  { name: "batch of 16, an image, 2 threads", what: "images", variant: "relaxed-threads", threads: 2, count: 16 },
  { name: "100 labels, 1 thread, peer padded to the longest", what: "labels", variant: "relaxed", threads: 1, count: 100 },
  { name: "100 labels, 1 thread, peer padded to 77", what: "labels", variant: "relaxed", threads: 1, count: 100, pad: 77 },
];
/** Of each load in a page of its own that there are times of. */
const OPENINGS = ["kept model to ready in a page just opened, 1 thread", "the same again in that page"];

const folder = await site();
const server = await serve(folder);
// A profile on disk, as a person's browser has it: private windows keep files in another process's memory.
const context = await chromium.launchPersistentContext(join(folder, "profile"), {
  executablePath: BROWSER,
  args: ["--no-sandbox", "--disable-gpu"],
});
const lines = [];
try {
  for (const [index, row] of ROWS.entries()) {
    process.stderr.write(`[${index + 1}/${ROWS.length}] ${row.name} … `);
    const page = await context.newPage();
    await page.goto(`${server.url}bench.html`);
    const repeats = row.count > 1 ? Math.max(3, Math.floor(REPEATS / 3)) : REPEATS;
    const { ours, theirs, cosines, memory } = await page.evaluate(measure, { ...row, repeats, rest: REST });
    await page.close();
    const each = row.what === "images" ? row.count : 1;
    const ratio = (median(theirs) / median(ours)).toFixed(2);
    process.stderr.write(`${ratio}x\n`);
    const near = cosines ? `${cosines.ours.toFixed(4)} / ${cosines.theirs.toFixed(4)}` : "";
    lines.push({ ...row, ratio, memory, text: `| ${row.name} | ${cell(ours, each)} | ${cell(theirs, each)} | ${ratio} | ${near} |` });
  }
  process.stderr.write(`${OPENINGS[0]} … `);
  const opened = { cliplet: [], peer: [] };
  // The first round fills the caches.
  for (let round = 0; round <= REPEATS; round += 1) {
    for (const engine of ["cliplet", "peer"]) {
      const page = await context.newPage();
      await page.goto(`${server.url}bench.html`);
      const times = await page.evaluate(opening, { engine, variant: "relaxed", threads: 1, rest: OPENING_REST });
      await page.close();
      if (round > 0) opened[engine].push(times);
    }
  }
  for (const [turn, name] of OPENINGS.entries()) {
    const [ours, theirs] = [opened.cliplet, opened.peer].map((times) => times.map((pair) => pair[turn]));
    const ratio = (median(theirs) / median(ours)).toFixed(2);
    process.stderr.write(`${ratio}x\n`);
    lines.push({ text: `| ${name} | ${cell(ours)} | ${cell(theirs)} | ${ratio} |  |` });
  }
  const page = await context.newPage();
  await page.goto(`${server.url}bench.html`);
  const rates = await page.evaluate(async () => (await import("./peaks.mjs")).peaks());
  const version = context.browser().version();
  const { memory } = lines[0];
  const size = (await stat(model)).size;
  const brotli = await transferred("relaxed-threads");
  const report = `# Benchmarks

Written by \`./build.sh bench\` on ${new Date().toISOString().slice(0, 10)}: ${os.cpus()[0].model.trim()}, ${os.cpus().length} processors,
${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()}, Chromium ${version}; ONNX Runtime Web ${JSON.parse(await readFile(join(ORT, "../package.json"), "utf8")).version}.

ViT-B/32 of one checkpoint with random weights: cliplet's q8 file beside ONNX Runtime's dynamic int8 of both towers
(QUInt8 vision, QInt8 text). Both alternate in one page; milliseconds, median (quartiles) of ${REPEATS} runs, ${Math.max(3, Math.floor(REPEATS / 3))} where many are embedded at
once; *times faster* is the ratio of medians; both start from the same
pixels and ${REST} ms after the other has ended; cliplet's times include the way to its worker and back. To a kept model
that is ready: from opening a page that both know, the start of either engine included, and once more in that page. Cosines are the smallest over the inputs, with transformers in float32.

| what | cliplet | ONNX Runtime Web | times faster | cosine, cliplet / peer |
|---|---|---|---|---|
${lines.map(({ text }) => text).join("\n")}

What one core does in this browser with nothing but one instruction, in 10⁹ multiply-accumulates a second; an image takes
4.1 × 10⁹ of them, so the last line bounds what one thread can do:

| instruction | rate | an image at that rate |
|---|---|---|
${Object.entries(rates)
  .map(([name, rate]) => `| \`${name}\` | ${rate.toFixed(1)} | ${(4100 / rate).toFixed(0)} ms |`)
  .join("\n")}

Memory of the WebAssembly instance after loading and classifying, 1 thread: ${(memory / 1e6).toFixed(0)} MB, ${(memory / size).toFixed(2)} times the file.
Page and engine as a first visit loads them (HTML, CSS, JavaScript, one module), brotli: ${(brotli / 1e6).toFixed(2)} MB.
`;
  await writeFile(results, report);
  process.stdout.write(report);
} finally {
  await context.close();
  await server.close();
  await rm(folder, { recursive: true });
}
