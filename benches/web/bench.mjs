// cliplet, ONNX Runtime Web and LiteRT.js on the same images and prompts, in turn in one page of one browser.
//   node bench.mjs DIST MODEL.gguf PEER_FOLDER RESULTS_FOLDER      (./build.sh bench calls it)
// PEER_FOLDER is what peer.py and litert.py wrote of the snapshot that MODEL.gguf was converted from. The results go into
// a file named for the class of machine, RESULTS_FOLDER/CLASS.md; its path is the last line of standard output.

import { constants } from "node:fs";
import { cp, copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { chromium } from "playwright-core";
import { serve } from "../../www/tools/serve.mjs";
import { included } from "./included.mjs";
import { measure } from "./measure.mjs";
import { opening } from "./opening.mjs";
import { peaks } from "./peaks.mjs";
import { median, quartiles } from "./statistics.mjs";

const [dist, model, peer, results] = process.argv.slice(2);
if (!results) {
  console.error("usage: node bench.mjs DIST MODEL.gguf PEER_FOLDER RESULTS_FOLDER");
  process.exit(2);
}
const ORT = fileURLToPath(new URL("node_modules/onnxruntime-web/dist/", import.meta.url));
const LITERT = fileURLToPath(new URL("node_modules/@litertjs/core/", import.meta.url));
const LITERT_UTILS = fileURLToPath(new URL("node_modules/@litertjs/wasm-utils/", import.meta.url));
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
  const folders = { "": dist, ort: ORT, litert: LITERT, "litert-utils": LITERT_UTILS, peer };
  await Promise.all(Object.entries(folders).map(([name, from]) => cp(from, join(folder, name), copied)));
  await copyFile(model, join(folder, "model.gguf"), constants.COPYFILE_FICLONE);
  for (const name of ["alternate.mjs", "peaks.mjs"])
    await copyFile(fileURLToPath(new URL(name, import.meta.url)), join(folder, name));
  const imports = { "@litertjs/core": "/litert/dist/index.js", "@litertjs/wasm-utils": "/litert-utils/dist/index.js" };
  const page = `<!doctype html><title>bench</title><link rel="icon" href="icon.svg"><script type="importmap">${JSON.stringify({ imports })}</script>`;
  await writeFile(join(folder, "bench.html"), page);
  return folder;
}

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

/** Without a variant, cliplet chooses the module that suits this machine. */
const ROWS = [
  { name: "one image, 1 thread", what: "images", threads: 1, count: 1 },
  { name: "one image, 2 threads", what: "images", threads: 2, count: 1 },
  { name: "one image, 1 thread, plain simd128", what: "images", variant: "simd", threads: 1, count: 1 },
  { name: "batch of 16, an image, 2 threads", what: "images", threads: 2, count: 16 },
  { name: "100 labels, 1 thread, peers padded to the longest", what: "labels", threads: 1, count: 100 },
  { name: "100 labels, 1 thread, peer padded to 77", what: "labels", threads: 1, count: 100, pad: 77 },
];
/** Multiply-accumulates that one image takes, in billions. */
const IMAGE_GMACS = 4.1;
/** Of each load in a page of its own that there are times of. */
const OPENINGS = ["cached model to ready in a page just opened, 1 thread", "the same again in that page"];

