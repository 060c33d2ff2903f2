// The package in a page with nothing on it.

/**
 * Runs code in a bare page of the site: `cliplet` is the package, `given` the argument.
 * @param {import("@playwright/test").Page} page
 * @param {string} site
 * @param {string} code body of an async function
 * @param {unknown} [given]
 * @param {string} [entry] address of the package, where it is not the site's own
 */
export async function run(page, site, code, given = null, entry = `${site}cliplet/index.js`) {
  const bare = `${site}example.html`;
  if (page.url() !== bare) await page.goto(bare);
  return page.evaluate(
    async ([source, given, entry]) => {
      const cliplet = await import(entry);
      const AsyncFunction = (async () => {}).constructor;
      return new AsyncFunction("cliplet", "given", source)(cliplet, given);
    },
    [code, given, entry],
  );
}

/** Code that loads the small model with the options `given`, classifies an image and says how it ran. */
export const CLASSIFY = `
  const clip = await cliplet.Cliplet.load(undefined, given ?? {});
  const pixels = new Uint8ClampedArray(4 * 64 * 64).fill(255);
  for (let y = 12; y < 52; y += 1) for (let x = 12; x < 52; x += 1) pixels.set([214, 30, 36], 4 * (64 * y + x));
  const [{ label }] = await clip.classify(new ImageData(pixels, 64, 64), ["red square", "blue square"]);
  const { threads, cached, cacheError } = clip.info;
  clip.dispose();
  return { label, threads, cached, cacheError };`;
