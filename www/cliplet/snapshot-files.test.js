import assert from "node:assert/strict";
import { test } from "node:test";
import { isTextTransformer, textTowerFolders } from "./snapshot-files.js";

const modules = (/** @type {string[]} */ ...paths) =>
  JSON.stringify(paths.map((path, idx) => ({ idx, path, type: "sentence_transformers.models.Part" })));

test("a text tower's folders are those of its modules", () => {
  assert.deepEqual(textTowerFolders(modules("", "1_Pooling", "2_Dense"), "modules.json"), {
    transformer: "",
    linear: "2_Dense/",
    others: ["1_Pooling/"],
  });
  assert.equal(textTowerFolders(modules("0_Transformer/", "1_Pooling"), "modules.json")?.transformer, "0_Transformer/");
});

test("one module is a whole CLIP", () => {
  assert.equal(textTowerFolders(modules(""), "modules.json"), undefined);
});

test("paths that lead elsewhere and other files are refused by name", () => {
  for (const path of ["..", "../2_Dense", "a/b", "a\\b"])
    assert.throws(() => textTowerFolders(modules("", "1_Pooling", path), "x/modules.json"), {
      code: "model",
      message: /x\/modules\.json: the path .* is not a folder's name/,
    });
  assert.throws(() => textTowerFolders("{}", "modules.json"), { code: "model" });
  assert.throws(() => textTowerFolders("[", "modules.json"), { code: "model" });
});

test("transformers of texts are told by their model_type", () => {
  assert.equal(isTextTransformer('{ "model_type" : "distilbert" }'), true);
  assert.equal(isTextTransformer('{"model_type": "clip", "text_config": {"model_type": "clip_text_model"}}'), false);
});
