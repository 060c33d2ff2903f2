import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { rememberUnsaved, takeUnsaved } from "./unsaved.js";

let stored = new Map();
globalThis.localStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => stored.set(key, value),
};

beforeEach(() => {
  stored = new Map();
});

test("names of several tabs come together, once", () => {
  rememberUnsaved(["a.jpg", "b.jpg"]);
  rememberUnsaved([]);
  rememberUnsaved(["c.jpg"]);
  assert.deepEqual(takeUnsaved(), { names: ["a.jpg", "b.jpg", "c.jpg"], count: 3 });
  assert.deepEqual(takeUnsaved(), { names: [], count: 0 });
});

test("of very many only the number is remembered", () => {
  rememberUnsaved(Array.from({ length: 500 }, (_, i) => `${i}.jpg`));
  const { names, count } = takeUnsaved();
  assert.deepEqual([names.length, count], [20, 500]);
});

test("whatever else the storage holds is passed over", () => {
  for (const value of ["5", "{}", '{"names":[1],"count":1}', '{"names":["a"],"count":"x"}', "not JSON"]) {
    stored.set("cliplet-unsaved", value);
    assert.deepEqual(takeUnsaved(), { names: [], count: 0 });
  }
});
