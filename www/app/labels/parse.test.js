import assert from "node:assert/strict";
import { test } from "node:test";
import { fromFile, parse, rows, write } from "./parse.js";

const file = (name, content) => new File([content], name);

test("labels are separated by commas and line breaks, trimmed, each once", () => {
  assert.deepEqual(parse(" cat, dog\ncat\r\n, bird "), ["cat", "dog", "bird"]);
  assert.deepEqual(parse('"red, round", "a ""big"" cat"'), ["red, round", 'a "big" cat']);
  assert.deepEqual(parse(""), []);
});

test("what is written is read back", () => {
  const labels = ["cat", "red, round", 'a "big" cat', "two\nlines"];
  assert.deepEqual(parse(write(labels)), labels);
});

test("quoted fields protect separators and line breaks", () => {
  assert.deepEqual(rows('a;"b;c"\r\n"d\ne";f', ";"), [
    ["a", "b;c"],
    ["d\ne", "f"],
  ]);
});

test("files: the label column of a table, a JSON list, lines; and nothing of an image", async () => {
  assert.deepEqual(await fromFile(file("a.csv", "\uFEFFid;label\r\n1;gnu\r\n2;yak\r\n")), ["gnu", "yak"]);
  assert.deepEqual(await fromFile(file("a.csv", "cat,dog")), ["cat", "dog"]);
  assert.deepEqual(await fromFile(file("a.json", '["cat", "dog"]')), ["cat", "dog"]);
  assert.deepEqual(await fromFile(file("a.json", '{"cat": 1}')), []);
  assert.deepEqual(await fromFile(file("a.txt", "cat\ndog")), ["cat", "dog"]);
  assert.deepEqual(await fromFile(file("a.jpg", Uint8Array.of(255, 216, 255, 0))), []);
});
