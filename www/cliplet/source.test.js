import assert from "node:assert/strict";
import { test } from "node:test";
import { applesWeights, isApples, shardsOf, tokenizerFiles } from "./snapshot-files.js";
import { openSource } from "./source.js";

globalThis.location = { href: "http://localhost/", origin: "http://localhost" };

/** Opens files of these names, each with its name as contents unless `contents` has others. */
const opened = (names, contents = {}) =>
  openSource(
    names.map((name) => new File([contents[name] ?? name], name, { lastModified: 1 })),
    { quant: "q8", signal: new AbortController().signal },
  );
const weightsOf = async (names, contents) =>
  (await (await opened(names, contents)).snapshot()).weights.map(({ name }) => name);

const INDEX = JSON.stringify({
  weight_map: { b: "model-2.safetensors", a: "model-1.safetensors", c: "model-2.safetensors" },
});

test("of a snapshot's files the first kind of weights is taken", async () => {
  const small = ["config.json", "tokenizer.json"];
  assert.deepEqual(await weightsOf(["model.safetensors", "pytorch_model.bin", ...small]), ["model.safetensors"]);
  assert.deepEqual(await weightsOf(["pytorch_model.bin", ...small]), ["pytorch_model.bin"]);
  assert.deepEqual(await weightsOf(["own.pt", ...small]), ["own.pt"]);
  const index = "model.safetensors.index.json";
  const shards = ["model-1.safetensors", "model-2.safetensors"];
  assert.deepEqual(await weightsOf([...shards, index, ...small], { [index]: INDEX }), shards);
});

test("weights of open_clip go with their own settings", async () => {
  const names = ["open_clip_pytorch_model.bin", "open_clip_config.json", "tokenizer.json"];
  const openClip = async (files) => (await (await opened(files)).snapshot()).openClip;
  assert.equal(await openClip(names), true);
  assert.equal(await openClip(["model.safetensors", ...names.slice(1), "config.json"]), false);
});

test("Apple's files are known by their names, and need a tokenizer alone", async () => {
  const { snapshot } = await opened(["mobileclip2_s0.pt", "tokenizer.json"]);
  const { files, weights, openClip } = await snapshot();
  assert.deepEqual([[...files.keys()], weights[0].name, openClip], [["tokenizer.json"], "mobileclip2_s0.pt", false]);
  await assert.rejects(opened(["mobileclip_s1.pt"]), { message: /together with tokenizer\.json of its folder/ });
  for (const [id, name] of [
    ["apple/MobileCLIP-S0", "mobileclip_s0.pt"],
    ["apple/MobileCLIP2-S4", "mobileclip2_s4.pt"],
    ["apple/MobileCLIP-B-LT", "mobileclip_blt.pt"],
  ]) {
    assert.equal(applesWeights(id), name);
    assert.ok(isApples(name));
  }
  assert.equal(applesWeights("apple/MobileCLIP-S1-OpenCLIP"), undefined);
  assert.equal(applesWeights("someone/MobileCLIP-S0"), undefined);
  assert.ok(!isApples("pytorch_model.bin") && !isApples("my_mobileclip_s0.pt"));
});

test("small files are those of the tokenizer and the settings that are there", async () => {
  const names = ["pytorch_model.bin", "config.json", "vocab.json", "merges.txt", "README.md", "notes.txt"];
  const small = async (files, contents) => {
    const { snapshot } = await opened(files, contents);
    return [...(await snapshot()).files.keys()].sort();
  };
  assert.deepEqual(await small(names), ["README.md", "config.json", "merges.txt", "vocab.json"]);
  const siglip = { "config.json": `{"model_type":"siglip"}` };
  const pieces = await small(["model.safetensors", "config.json", "spiece.model"], siglip);
  assert.deepEqual(pieces, ["config.json", "spiece.model"]);
  const tower = { "config.json": `{"architectures":["CLIPVisionModelWithProjection"]}` };
  assert.equal((await opened(["model.safetensors", "config.json"], tower)).name, "model.safetensors");
});

test("missing files are named", async () => {
  const index = "model.safetensors.index.json";
  for (const [names, missing] of [
    [["model.safetensors"], "config.json and tokenizer.json"],
    [["model.safetensors", "config.json"], "tokenizer.json"],
    [["model-1.safetensors", index, "config.json", "tokenizer.json"], "model-2.safetensors"],
    [["model-1.safetensors", "model-2.safetensors", "config.json"], ".index.json"],
    [["config.json", "tokenizer.json"], "choose a .gguf"],
  ]) {
    await assert.rejects(opened(names, { [index]: INDEX }), (error) => {
      assert.equal(error.code, "input");
      return error.message.includes(missing);
    });
  }
});

test("an index lists file names beside it", () => {
  assert.deepEqual(shardsOf(INDEX, "index"), ["model-1.safetensors", "model-2.safetensors"]);
  for (const bad of ["{", "[]", `{"weight_map":{}}`, `{"weight_map":{"a":"../b.bin"}}`, `{"weight_map":{"a":".."}}`])
    assert.throws(() => shardsOf(bad, "index"), { code: "model" });
  assert.deepEqual(tokenizerFiles(`{"model_type":"siglip"}`)[0], ["spiece.model"]);
  assert.deepEqual(tokenizerFiles(`{"model_type":"clip"}`)[0], ["tokenizer.json"]);
  const openClip = `{"model_cfg":{"vision_cfg":{"timm_model_name":"vit_base_patch16_siglip_224"}}}`;
  assert.deepEqual(tokenizerFiles(openClip), [["tokenizer.json"], ["spiece.model"]]);
});
