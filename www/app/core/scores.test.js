import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { cosine, Matrix, mean, rank, unit } from "./scores.js";

/** Made by tests/parity/make_scores.py; the Rust library's `rank` is checked against the same file. */
const cases = JSON.parse(await readFile(new URL("../../../tests/parity/scores.json", import.meta.url), "utf8"));

for (const { scale, cosines, order, probabilities } of cases) {
  test(`${cosines.length} labels at scale ${scale} are ranked as NumPy and Rust rank them`, () => {
    const found = rank(Float32Array.from(cosines), { logit_scale: scale });
    assert.deepEqual(
      found.map(({ index }) => index),
      order,
    );
    for (const [i, { share, index, cosine: own }] of found.entries()) {
      assert.ok(
        Math.abs(share - probabilities[i]) <= 1e-5 * probabilities[i] + 1e-9,
        `${share} and ${probabilities[i]}`,
      );
      assert.equal(own, Math.fround(cosines[index]));
    }
  });

  test(`of ${cosines.length} labels the best few are the first of all`, () => {
    const scorer = { logit_scale: scale, score_rule: "softmax" };
    const all = rank(Float32Array.from(cosines), scorer);
    for (const keep of [1, 3, cosines.length])
      assert.deepEqual(rank(Float32Array.from(cosines), scorer, keep), all.slice(0, keep));
  });
}

test("a sigmoid judges each label alone", () => {
  const scorer = { logit_scale: 10, logit_bias: -5, score_rule: "sigmoid" };
  const cosines = Float32Array.of(0, 1, 0.5);
  const shares = rank(cosines, scorer).map(({ share }) => share.toFixed(6));
  assert.deepEqual(shares, ["0.993307", "0.500000", "0.006693"]);
  assert.deepEqual(rank(cosines, scorer, 1), rank(cosines, scorer).slice(0, 1));
});

test("vectors are scaled to length one; a zero vector stays", () => {
  assert.deepEqual(
    [...unit(Float32Array.of(3, 4))].map((x) => x.toFixed(6)),
    ["0.600000", "0.800000"],
  );
  assert.deepEqual([...unit(Float32Array.of(0, 0))], [0, 0]);
});

test("a matrix gives the cosines of a vector with all its rows", () => {
  const rows = [Float32Array.of(1, 0), Float32Array.of(0.6, 0.8)];
  const vector = Float32Array.of(0.8, 0.6);
  assert.deepEqual(
    [...new Matrix(rows).cosines(vector)],
    rows.map((row) => Math.fround(cosine(vector, row))),
  );
});

test("the mean of vectors", () => {
  assert.deepEqual([...mean([Float32Array.of(1, 2), Float32Array.of(3, 6)])], [2, 4]);
});
