// What a web developer writes in TypeScript against the package's types; it is compiled, not run.

import { Cliplet, ClipletError, DEFAULT_MODEL, type Inspection, type Ranked } from "../../www/cliplet/index.js";

export async function uses(file: File, canvas: HTMLCanvasElement): Promise<Ranked[]> {
  const stop = new AbortController();
  const clip: Cliplet = await Cliplet.load(DEFAULT_MODEL, {
    onProgress: ({ loaded, total }) => console.log(total === null ? loaded : loaded / total),
    threads: 2,
    signal: stop.signal,
  });
  const { download }: Inspection = await Cliplet.inspect("hf:openai/clip-vit-base-patch32", { quant: "q4" });
  for (const { id, complete } of await Cliplet.kept()) if (!complete && download !== 0) await Cliplet.forget(id);
  // @ts-expect-error there is no such quantization
  await Cliplet.load("hf:openai/clip-vit-base-patch32", { quant: "q5" });
  const one: Float32Array = await clip.embedImage(file, { normalize: true });
  const many: Float32Array[] = await clip.embedText(["a cat", "a dog"]);
  const width: number = clip.info.dimension;
  // @ts-expect-error a picture is not an address
  await clip.classify("picture.png", ["cat"]);
  // @ts-expect-error labels are texts
  await clip.classify(canvas, [1, 2]);
  // @ts-expect-error there is no such module
  await Cliplet.load(file, { variant: "gpu" });
  try {
    return await clip.classify(one, ["cat", "dog"], { templates: ["a {}", "one {}"], topK: many.length + width });
  } catch (error) {
    if (error instanceof ClipletError) console.error(error.code.toUpperCase());
    throw error;
  } finally {
    clip.dispose();
  }
}
