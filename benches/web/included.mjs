// Runs in the page: the included model beside a ViT-B/32, an image at a time, and how soon it is ready from the cache.

/**
 * @param {{threads: number, repeats: number, rest: number}} row `rest` is the pause before each timed run, in milliseconds
 * @returns milliseconds of each run: an image by either model, and loading the included model from the cache
 */
export async function included({ threads, repeats, rest }) {
  const { Cliplet, DEFAULT_MODEL } = await import("./cliplet/index.js");
  const time = async (work) => {
    await new Promise((resume) => setTimeout(resume, rest));
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  // The first load fills the cache.
  const first = await Cliplet.load(DEFAULT_MODEL, { threads });
  first.dispose();
  let small = null;
  const load = async () => (small = await Cliplet.load(DEFAULT_MODEL, { threads }));
  const ready = [];
  for (let i = 0; i < repeats; i += 1) {
    small?.dispose();
    ready.push(await time(load));
  }
  const large = await Cliplet.load("model.gguf", { threads, keep: false });
  const pixels = new Uint8ClampedArray(await (await fetch("peer/images.bin")).arrayBuffer()).slice(0, 4 * 224 * 224);
  const image = new ImageData(pixels, 224, 224);
  const times = { small: [], large: [] };
  const turns = [
    [times.small, small],
    [times.large, large],
  ];
  // The first half warms up.
  for (let i = 0; i < 2 * repeats; i += 1)
    for (const [all, clip] of turns) all.push(await time(() => clip.embedImage([image])));
  return { ready, small: times.small.slice(repeats), large: times.large.slice(repeats) };
}
