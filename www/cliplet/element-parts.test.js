import assert from "node:assert/strict";
import { test } from "node:test";
import { isNoMatch, percentage } from "./element-parts.js";

const best = (logit) => ({ label: "cat", score: 0.9, logit });

test("a percentage never claims certainty", () => {
  assert.deepEqual([0, 0.0004, 0.5, 0.9991, 0.99999, 1].map(percentage), [
    "< 0.1 %",
    "< 0.1 %",
    "50.0 %",
    "99.9 %",
    "99.9 %",
    "100.0 %",
  ]);
});

test("below the model's threshold the best label is no good match, whatever its share", () => {
  const info = { logit_scale: 20, no_match_threshold: 0.3 };
  assert.equal(isNoMatch(best(5.9), info), true);
  assert.equal(isNoMatch(best(6.1), info), false);
  assert.equal(isNoMatch(best(5.9 - 4), { ...info, logit_bias: -4 }), true);
  assert.equal(isNoMatch(best(6.1 - 4), { ...info, logit_bias: -4 }), false);
});

test("a model without such a threshold is believed", () => {
  for (const threshold of [undefined, null])
    assert.equal(isNoMatch(best(-9), { logit_scale: 20, no_match_threshold: threshold }), false);
});
