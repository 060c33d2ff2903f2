// An engine that cannot be killed: a WebAssembly trap costs one image its answer, and nothing else.

import { run } from "./bare.mjs";
import { beforeEngine, draw, expect, paints, test } from "./page.mjs";
import { TRAP } from "./traps.mjs";

// The worker's script is changed on its way, which a service worker's copy would pass by.
test.use({ serviceWorkers: "block" });

const code = `
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const png = new File([bytes(given.png)], "circle.png");
  const bad = new File(["TRAP"], "huge.jpg");
  const told = (result) => result instanceof cliplet.ClipletError ? [result.code, result.item, result.message] : result.length;`;

for (const [how, threads] of [
  ["on one thread", 1],
  ["on two threads", 2],
]) {
  test(`an image that traps has an error of its own, and all others are answered ${how}`, {
    tag: threads > 1 ? ["@threads", "@engines"] : ["@engines"],
  }, async ({ page, site }) => {
    await beforeEngine(page, TRAP);
    await page.goto(site);
    const png = (await draw(page, paints.redCircle)).toString("base64");
    const found = await run(
      page,
      site,
      `${code}
      const clip = await cliplet.Cliplet.load(undefined, { threads: given.threads });
      const before = await clip.embedImage(png);
      const several = (await clip.embedImage([png, bad, png, png])).map(told);
      const alone = await clip.embedImage(bad).catch(told);
      const [waiting, beside] = await Promise.all([clip.classify(bad, ["a"]).catch(told), clip.classify(png, ["red circle", "blue square"])]);
      const after = await clip.embedImage(png);
      const { restarts } = clip.info;
      clip.dispose();
      return { several, alone, waiting, best: beside[0].label, same: after.every((x, i) => x === before[i]), restarts };`,
      { png, threads },
    );
    const width = found.several[0];
    expect(found.several).toEqual([
      width,
      ["engine", "huge.jpg", expect.stringContaining("huge.jpg: the engine stopped at this image")],
      width,
      width,
    ]);
    expect(found.alone.slice(0, 2)).toEqual(["engine", "huge.jpg"]);
    expect(found.waiting.slice(0, 2)).toEqual(["engine", "huge.jpg"]);
    expect(found.best).toBe("red circle");
    expect(found.same).toBe(true);
    expect(found.restarts).toBeGreaterThanOrEqual(5);
  });
}

test("the engine is started again from the cached model, without the network", { tag: "@engines" }, async ({
  page,
  site,
}) => {
  await beforeEngine(page, TRAP);
  await page.goto(site);
  const png = (await draw(page, paints.redCircle)).toString("base64");
  const asked = [];
  page.on(
    "request",
    (request) => request.url().endsWith(".gguf") && request.method() === "GET" && asked.push(request.url()),
  );
  await run(
    page,
    site,
    `${code}
    const clip = await cliplet.Cliplet.load();
    await clip.embedImage(bad).catch(told);
    await clip.embedImage(png);
    clip.dispose();`,
    { png },
  );
  expect(asked.length).toBeLessThanOrEqual(1);
});

test("more images than fit into memory at once are embedded in slices", async ({ page, site }) => {
  test.setTimeout(240_000);
  await page.goto(site);
  const png = (await draw(page, paints.blueSquare)).toString("base64");
  const found = await run(
    page,
    site,
    `${code}
    const clip = await cliplet.Cliplet.load(undefined, { threads: 1 });
    const seen = [];
    const images = Array.from({ length: 1300 }, () => png);
    await clip.embedImage(images.slice(0, 100));
    const early = (await clip.refreshInfo()).memory;
    const embeddings = await clip.embedImage(images, { onProgress: (progress) => seen.push(progress) });
    const late = (await clip.refreshInfo()).memory;
    clip.dispose();
    return { count: embeddings.filter((one) => one instanceof Float32Array).length, last: seen.at(-1), steps: seen.length, growth: late - early };`,
    { png },
  );
  expect(found).toMatchObject({ count: 1300, last: { done: 1300, total: 1300 }, growth: 0 });
  expect(found.steps).toBeGreaterThan(100);
});
