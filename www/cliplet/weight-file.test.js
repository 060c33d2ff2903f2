import assert from "node:assert/strict";
import { test } from "node:test";
import { totalOf, versionOf, WeightFile } from "./weight-file.js";

const BYTES = Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * 7) % 251);

/** A file in chunks of 100,000 bytes, and the places that it was opened at. */
function file(version = { etag: "1" }) {
  const opened = [];
  async function* chunks(from) {
    for (let at = from; at < BYTES.length; at += 100_000) yield BYTES.slice(at, at + 100_000);
  }
  const open = async (from) => {
    opened.push(from);
    return { version, total: BYTES.length, chunks: chunks(from) };
  };
  return { opened, weights: new WeightFile("a.bin", open) };
}

test("what follows is read on, what lies elsewhere is asked for", async () => {
  const { opened, weights } = file();
  await weights.begin();
  assert.equal(weights.total, BYTES.length);
  assert.deepEqual(await weights.read(0, 8), BYTES.slice(0, 8));
  assert.deepEqual(await weights.read(8, 250_000), BYTES.slice(8, 250_008));
  // A little further on is passed over.
  assert.deepEqual(await weights.read(252_000, 5), BYTES.slice(252_000, 252_005));
  assert.deepEqual(opened, [0]);
  assert.deepEqual(await weights.read(1_900_000, 10), BYTES.slice(1_900_000, 1_900_010));
  assert.deepEqual(await weights.read(10, 10), BYTES.slice(10, 20));
  assert.deepEqual(opened, [0, 1_900_000, 10]);
});

test("a file that ends early gives what there is", async () => {
  const { weights } = file();
  assert.deepEqual(await weights.read(1_999_990, 20), BYTES.slice(1_999_990));
  assert.equal(await weights.chunkAt(BYTES.length), null);
});

test("the version of several files is that of each", async () => {
  const all = [file({ etag: "1", total: BYTES.length }), file({ etag: "2" })].map(({ weights }) => weights);
  for (const one of all) await one.begin();
  assert.deepEqual(versionOf(all), { etag: "1 2", total: 2 * BYTES.length });
  assert.deepEqual(versionOf(all.slice(1)), { etag: "2" });
  assert.equal(totalOf(all), 2 * BYTES.length);
});
