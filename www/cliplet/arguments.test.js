import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkCallOptions,
  checkEmbedding,
  checkLoadOptions,
  labelList,
  refuseNumbers,
  stringList,
  templateList,
} from "./arguments.js";
import { asClipletError, ClipletError, fromSent, toSent } from "./errors.js";

const refused = (run, words) => assert.throws(run, { name: "ClipletError", code: "input", message: words });

test("labels are one string or several", () => {
  assert.deepEqual(stringList("cat", "labels"), ["cat"]);
  assert.deepEqual(stringList(Object.freeze(["cat", "dog"]), "labels"), ["cat", "dog"]);
  for (const wrong of [[], [1], undefined, {}])
    refused(() => stringList(wrong, "labels"), /labels must be a string or a list/);
});

test("an empty label is refused with its place", () => {
  assert.deepEqual(labelList("cat"), ["cat"]);
  refused(() => labelList(["cat", "dog", " "]), /label 3 of 3 is empty/);
});

test("templates are the list, the one, or the usual one", () => {
  assert.deepEqual(templateList({}), ["a photo of a {}"]);
  assert.deepEqual(templateList({ template: "a {}" }), ["a {}"]);
  assert.deepEqual(templateList({ template: "a {}", templates: ["b {}", "c {}"] }), ["b {}", "c {}"]);
});

test("wrong options are named with the value", () => {
  refused(() => checkCallOptions({ topK: -1 }), /topK must be a whole number of at least 1, and is -1/);
  refused(() => checkCallOptions({ topK: 1.5 }), /topK/);
  refused(() => checkCallOptions({ onProgress: true }), /onProgress must be a function/);
  refused(() => checkCallOptions({ signal: {} }), /signal must be an AbortSignal/);
  refused(() => checkCallOptions(null), /options/);
  refused(() => checkLoadOptions({ variant: "gpu" }), /variant must be one of .*, and is "gpu"/);
  refused(() => checkLoadOptions({ quant: "q5" }), /quant/);
  refused(() => checkLoadOptions({ threads: 0 }), /threads/);
  refused(() => checkLoadOptions(null), /options must be an object/);
  checkLoadOptions({ threads: 2, variant: "simd", quant: "q4", signal: new AbortController().signal, onProgress() {} });
});

test("an embedding of another model is refused by its length", () => {
  refused(() => checkEmbedding(new Float32Array(3), 4), /3 numbers .* 4/);
  refused(() => checkEmbedding(Float32Array.of(1, Number.NaN), 2), /finite/);
});

test("an embedding that became a list of numbers is refused with what to write", () => {
  refused(() => refuseNumbers([0.1, -0.2]), /Float32Array\.from/);
  refused(() => refuseNumbers(Float64Array.of(0.1)), /Float32Array\.from/);
  for (const fine of [[], [null], Float32Array.of(1), "a.png"]) refuseNumbers(fine);
});

test("an error crosses to another thread with code, item and cause", () => {
  const error = new ClipletError("image", "no image", { cause: new RangeError("too large"), item: "a.png" });
  const back = fromSent(structuredClone(toSent(error)));
  assert.ok(back instanceof ClipletError);
  assert.deepEqual(
    [back.code, back.message, back.item, back.cause.name, back.cause.message],
    ["image", "no image", "a.png", "RangeError", "too large"],
  );
});

test("anything thrown becomes a ClipletError and stays its cause", () => {
  const dom = new DOMException("denied", "SecurityError");
  assert.deepEqual([asClipletError(dom).code, asClipletError(dom).cause], ["engine", dom]);
  assert.equal(asClipletError("words").message, "words");
  assert.equal(asClipletError(Object.assign(new Error("bad"), { code: "model" }), { item: "x.gguf" }).item, "x.gguf");
});
