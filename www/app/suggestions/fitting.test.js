import assert from "node:assert/strict";
import { test } from "node:test";
import { distinct, fitting } from "./fitting.js";

const tags = (words) => Object.entries(words).map(([word, cosine]) => ({ word, cosine, share: 0.1 }));
const words = (list) => list.map(({ word }) => word);

test("of words with the same last one, the first and the plain word are left", () => {
  const cats = tags({ "tabby cat": 0.52, cat: 0.51, "black cat": 0.43, "siamese cat": 0.42, kitten: 0.38 });
  assert.deepEqual(words(distinct(cats)), ["tabby cat", "cat", "kitten"]);
});

test("where the model is sure, words far behind the best one are not shown", () => {
  const found = fitting(tags({ espresso: 0.82, coffee: 0.7, cafe: 0.34 }), { mean: 0, deviation: 0.09 }, true);
  assert.deepEqual([words(found.tags), found.sure], [["espresso", "coffee"], true]);
});

test("where no word fits well, all are guesses", () => {
  const found = fitting(tags({ drill: 0.38, bolt: 0.31, screw: 0.28 }), { mean: 0.02, deviation: 0.08 }, true);
  assert.deepEqual([words(found.tags), found.sure], [["drill", "bolt", "screw"], false]);
});

test("a model that was not calibrated is believed, and words are measured by their lead over the average one", () => {
  const found = fitting(tags({ cat: 0.3, kitten: 0.29, animal: 0.25 }), { mean: 0.2, deviation: 0.03 }, false);
  assert.deepEqual([words(found.tags), found.sure], [["cat", "kitten"], true]);
});

test("without words there is nothing to show", () => {
  assert.deepEqual(fitting([], { mean: 0, deviation: 0 }, true), { tags: [], sure: false });
});
