// A web developer's use of the package in TypeScript; it is compiled by types.mjs, and not run.

import {
  type CachedModel,
  Cliplet,
  ClipletError,
  DEFAULT_MODEL,
  type ErrorCode,
  type ImageSource,
  type Inspection,
  type Ranked,
} from "cliplet";
import { ClipletClassifier } from "cliplet/element";

export async function uses(file: File, canvas: HTMLCanvasElement, chosen: FileList): Promise<Ranked[]> {
  const stop = new AbortController();
  using clip: Cliplet = await Cliplet.load(DEFAULT_MODEL, {
    onProgress: ({ loaded, total }) => console.log(total === null ? loaded : loaded / total),
    threads: 2,
    signal: stop.signal,
    stallTimeout: 5_000,
    baseUrl: new URL("https://cdn.example/cliplet/"),
  });
  const { download }: Inspection = await Cliplet.inspect("hf:openai/clip-vit-base-patch32", { quant: "q4" });
  const models: CachedModel[] = await Cliplet.listCached();
  for (const { id, complete } of models) if (!complete && download !== 0) await Cliplet.deleteCached(id);
  // Names of earlier versions.
  for (const { id } of await Cliplet.kept()) await Cliplet.forget(id);
  // @ts-expect-error there is no such quantization
  await Cliplet.load("hf:openai/clip-vit-base-patch32", { quant: "q5" });
  // @ts-expect-error an engine is made by load
  new Cliplet();
  const one: Float32Array = await clip.embedImage(file, { normalize: true });
  const texts: readonly string[] = ["a cat", "a dog"];
  const many: Float32Array[] = await clip.embedText(texts);
  const sources: readonly ImageSource[] = ["a.png", new URL("https://site.example/a.png"), new ArrayBuffer(8), canvas];
  for (const result of await clip.embedImage(sources, { onProgress: ({ done, total }) => console.log(done / total) })) {
    if (result instanceof ClipletError) console.error(result.code, result.item, result.cause);
    else console.log(result.length);
  }
  const answers: (Ranked[] | ClipletError)[] = await clip.classify(chosen, texts);
  const width: number = clip.info.dimension + answers.length;
  await clip.classify("picture.png", ["cat"]);
  // @ts-expect-error labels are texts
  await clip.classify(canvas, [1, 2]);
  // @ts-expect-error there is no such module
  await Cliplet.load(file, { variant: "gpu" });
  try {
    return await clip.classify(one, ["cat", "dog"], { templates: ["a {}", "one {}"], topK: many.length + width });
  } catch (error) {
    if (error instanceof ClipletError) {
      const code: ErrorCode = error.code;
      // @ts-expect-error there is no such code
      if (error.code === "broken") console.error(code.toUpperCase());
    }
    throw error;
  } finally {
    clip.dispose();
  }
}

export function usesElement(element: ClipletClassifier): void {
  Object.assign(ClipletClassifier.words, { choose: "Bild wählen" });
  const found = document.querySelector("cliplet-classifier");
  if (found) found.labels = ["cat", "dog"];
  element.model = new File([], "model.gguf");
  element.image = null;
  element.topK = 3;
  element.addEventListener("cliplet-result", ({ detail }) => console.log(detail[0].label));
  element.addEventListener("cliplet-error", ({ detail }) => console.log(detail.code));
  element.addEventListener("cliplet-progress", ({ detail }) => console.log(detail.loaded, detail.total));
  // @ts-expect-error a count is a number
  element.topK = "three";
}