const folder = await site();
const server = await serve(folder);
// A profile on disk, as a person's browser has it: private windows keep files in another process's memory.
const context = await chromium.launchPersistentContext(join(folder, "profile"), {
  executablePath: BROWSER,
  args: ["--no-sandbox", "--disable-gpu"],
});
const lines = [];
let [backend, memory] = ["", 0];
const fixed = (value, digits) => (value === undefined ? "" : value.toFixed(digits));
try {
  for (const [index, row] of ROWS.entries()) {
    process.stderr.write(`[${index + 1}/${ROWS.length}] ${row.name} … `);
    const page = await context.newPage();
    await page.goto(`${server.url}bench.html`);
    const repeats = row.count > 1 ? Math.max(3, Math.floor(REPEATS / 3)) : REPEATS;
    const result = await page.evaluate(measure, { ...row, litert: !row.pad, repeats, rest: REST });
    await page.close();
    const { cliplet, ort, litert } = result.engines;
    if (index === 0) ({ backend, memory } = result);
    const each = row.what === "images" ? row.count : 1;
    const peers = [ort, litert].filter(Boolean).map(({ times }) => median(times));
    const ratio = (Math.min(...peers) / median(cliplet.times)).toFixed(2);
    process.stderr.write(`${ratio}x\n`);
    const cosines = [cliplet, ort, litert].map((engine) => fixed(engine?.cosine, 4)).join(" / ");
    const cells = [cliplet, ort, litert].map((engine) => (engine ? cell(engine.times, each) : ""));
    lines.push(`| ${row.name} | ${cells.join(" | ")} | ${ratio} | ${cosines} |`);
  }
  process.stderr.write(`${OPENINGS[0]} … `);
  const opened = { cliplet: [], peer: [] };
  // The first round fills the caches.
  for (let round = 0; round <= REPEATS; round += 1) {
    for (const engine of ["cliplet", "peer"]) {
      const page = await context.newPage();
      await page.goto(`${server.url}bench.html`);
      const times = await page.evaluate(opening, { engine, threads: 1, rest: OPENING_REST });
      await page.close();
      if (round > 0) opened[engine].push(times);
    }
  }
  for (const [turn, name] of OPENINGS.entries()) {
    const [ours, theirs] = [opened.cliplet, opened.peer].map((times) => times.map((pair) => pair[turn]));
    const ratio = (median(theirs) / median(ours)).toFixed(2);
    process.stderr.write(`${ratio}x\n`);
    lines.push(`| ${name} | ${cell(ours)} | ${cell(theirs)} |  | ${ratio} |  |`);
  }
  const page = await context.newPage();
  await page.goto(`${server.url}bench.html`);
  process.stderr.write("the included model … ");
  const small = await page.evaluate(included, { threads: 1, repeats: REPEATS, rest: REST });
  const share = (median(small.large) / median(small.small)).toFixed(1);
  process.stderr.write(`${share}x\n`);
  const rates = await page.evaluate(async () => (await import("./peaks.mjs")).peaks());
  const version = context.browser().version();
  const machine = os.arch() === "arm64" ? "arm64" : backend.includes("u8") ? "vnni" : "avx2";
  const versionOf = async (folder) => JSON.parse(await readFile(join(folder, "package.json"), "utf8")).version;
  const size = (await stat(model)).size;
  const brotli = await transferred("relaxed-threads");
  const report = `# Benchmarks on a machine of class ${machine}

Written by \`./build.sh bench\` on ${new Date().toISOString().slice(0, 10)}: ${os.cpus()[0].model.trim()}, ${os.cpus().length} processors, ${Math.round(os.totalmem() / 2 ** 30)} GiB,
${os.type()}, Chromium ${version}; ONNX Runtime Web ${await versionOf(join(ORT, ".."))}, LiteRT.js ${await versionOf(LITERT)}. In this browser cliplet
chooses \`${backend}\`.

ViT-B/32 of one checkpoint with random weights: cliplet's q8 file beside the dynamic int8 of ONNX Runtime (QUInt8
vision, QInt8 text) and of LiteRT. They alternate in one page; milliseconds, median (quartiles) of ${REPEATS} runs, ${Math.max(3, Math.floor(REPEATS / 3))} where many are
embedded at once; *times faster* is the median of the faster peer over cliplet's. All start from the same pixels and
${REST} ms after the last has ended; cliplet's times include the way to its worker and back. LiteRT compiles a model for
one batch size, so it embeds the batch one by one. To a cached model that is ready: from opening a page that both know,
the start of either engine included, and once more in that page. Cosines are the smallest over the inputs, with
transformers in float32.

| what | cliplet | ONNX Runtime Web | LiteRT.js | times faster | cosine, cliplet / ONNX Runtime / LiteRT |
|---|---|---|---|---|---|
${lines.join("\n")}

One core's rate in this browser with nothing but one kind of product, in 10⁹ multiply-accumulates a second. An image takes
${IMAGE_GMACS} × 10⁹ of them, so the rate of its module's product bounds one thread:
\`i16x8.relaxed_dot_i8x16_i7x16_s\` of \`relaxed-simd-u7\`, \`i32x4.relaxed_dot_i8x16_i7x16_add_s\` of \`-u8\` and \`-s8\`,
\`i32x4.dot_i16x8_s\` of \`simd128\`.

| product | rate | an image at that rate |
|---|---|---|
${Object.entries(rates)
  .map(([name, rate]) => `| \`${name}\` | ${rate.toFixed(1)} | ${((1000 * IMAGE_GMACS) / rate).toFixed(0)} ms |`)
  .join("\n")}

The included model embeds an image in ${cell(small.small)} ms on one thread, ViT-B/32 in ${cell(small.large)} ms beside it: ${share} times
as long. A new engine with the included model is ready from the cache in ${cell(small.ready)} ms.

Memory of the WebAssembly instance after loading and classifying, 1 thread: ${(memory / 1e6).toFixed(0)} MB, ${(memory / size).toFixed(2)} times the file.
Page and engine as a first visit loads them (HTML, CSS, JavaScript, one module), brotli: ${(brotli / 1e6).toFixed(2)} MB.
`;
  const file = join(results, `${machine}.md`);
  await writeFile(file, report);
  process.stdout.write(`${report}\n${file}\n`);
} finally {
  await context.close();
  await server.close();
  await rm(folder, { recursive: true });
}
