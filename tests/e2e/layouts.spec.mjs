// Models of every layout, from the Hub and from files chosen together, against the library that saved them. The Hub is a
// stand-in on loopback.

import { filesOfModel } from "./hub.mjs";
import { expect, hubTest as test } from "./page.mjs";

let hub;
test.beforeEach(({ hub: started }) => {
  hub = started;
});
test.use({ expectedComplaints: [/ERR_|404/] });

/** Rows of a tensor in 32 bits of a safetensors file. */
function rows(file, name) {
  const data = 8 + Number(file.readBigUInt64LE());
  const { shape, data_offsets: offsets } = JSON.parse(file.toString("utf8", 8, data))[name];
  const [start, end] = offsets.map((offset) => data + offset);
  const values = Array.from({ length: (end - start) / 4 }, (_, i) => file.readFloatLE(start + 4 * i));
  return Array.from({ length: shape[0] }, (_, i) => values.slice(i * shape[1], (i + 1) * shape[1]));
}

function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** In a bare page: embeddings by a model of the image that make_models.py draws, and of a text. */
async function embedded(page, site, source, text = "a cat") {
  await page.goto(`${site}example.html`);
  return page.evaluate(
    async ([{ id, files }, hub, text]) => {
      const { Cliplet } = await import(new URL("cliplet/index.js", document.baseURI).href);
      const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const given = id ?? files.map(({ name, base64 }) => new File([bytes(base64)], name, { lastModified: 1 }));
      const seen = [];
      const clip = await Cliplet.load(given, { hub, onProgress: (progress) => seen.push(progress) });
      const [width, height] = [61, 43];
      const drawn = new ImageData(width, height);
      for (let y = 0; y < height; y += 1)
        for (let x = 0; x < width; x += 1)
          drawn.data.set(
            [7 * x + 13 * y, x * y, 3 * x + 5 * y].map((value) => value % 256).concat(255),
            4 * (y * width + x),
          );
      const answer = {
        image: Array.from(await clip.embedImage(drawn)),
        text: Array.from(await clip.embedText(text)),
        info: clip.info,
        last: seen.at(-1),
      };
      clip.dispose();
      const again = await Cliplet.load(id ?? clip.info.source, { hub });
      answer.again = Array.from(await again.embedText(text));
      again.dispose();
      return answer;
    },
    [source, hub.url, text],
  );
}

/** The files of a model as a page gives them, but for the reference's. */
const chosen = (files) =>
  [...files]
    .filter(([name]) => !["reference.safetensors", "texts.json"].includes(name))
    .map(([name, body]) => ({ name, base64: body.toString("base64") }));

/** Splits the tokenizer that CLIPs share into `vocab.json` and `merges.txt`. */
function withVocabulary(files) {
  const { model } = JSON.parse(files.get("tokenizer.json"));
  files.delete("tokenizer.json");
  files.set("vocab.json", Buffer.from(JSON.stringify(model.vocab)));
  files.set(
    "merges.txt",
    Buffer.from(["#version: 0.2", ...model.merges.map((pair) => [pair].flat().join(" "))].join("\n")),
  );
}

/** Makes a BERT's tokenizer the list of words that older models have. */
function withWords(files) {
  const { vocab } = JSON.parse(files.get("tokenizer.json")).model;
  files.delete("tokenizer.json");
  const words = Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b]);
  files.set("vocab.txt", Buffer.from(`${words.join("\n")}\n`));
}

/** Gives the weights of a MobileCLIP the name under which Apple publishes them. */
function withApplesName(files) {
  files.set("mobileclip_s0.pt", files.get("mobileclip.pt"));
  files.delete("mobileclip.pt");
}

for (const [what, name, change, id = "models/one"] of [
  ["pytorch_model.bin", "pytorch-bin"],
  ["pytorch_model.bin in a folder of sentence-transformers", "pytorch-bin", "nested"],
  ["vocab.json and merges.txt", "pytorch-bin", withVocabulary],
  ["sharded safetensors", "fashion-clip"],
  ["sharded pytorch_model.bin", "pytorch-shards"],
  ["open_clip_pytorch_model.bin", "open-clip-custom"],
  ["open_clip_model.safetensors", "open-clip-openai"],
  ["open_clip with a text tower of transformers", "open-clip-xlm-roberta"],
  ["open_clip with BiomedCLIP's towers", "open-clip-biomed"],
  ["open_clip with SigLIP's towers", "open-clip-siglip"],
  ["spiece.model", "siglip"],
  ["tokenizer.json that tokenizer_config.json pads", "siglip2"],
  ["a model of images in their own proportions", "siglip2-naflex"],
  ["Apple's mobileclip_s0.pt", "mobileclip-s0-apple", withApplesName, "apple/MobileCLIP-S0"],
  ["a BERT", "chinese-clip"],
  ["vocab.txt", "chinese-clip", withWords],
]) {
  test(`${what} loads from the Hub and from disk`, async ({ page, site }) => {
    const files = await filesOfModel(name);
    if (typeof change === "function") change(files);
    const inFolder = ([file, body]) => [`0_CLIPModel/${file}`, body];
    hub.repositories.set(id, change === "nested" ? new Map([...files].map(inFolder)) : files);
    const reference = files.get("reference.safetensors");
    const texts = files.get("texts.json") && JSON.parse(files.get("texts.json"));
    for (const source of [{ id: `hf:${id}` }, { files: chosen(files) }]) {
      const { image, text, again, info, last } = await embedded(page, site, source, texts?.[0]);
      expect(cosine(image, rows(reference, "drawn_embeds")[0])).toBeGreaterThan(0.999);
      if (texts) expect(cosine(text, rows(reference, "text_embeds")[0])).toBeGreaterThan(0.999);
      expect(again).toEqual(text);
      expect(last.loaded).toBe(last.total);
      expect(info.cached).toBe(true);
    }
  });
}

