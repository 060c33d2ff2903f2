import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceName, toSentSource } from "./model-source.js";
import { parseHubId } from "./repository.js";

globalThis.location = { href: "http://localhost/page/", origin: "http://localhost" };

for (const [given, sent] of [
  ["models/clip.gguf", "http://localhost/page/models/clip.gguf"],
  ["/clip.gguf", "http://localhost/clip.gguf"],
  ["siglip2-base-q8.gguf", "http://localhost/page/siglip2-base-q8.gguf"],
  ["MobileCLIP-S0/model.gguf", "http://localhost/page/MobileCLIP-S0/model.gguf"],
  [new URL("http://elsewhere.example/a.gguf"), "http://elsewhere.example/a.gguf"],
  ["hf:openai/clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  [" openai/clip-vit-base-patch32 ", "hf:openai/clip-vit-base-patch32"],
  ["laion/CLIP-ViT-B-32@refs/pr/1", "hf:laion/CLIP-ViT-B-32@refs/pr/1"],
  ["M-CLIP/XLM-R+openai/clip-vit-base-patch32@abc", "hf:M-CLIP/XLM-R+openai/clip-vit-base-patch32@abc"],
  ["hf:M-CLIP/XLM-R + hf:ViT-B/32", "hf:M-CLIP/XLM-R+openai/clip-vit-base-patch32"],
  ["https://huggingface.co/openai/clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  ["huggingface.co/openai/clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  ["www.huggingface.co/openai/clip-vit-base-patch32/", "hf:openai/clip-vit-base-patch32"],
  ["https://hf.co/openai/clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  ["https://huggingface.co/openai/clip-vit-base-patch32/tree/main", "hf:openai/clip-vit-base-patch32"],
  ["https://huggingface.co/openai/clip-vit-base-patch32/tree/abc123", "hf:openai/clip-vit-base-patch32@abc123"],
  ["https://huggingface.co/a/b/blob/main/model.safetensors", "hf:a/b"],
  ["https://huggingface.co/a/b/blob/main/pytorch_model.bin", "hf:a/b"],
  ["https://huggingface.co/a/b/blob/main/model-00001-of-00003.safetensors", "hf:a/b"],
  ["https://huggingface.co/a/b/blob/main/open_clip_config.json", "hf:a/b"],
  ["https://huggingface.co/apple/MobileCLIP-S0/blob/main/mobileclip_s0.pt", "hf:apple/MobileCLIP-S0"],
  ["https://huggingface.co/a/b/blob/v2/sub/one.gguf", "https://huggingface.co/a/b/resolve/v2/sub/one.gguf"],
  ["https://huggingface.co/a/b/resolve/main/one.gguf", "https://huggingface.co/a/b/resolve/main/one.gguf"],
  ["https://huggingface.co/a/b/raw/main/config.json", "hf:a/b"],
  ["https://huggingface.co/a/b/resolve/main/model.safetensors?download=true", "hf:a/b"],
  ["https://huggingface.co/a/b/tree/refs%2Fpr%2F15", "hf:a/b@refs/pr/15"],
  ["https://huggingface.co/a/b/discussions/3", "hf:a/b"],
  ["https://huggingface.co/a/b.git", "hf:a/b"],
  ["http://huggingface.co/a/b", "hf:a/b"],
  ["//huggingface.co/a/b", "hf:a/b"],
  ["hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "hf:laion/CLIP-ViT-B-32-laion2B-s34B-b79K"],
  ["HF:openai/clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  ["hf://openai/clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  ["hf:https://huggingface.co/openai/clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  ["hf:openai/clip-vit-base-patch32/", "hf:openai/clip-vit-base-patch32"],
  ["openai/clip-vit-base-patch32/", "hf:openai/clip-vit-base-patch32"],
  ["\topenai/clip-vit-base-patch32\n", "hf:openai/clip-vit-base-patch32"],
  ['"openai/clip-vit-base-patch32"', "hf:openai/clip-vit-base-patch32"],
  ["openai/clip-vit-base-patch32/tree/main", "hf:openai/clip-vit-base-patch32"],
  ["openai/clip-vit-base-patch32/blob/main/model.safetensors", "hf:openai/clip-vit-base-patch32"],
  ["clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  ["hf:clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"],
  ["CLIP-ViT-Base-Patch32", "hf:openai/clip-vit-base-patch32"],
  ["clip-vit-large-patch14-336", "hf:openai/clip-vit-large-patch14-336"],
  ["CLIP ViT-B/32", "hf:openai/clip-vit-base-patch32"],
  ["OpenAI CLIP ViT-B/32", "hf:openai/clip-vit-base-patch32"],
  ["ViT-B/32", "hf:openai/clip-vit-base-patch32"],
  ["ViT-B-16", "hf:openai/clip-vit-base-patch16"],
  ["vit_l_14", "hf:openai/clip-vit-large-patch14"],
  ["ViT-L/14@336px", "hf:openai/clip-vit-large-patch14-336"],
  ["CLIP-ViT-B-32-laion2B-s34B-b79K", "hf:laion/CLIP-ViT-B-32-laion2B-s34B-b79K"],
  ["siglip2-base-patch16-224", "hf:google/siglip2-base-patch16-224"],
  ["./model", "http://localhost/page/model"],
  ["model.gguf", "http://localhost/page/model.gguf"],
  ["cached:http://localhost/clip.gguf", "cached:http://localhost/clip.gguf"],
  ["kept:hf:a/b q8", "cached:hf:a/b q8"],
]) {
  test(`${given} is ${sent}`, () => assert.equal(toSentSource(given), sent));
}

test("files stay files; what is no source is refused in words", () => {
  const file = new Blob(["bytes"]);
  assert.equal(toSentSource(file), file);
  assert.deepEqual(toSentSource([file]), [file]);
  for (const wrong of [[], ["text"], 5, null, {}, "", "http://"]) {
    assert.throws(() => toSentSource(wrong), { name: "ClipletError", code: "input" });
  }
});

test("a name that stands for no model is answered with what to write", () => {
  for (const wrong of ["clip", "my model", "RN50", "toString", "https://huggingface.co/openai", "hf.co"])
    assert.throws(() => toSentSource(wrong), {
      name: "ClipletError",
      code: "input",
      message: /openai\/clip-vit-base-patch32/,
    });
  assert.throws(() => toSentSource("https://huggingface.co/datasets/a/b"), { code: "input" });
  assert.throws(() => toSentSource("https://huggingface.co/a/%zz"), { code: "input" });
  assert.throws(() => parseHubId(toSentSource("hf:clip")), { code: "input", message: /owner\/name/ });
});

test("another Hub's addresses are read as the Hub's own", () => {
  const hub = "http://hub.example";
  assert.equal(toSentSource("http://hub.example/a/b/tree/main", hub), "hf:a/b");
  assert.equal(toSentSource("a/b/blob/v1/sub/one.gguf", hub), "http://hub.example/a/b/resolve/v1/sub/one.gguf");
});

test("a Hub id is a name of two parts, perhaps with a revision", () => {
  assert.deepEqual(parseHubId("hf:a/b"), { id: "a/b", revision: undefined });
  assert.deepEqual(parseHubId("hf:a/b@refs/pr/1"), { id: "a/b", revision: "refs/pr/1" });
  for (const wrong of ["hf:a", "hf:../up", "hf:a/../b", "hf:.a/b", "hf:a/b/c"])
    assert.throws(() => parseHubId(wrong), { code: "input" });
});

test("a source's name in messages is short", () => {
  assert.equal(sourceName("http://localhost/models/clip.gguf"), "clip.gguf");
  assert.equal(sourceName("hf:a/b"), "hf:a/b");
  assert.equal(sourceName(new File([], "own.gguf")), "own.gguf");
});
