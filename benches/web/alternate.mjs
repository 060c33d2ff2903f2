// Runs in the page: times of several engines, in turn.

/** Milliseconds in which the browser still compiles, on other threads, what it finds to be hot. */
const WARMING = 4000;

/**
 * Milliseconds of each engine's work, `repeats` times in turn, each after a pause of `rest` milliseconds.
 * @param {Record<string, () => Promise<unknown>>} engines
 * @param {{ repeats: number, rest: number }} row
 * @returns {Promise<Record<string, number[]>>}
 */
export async function alternate(engines, { repeats, rest }) {
  const time = async (work) => {
    await new Promise((resume) => setTimeout(resume, rest));
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  const times = Object.fromEntries(Object.keys(engines).map((name) => [name, []]));
  const warm = performance.now() + WARMING;
  for (let i = 0; i < 2 || performance.now() < warm; i += 1) for (const work of Object.values(engines)) await time(work);
  for (let i = 0; i < repeats; i += 1) for (const [name, work] of Object.entries(engines)) times[name].push(await time(work));
  return times;
}

/** Values of each color of RGBA pixels, less the mean and by the deviation of its channel: a plane a channel. */
export function planes(rgba, mean, deviation) {
  const pixels = rgba.length / 4;
  const values = new Float32Array(3 * pixels);
  for (let channel = 0; channel < 3; channel += 1) {
    const plane = values.subarray(channel * pixels, (channel + 1) * pixels);
    const [scale, shift] = [1 / (255 * deviation[channel]), mean[channel] / deviation[channel]];
    for (let i = 0; i < pixels; i += 1) plane[i] = rgba[4 * i + channel] * scale - shift;
  }
  return values;
}

/** The cosine of two embeddings. */
export function cosine(a, b) {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) [ab, aa, bb] = [ab + a[i] * b[i], aa + a[i] * a[i], bb + b[i] * b[i]];
  return ab / Math.sqrt(aa * bb);
}