test("a repository without weights that are read names them and the way out", async ({ page, site }) => {
  const files = await filesOfModel("pytorch-bin");
  files.delete("pytorch_model.bin");
  hub.repositories.set("models/one", files);
  const message = await embedded(page, site, { id: "hf:models/one" }).catch((error) => error.message);
  expect(message).toContain("none of model.safetensors");
  expect(message).toContain("pytorch_model.bin");
  expect(message).toContain("hf:models/one@revision");
});

test("files that lack a shard or settings are answered with what is missing", async ({ page, site }) => {
  const files = chosen(await filesOfModel("fashion-clip"));
  const without = (missing) => files.filter(({ name }) => name !== missing);
  for (const missing of ["model-00002-of-00003.safetensors", "config.json", "tokenizer.json"]) {
    const message = await embedded(page, site, { files: without(missing) }).catch((error) => error.message);
    expect(message).toContain(missing);
  }
  const index = "model.safetensors.index.json";
  const message = await embedded(page, site, { files: without(index) }).catch((error) => error.message);
  expect(message).toContain(".index.json");
  const shards = chosen(await filesOfModel("pytorch-shards"));
  for (const [missing, named] of [
    ["pytorch_model-00002-of-00002.bin", "pytorch_model-00002-of-00002.bin"],
    ["pytorch_model.bin.index.json", ".index.json"],
  ]) {
    const given = shards.filter(({ name }) => name !== missing);
    const message = await embedded(page, site, { files: given }).catch((error) => error.message);
    expect(message).toContain(named);
  }
});

/** The id of a text tower whose image tower the package knows, and of the CLIP that has it. */
const MULTILINGUAL = ["sentence-transformers/clip-ViT-B-32-multilingual-v1", "sentence-transformers/clip-ViT-B-32"];

for (const [what, text, image, ids, source] of [
  ["in folders of sentence-transformers", "multilingual-distilbert", "metaclip", ["models/text", "models/image"]],
  ["of M-CLIP", "m-clip", "tinyclip", ["models/text", "models/image"]],
  ["that is known by its name", "multilingual-distilbert", "metaclip", MULTILINGUAL, MULTILINGUAL[0]],
]) {
  test(`a text tower ${what} loads with the image tower of a CLIP`, async ({ page, site }) => {
    const [tower, clip] = await Promise.all([filesOfModel(text), filesOfModel(image)]);
    hub.repositories.set(ids[0], tower);
    hub.repositories.set(ids[1], clip);
    const id = source ?? ids.join("+");
    const [first] = JSON.parse(tower.get("texts.json"));
    const answer = await embedded(page, site, { id: `hf:${id}` }, first);
    expect(cosine(answer.image, rows(clip.get("reference.safetensors"), "drawn_embeds")[0])).toBeGreaterThan(0.999);
    expect(cosine(answer.text, rows(tower.get("reference.safetensors"), "text_embeds")[0])).toBeGreaterThan(0.999);
    expect(answer.again).toEqual(answer.text);
    expect(answer.last.loaded).toBe(answer.last.total);
    expect(answer.info).toMatchObject({ name: ids[0], cached: true, score_rule: "softmax" });
  });
}

test("towers that do not go together are refused with both widths", async ({ page, site }) => {
  hub.repositories.set("models/text", await filesOfModel("m-clip"));
  hub.repositories.set("models/image", await filesOfModel("metaclip"));
  const id = "hf:models/text+models/image";
  const message = await embedded(page, site, { id }).catch((error) => error.message);
  expect(message).toContain("embeds to 24 values, the image tower to 16");
});

test("a text tower in a folder on disk embeds texts, and says what images need", async ({ page, site }) => {
  const tower = await filesOfModel("multilingual-distilbert");
  const [first] = JSON.parse(tower.get("texts.json"));
  await page.goto(`${site}example.html`);
  const answer = await page.evaluate(
    async ([files, text]) => {
      const { Cliplet } = await import(new URL("cliplet/index.js", document.baseURI).href);
      const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const given = (named) =>
        files.map(({ name, base64 }) => new File([bytes(base64)], named(name), { lastModified: 1 }));
      const clip = await Cliplet.load(given((name) => name));
      const problem = (promise) => promise.then(() => "none").catch((error) => error.message);
      return {
        text: Array.from(await clip.embedText(text)),
        image: await problem(clip.embedImage(new ImageData(8, 8))),
        flat: await problem(Cliplet.load(given((name) => name.split("/").at(-1)))),
      };
    },
    [chosen(tower), first],
  );
  expect(cosine(answer.text, rows(tower.get("reference.safetensors"), "text_embeds")[0])).toBeGreaterThan(0.999);
  expect(answer.image).toContain("has no image tower");
  expect(answer.image).toContain("--image-tower");
  expect(answer.flat).toContain("choose the whole folder");
});
