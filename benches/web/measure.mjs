// Runs in the page: measures one row of the table, both engines in turn.

/**
 * @param {{what: "images" | "labels", variant: string, threads: number, count: number, pad?: number, repeats: number, rest: number}} row
 *   `rest` is the pause before each timed run, in milliseconds
 * @returns times of both in milliseconds, smallest cosines with float32, and bytes of wasm memory
 */
export async function measure({ what, variant, threads, count, pad, repeats, rest }) {
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  const { Cliplet } = await import("./cliplet/index.js");
  const ort = await import("./ort/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = new URL("./ort/", document.baseURI).href;
  ort.env.wasm.numThreads = threads;

  const time = async (work) => {
    await new Promise((resume) => setTimeout(resume, rest));
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  /** Milliseconds in which the browser still compiles, on other threads, what it finds to be hot. */
  const WARMING = 4000;
  const alternate = async (one, other) => {
    const [ours, theirs] = [[], []];
    const warm = performance.now() + WARMING;
    for (let i = 0; i < 2 || performance.now() < warm; i += 1) for (const work of [one, other]) await time(work);
    for (let i = 0; i < repeats; i += 1) {
      ours.push(await time(one));
      theirs.push(await time(other));
    }
    return { ours, theirs };
  };
  const leastCosine = (rows, expected) => {
    const width = rows[0].length;
    const cosines = rows.map((row, i) => {
      let [ab, aa, bb] = [0, 0, 0];
      for (let j = 0; j < width; j += 1) {
        const [a, b] = [row[j], expected[i * width + j]];
        [ab, aa, bb] = [ab + a * b, aa + a * a, bb + b * b];
      }
      return ab / Math.sqrt(aa * bb);
    });
    return Math.min(...cosines);
  };
  const split = (flat, rows) => Array.from({ length: rows }, (_, i) => flat.slice((i * flat.length) / rows, ((i + 1) * flat.length) / rows));

  const clip = await Cliplet.load("model.gguf", { variant, threads, keep: false });
  const session = (name) => ort.InferenceSession.create(`peer/${name}.onnx`, { executionProviders: ["wasm"] });

  if (what === "labels") {
    const { labels, template, ids, end } = await (await fetch("peer/prompts.json")).json();
    const text = await session("text");
    const width = pad ?? ids[0].length;
    const flat = ids.flatMap((row) => [...row, ...Array(width - row.length).fill(end)]);
    const input = new ort.Tensor("int64", BigInt64Array.from(flat, BigInt), [ids.length, width]);
    const prompts = labels.map((label) => template.replace("{}", label));
    const expected = new Float32Array(await bytes("peer/text_embeds.bin"));
    let [mine, yours] = [];
    const times = await alternate(
      async () => (mine = await clip.embedText(prompts)),
      async () => (yours = (await text.run({ text: input })).embeds.data),
    );
    return { ...times, cosines: { ours: leastCosine(mine, expected), theirs: leastCosine(split(yours, ids.length), expected) } };
  }

  const rgba = new Uint8ClampedArray(await bytes("peer/images.bin"));
  const expected = new Float32Array(await bytes("peer/image_embeds.bin"));
  const pixels = 224 * 224;
  const pictures = Array.from({ length: count }, (_, i) => new ImageData(rgba.slice(i * 4 * pixels, (i + 1) * 4 * pixels), 224, 224));
  const [mean, deviation] = [[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]];
  const vision = await session("vision");
  /** Pixels as the peer takes them: normalised, a plane a channel. */
  const prepared = () => {
    const values = new Float32Array(count * 3 * pixels);
    pictures.forEach(({ data }, picture) => {
      for (let channel = 0; channel < 3; channel += 1) {
        const plane = values.subarray((3 * picture + channel) * pixels, (3 * picture + channel + 1) * pixels);
        const [scale, shift] = [1 / (255 * deviation[channel]), mean[channel] / deviation[channel]];
        for (let i = 0; i < pixels; i += 1) plane[i] = data[4 * i + channel] * scale - shift;
      }
    });
    return new ort.Tensor("float32", values, [count, 3, 224, 224]);
  };
  let [mine, yours] = [];
  const times = await alternate(
    async () => (mine = await clip.embedImage(pictures)),
    async () => (yours = (await vision.run({ vision: prepared() })).embeds.data),
  );
  await clip.classify(pictures[0], ["cat", "dog"]);
  const { memory } = await clip.refreshInfo();
  return { ...times, memory, cosines: { ours: leastCosine(mine, expected), theirs: leastCosine(split(yours, count), expected) } };
}
