import assert from "node:assert/strict";
import { test } from "node:test";
import { startFirst } from "./safetensors.js";

const header = new TextEncoder().encode('{"__metadata__":{}}');
const file = Buffer.concat([
  new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer),
  header,
  Buffer.from("the weights"),
]);

async function* pieces(size) {
  for (let at = 0; at < file.length; at += size) yield new Uint8Array(file.subarray(at, at + size));
}

for (const size of [1, 3, 8, 20, file.length]) {
  test(`the first chunk is exactly the start, from pieces of ${size} bytes`, async () => {
    const chunks = [];
    for await (const chunk of startFirst(pieces(size))) chunks.push(chunk);
    assert.equal(chunks[0].length, 8 + header.length);
    assert.deepEqual(Buffer.concat(chunks), file);
  });
}

test("a file that ends within its header is handed on as it is", async () => {
  const chunks = [];
  for await (const chunk of startFirst([new Uint8Array(file.subarray(0, 12))])) chunks.push(chunk);
  assert.deepEqual(Buffer.concat(chunks), file.subarray(0, 12));
});
