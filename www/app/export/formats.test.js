import assert from "node:assert/strict";
import { test } from "node:test";
import { csv, json, moves, npy, safe, script } from "./formats.js";

const row = (path, best, shares) => ({
  path,
  best,
  ranked: shares.map((share, index) => ({ index, share, cosine: share / 2 })),
});

test("CSV quotes as RFC 4180 wants it", () => {
  const text = csv([row('a "b", c.png', "red, round", [0.75, 0.25])], ["red, round", "cat"], "share");
  assert.equal(text, 'file,label,"red, round",cat\r\n"a ""b"", c.png","red, round",0.750000,0.250000\r\n');
});

test("JSON has Azure ML's shape", () => {
  assert.deepEqual(JSON.parse(json([row("a.png", "cat", [1, 0])], ["cat", "dog"])), [
    { probs: [1, 0], labels: ["cat", "dog"] },
  ]);
});

test("npy: a header of a multiple of 64 bytes, then the values", async () => {
  const bytes = Buffer.from(await npy([Float32Array.of(1, 2), Float32Array.of(3, 4)]).arrayBuffer());
  const length = bytes.readUInt16LE(8);
  assert.equal((10 + length) % 64, 0);
  assert.ok(
    bytes
      .subarray(10, 10 + length)
      .toString()
      .includes("'shape': (2, 2)"),
  );
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => bytes.readFloatLE(10 + length + 4 * i)),
    [1, 2, 3, 4],
  );
});

test("labels become names that any system takes", () => {
  assert.equal(safe('a/b\\c: "d"?'), "a b c d");
  assert.equal(safe("..."), "_");
});

test("new paths never collide", () => {
  const paths = moves([row("x/a.png", "cat", []), row("x/A.png", "cat", []), row("y/a.png", "cat", [])], false).map(
    ({ to }) => to,
  );
  assert.deepEqual(paths, ["x/cat - a.png", "x/cat - A 2.png", "y/cat - a.png"]);
});

test("scripts quote for their shell", () => {
  const rows = [row("it's.png", "cat", [])];
  assert.ok(script(rows, "sh", false).includes(`'it'\\''s.png'`));
  assert.ok(script(rows, "powershell", true).includes("'it''s.png'"));
});
