// Runs in the page: measures one row of the table, the engines in turn.

/**
 * @param {{what: "images" | "labels", variant?: string, threads: number, count: number, pad?: number, litert: boolean, repeats: number, rest: number}} row
 *   Without a `variant`, cliplet chooses its module. With `litert`, LiteRT.js is measured too; it runs one image at a
 *   time, and labels padded to the longest only. `rest` is the pause before each timed run, in milliseconds.
 * @returns for each engine its times in milliseconds and its smallest cosine with float32; bytes of wasm memory, and
 *   the backend that cliplet names
 */
export async function measure({ what, variant, threads, count, pad, litert, repeats, rest }) {
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  const { Cliplet } = await import("./cliplet/index.js");
  const ort = await import("./ort/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = new URL("./ort/", document.baseURI).href;
  ort.env.wasm.numThreads = threads;

  const { alternate, cosine, planes } = await import("./alternate.mjs");
  const leastCosine = (rows, expected) =>
    Math.min(...rows.map((row, i) => cosine(row, expected.subarray(i * row.length, (i + 1) * row.length))));
  const split = (flat, rows) => Array.from({ length: rows }, (_, i) => flat.slice((i * flat.length) / rows, ((i + 1) * flat.length) / rows));

  /** @type {Record<string, Float32Array[]>} the last answers of each engine */
  const answers = {};
  const figures = (times, expected) =>
    Object.fromEntries(Object.entries(times).map(([name, all]) => [name, { times: all, cosine: leastCosine(answers[name], expected) }]));

  const clip = await Cliplet.load("model.gguf", { ...(variant ? { variant } : {}), threads, keep: false });
  const session = (name) => ort.InferenceSession.create(`peer/${name}.onnx`, { executionProviders: ["wasm"] });
  /** A model of LiteRT.js and its tensors; null where it is not measured. */
  const litertModel = async (name) => {
    if (!litert) return null;
    const { loadLiteRt, loadAndCompile, Tensor } = await import("@litertjs/core");
    await loadLiteRt("/litert/wasm/", { threads: threads > 1 });
    const model = await loadAndCompile(`peer/${name}.tflite`, { accelerator: "wasm", cpuOptions: { numThreads: threads } });
    /** Runs it on typed arrays, each with its shape. */
    return async (inputs) => {
      const tensors = inputs.map(([values, shape]) => new Tensor(values, shape));
      const [result] = await model.run(tensors);
      const values = result.toTypedArray().slice();
      for (const tensor of [...tensors, result]) tensor.delete();
      return values;
    };
  };

  if (what === "labels") {
    const { labels, template, ids, end } = await (await fetch("peer/prompts.json")).json();
    const [text, lite] = [await session("text"), await litertModel("text")];
    const width = pad ?? ids[0].length;
    const flat = ids.flatMap((row) => [...row, ...Array(width - row.length).fill(end)]);
    const input = new ort.Tensor("int64", BigInt64Array.from(flat, BigInt), [ids.length, width]);
    const shape = [ids.length, width];
    const ends = Float32Array.from(ids.flatMap((row) => row.map((id, i) => Number(row.indexOf(Math.max(...row)) === i))));
    const prompts = labels.map((label) => template.replace("{}", label));
    const expected = new Float32Array(await bytes("peer/text_embeds.bin"));
    const times = await alternate({
      cliplet: async () => (answers.cliplet = await clip.embedText(prompts)),
      ort: async () => (answers.ort = split((await text.run({ text: input })).embeds.data, ids.length)),
      ...(lite && {
        litert: async () => {
          const inputs = [
            [Int32Array.from(flat), shape],
            [ends, shape],
          ];
          answers.litert = split(await lite(inputs), ids.length);
        },
      }),
    }, { repeats, rest });
    return { engines: figures(times, expected), backend: clip.info.backend };
  }

  const rgba = new Uint8ClampedArray(await bytes("peer/images.bin"));
  const expected = new Float32Array(await bytes("peer/image_embeds.bin"));
  const pixels = 224 * 224;
  const pictures = Array.from({ length: count }, (_, i) => new ImageData(rgba.slice(i * 4 * pixels, (i + 1) * 4 * pixels), 224, 224));
  const [mean, deviation] = [[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]];
  const [vision, lite] = [await session("vision"), await litertModel("vision")];
  /** Pixels as the peers take them: normalized, a plane a channel. */
  const prepared = () => {
    const values = new Float32Array(count * 3 * pixels);
    for (const [picture, { data }] of pictures.entries()) values.set(planes(data, mean, deviation), picture * 3 * pixels);
    return values;
  };
  const times = await alternate({
    cliplet: async () => (answers.cliplet = await clip.embedImage(pictures)),
    ort: async () => {
      const input = new ort.Tensor("float32", prepared(), [count, 3, 224, 224]);
      answers.ort = split((await vision.run({ vision: input })).embeds.data, count);
    },
    ...(lite && {
      litert: async () => {
        answers.litert = [];
        for (const values of split(prepared(), count)) answers.litert.push(await lite([[values, [1, 3, 224, 224]]]));
      },
    }),
  }, { repeats, rest });
  await clip.classify(pictures[0], ["cat", "dog"]);
  const { memory, backend } = await clip.refreshInfo();
  return { engines: figures(times, expected), memory, backend };
}
