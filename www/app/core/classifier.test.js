import assert from "node:assert/strict";
import { test } from "node:test";
import { Classifier } from "./classifier.js";

const SOFTMAX = { logit_scale: 10, score_rule: "softmax" };
const SIGMOID = { logit_scale: 10, logit_bias: -5, score_rule: "sigmoid" };

/** A classifier of the labels "left" and "up", and an image whose cosines with them are 0.6 and 0.8. */
async function classifier(info, settings) {
  const query = Object.assign(new EventTarget(), {
    labels: ["left", "up"],
    templates: ["{}"],
    settings: { score: "share", noMatch: true, limits: {}, examples: {}, ...settings },
  });
  const session = { items: new Map(), answered() {} };
  const made = new Classifier(query, () => session);
  await made.use({ info, embedLabels: async () => [Float32Array.of(1, 0), Float32Array.of(0, 1)] });
  const item = { embedding: Float32Array.of(0.6, 0.8) };
  made.answer(item);
  return { made, item };
}

test("a threshold for shares says nothing about matches, and the other way round", async () => {
  // The best share is 0.88, the best match sigmoid(3) = 0.95.
  for (const [info, limits, matches] of [
    [SOFTMAX, { share: 0.9 }, false],
    [SOFTMAX, { match: 0.99 }, true],
    [SIGMOID, { share: 0.99 }, true],
    [SIGMOID, { match: 0.99 }, false],
    [SIGMOID, { match: 0.9 }, true],
  ]) {
    const { made, item } = await classifier(info, { limits });
    assert.equal(made.isNoMatch(item), !matches, JSON.stringify([info.score_rule, limits]));
  }
});

test("similarity has a threshold of its own in every model", async () => {
  for (const info of [SOFTMAX, SIGMOID]) {
    const settings = { score: "cosine", limits: { share: 1, match: 1, cosine: 0.7 } };
    const { made, item } = await classifier(info, settings);
    assert.equal(made.isNoMatch(item), false);
    settings.limits.cosine = 0.85;
    const stricter = await classifier(info, settings);
    assert.equal(stricter.made.isNoMatch(stricter.item), true);
  }
});

test("without a threshold of one's own, the model's or the spread of everyday words decides", async () => {
  const calibrated = await classifier({ ...SOFTMAX, no_match_threshold: 0.85 }, {});
  assert.equal(calibrated.made.isNoMatch(calibrated.item), true);
  const { made, item } = await classifier(SIGMOID, {});
  assert.equal(made.isNoMatch({ ...item, background: { mean: 0.7, deviation: 0.1 } }), true);
  assert.equal(made.isNoMatch({ ...item, background: { mean: 0.5, deviation: 0.1 } }), false);
});
