// cliplet and ONNX Runtime Web on the image towers of several models, in turn in one page of one browser.
//   node models.mjs DIST MODELS [RESULTS]
// MODELS is what model_files.py wrote. RESULTS receives milliseconds of one image, a row a model; the figures that are there of
// other models stay. Without it, nothing is written. `CLIPLET_UPDATE_TABLE=1 cargo test --test model_table` then writes the
// table of docs/models.md.

import { constants } from "node:fs";
import { copyFile, cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../../www/tools/serve.mjs";
import { median, quartiles } from "./statistics.mjs";

const [dist, models, results] = process.argv.slice(2);
if (!models) {
  console.error("usage: node models.mjs DIST MODELS [RESULTS]");
  process.exit(2);
}
const ORT = fileURLToPath(new URL("node_modules/onnxruntime-web/dist/", import.meta.url));
const REPEATS = Number(process.env.REPEATS ?? 15);
/** Milliseconds before each run: those of bench.mjs. */
const REST = 15;
const THREADS = [1, 2];
/** Of an engine that computes the same model in 8 bits; untrained weights are rounded to less. */
const LEAST_COSINE = 0.98;
const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const HEADER = "model;cliplet_1;onnx_1;cliplet_2;onnx_2";

/** Everything in one folder, since one origin serves it. */
async function site() {
  const folder = await mkdtemp(join(os.tmpdir(), "cliplet-models-"));
  const copied = { recursive: true, mode: constants.COPYFILE_FICLONE };
  for (const [name, from] of Object.entries({ "": dist, ort: ORT, models })) await cp(from, join(folder, name), copied);
  await copyFile(fileURLToPath(new URL("alternate.mjs", import.meta.url)), join(folder, "alternate.mjs"));
  await writeFile(join(folder, "bench.html"), `<!doctype html><title>bench</title><link rel="icon" href="icon.svg">`);
  return folder;
}

/** In the page: times of both engines, and the cosines of their embeddings with that in float32. */
async function measure({ path, size, mean, deviation, threads, repeats, rest }) {
  const { alternate, cosine, planes } = await import("./alternate.mjs");
  const { Cliplet } = await import("./cliplet/index.js");
  const ort = await import("./ort/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = new URL("./ort/", document.baseURI).href;
  ort.env.wasm.numThreads = threads;
  const bytes = async (name) => (await fetch(`${path}/${name}`)).arrayBuffer();
  const image = new ImageData(new Uint8ClampedArray(await bytes("image.bin")), size, size);
  const expected = new Float32Array(await bytes("embeds.bin"));
  const clip = await Cliplet.load(`${path}/model.gguf`, { threads, keep: false });
  const session = await ort.InferenceSession.create(`${path}/image.onnx`, { executionProviders: ["wasm"] });
  const answers = {};
  const engines = {
    cliplet: async () => {
      answers.cliplet = await clip.embedImage(image);
    },
    ort: async () => {
      const values = planes(image.data, Array(3).fill(mean), Array(3).fill(deviation));
      const inputs = new ort.Tensor("float32", values, [1, 3, size, size]);
      answers.ort = (await session.run({ inputs })).embeds.data;
    },
  };
  const times = await alternate(engines, { repeats, rest });
  const cosines = Object.fromEntries(Object.entries(answers).map(([name, values]) => [name, cosine(values, expected)]));
  return { times, cosines, backend: clip.info.backend };
}

const ms = (time) => (time < 10 ? time.toFixed(1) : time.toFixed(0));
const spread = (times) => `${ms(median(times))} (${quartiles(times).map(ms).join("–")})`;

/** The rows of the file of results, by the names of their models. */
async function rowsOf(file) {
  const text = await readFile(file, "utf8").catch(() => "");
  const lines = text.split("\n").slice(1).filter(Boolean);
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(";")), line]));
}

const rows = results ? await rowsOf(results) : new Map();
const folder = await site();
const server = await serve(folder);
const context = await chromium.launchPersistentContext(join(folder, "profile"), {
  executablePath: BROWSER,
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  for (const name of (await readdir(models)).sort()) {
    const model = JSON.parse(await readFile(join(models, name, "model.json"), "utf8"));
    const cells = [];
    for (const threads of THREADS) {
      const page = await context.newPage();
      await page.goto(`${server.url}bench.html`);
      const given = { ...model, path: `models/${name}`, threads, repeats: REPEATS, rest: REST };
      const { times, cosines, backend } = await page.evaluate(measure, given);
      await page.close();
      for (const [engine, cosine] of Object.entries(cosines))
        if (!(cosine > LEAST_COSINE)) throw new Error(`${model.name}: ${engine}'s embedding has a cosine of ${cosine} with float32`);
      cells.push(ms(median(times.cliplet)), ms(median(times.ort)));
      const both = Object.entries(times).map(([engine, all]) => `${engine} ${spread(all)} ms, cosine ${cosines[engine].toFixed(4)}`);
      console.error(`${model.name}, ${threads} threads, ${backend}: ${both.join("; ")}`);
    }
    rows.set(model.name, [model.name, ...cells].join(";"));
  }
} finally {
  await context.close();
  await server.close();
  await rm(folder, { recursive: true });
}
if (results) await writeFile(results, `${[HEADER, ...rows.values()].join("\n")}\n`);
