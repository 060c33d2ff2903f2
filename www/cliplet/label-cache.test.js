import assert from "node:assert/strict";
import { test } from "node:test";
import { withCaches } from "./test-support.js";

withCaches();
const { LabelCache, decodeVectors, deleteLabels, encodeVectors } = await import("./label-cache.js");

const vectors = new Map([
  ["cat", Float32Array.of(1, 2, 3)],
  ["chien méchant", Float32Array.of(-1, 0, 0.5)],
]);

test("what is encoded is decoded", async () => {
  const buffer = await encodeVectors(vectors).arrayBuffer();
  assert.deepEqual(decodeVectors(buffer, 3), vectors);
});

test("what is damaged, or of another model, is refused", async () => {
  const buffer = await encodeVectors(vectors).arrayBuffer();
  assert.throws(() => decodeVectors(buffer, 4));
  assert.throws(() => decodeVectors(buffer.slice(0, -4), 3));
  const broken = await encodeVectors(new Map([["cat", Float32Array.of(Number.NaN, 2, 3)]])).arrayBuffer();
  assert.throws(() => decodeVectors(broken, 3));
});

test("labels outlive the engine by model and templates, and are deleted with the model", async () => {
  const cache = new LabelCache("sum", 3);
  const known = await cache.of(["a {}"]);
  known.set("cat", Float32Array.of(1, 0, 0));
  await cache.write(["a {}"]);
  assert.deepEqual(await new LabelCache("sum", 3).of(["a {}"]), known);
  assert.equal((await new LabelCache("sum", 3).of(["the {}"])).size, 0);
  assert.equal((await new LabelCache("other", 3).of(["a {}"])).size, 0);
  await deleteLabels("sum");
  assert.equal((await new LabelCache("sum", 3).of(["a {}"])).size, 0);
});

test("the lists of templates that were used last are those that stay", async () => {
  const cache = new LabelCache("many", 1);
  for (let i = 0; i < 12; i += 1) {
    (await cache.of([`${i} {}`])).set("cat", Float32Array.of(i));
    await cache.write([`${i} {}`]);
  }
  const again = new LabelCache("many", 1);
  assert.equal((await again.of(["0 {}"])).size, 0);
  assert.deepEqual((await again.of(["11 {}"])).get("cat"), Float32Array.of(11));
});
