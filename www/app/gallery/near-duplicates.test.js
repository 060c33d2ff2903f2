import assert from "node:assert/strict";
import { test } from "node:test";
import { unit } from "../core/scores.js";
import { groups } from "./near-duplicates.js";

const item = (...values) => ({ embedding: unit(Float32Array.from(values)) });
const never = () => false;

test("images that are nearly the same share a group, numbered in their order", async () => {
  const [a, b, alone, c, d] = [item(1, 0, 0), item(0, 1, 0), item(0, 0, 1), item(0.01, 1, 0), item(1, 0.02, 0)];
  const found = await groups([a, b, alone, c, d], never);
  assert.deepEqual(
    [a, b, alone, c, d].map((one) => found.get(one)),
    [1, 2, undefined, 2, 1],
  );
});

test("a chain of alike images is one group", async () => {
  const chain = Array.from({ length: 6 }, (_, i) => item(Math.cos(i * 0.2), Math.sin(i * 0.2)));
  const found = await groups(chain, never);
  assert.deepEqual([...new Set(found.values())], [1]);
});

test("images without an embedding are left out", async () => {
  assert.equal((await groups([{}, item(1, 0)], never)).size, 0);
});
