import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { listCached } from "./cached-models.js";
import { withCaches } from "./test-support.js";

const caches = withCaches();
const { CacheWriter, deleteModel, findModel, readBytes, readParts } = await import("./model-cache.js");

const KEY = "http://localhost/clip.gguf";
const model = (version) => ({ key: KEY, source: KEY, name: "clip.gguf", version });
const bytes = (fill, length = 10) => new Uint8Array(length).fill(fill);

/** All bytes in a slot. */
async function content(slot) {
  const chunks = [];
  for await (const chunk of readBytes(slot)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Writes a copy of ten bytes, whole or not. */
async function write(fill, etag, { whole = true } = {}) {
  const writer = await CacheWriter.open(model({ etag }));
  await writer.add(bytes(fill));
  if (whole) await writer.finish({ bytes: 10, checksum: String(fill) });
  else await writer.flush();
  return writer;
}

beforeEach(async () => {
  await deleteModel(KEY);
  for (const cache of caches.values()) cache.refuse = () => null;
});

test("a copy is cached, found and listed", async () => {
  await write(1, "one");
  const { whole, parts } = await findModel(KEY);
  assert.equal(whole.checksum, "1");
  assert.deepEqual(parts, []);
  assert.deepEqual(await content(whole.key), Buffer.from(bytes(1)));
  const [listed] = await listCached();
  assert.equal(listed.id, `cached:${KEY}`);
  assert.equal(listed.complete, true);
});

test("a copy stays until its replacement is whole", async () => {
  await write(1, "one");
  const writer = await write(2, "two", { whole: false });
  const before = await findModel(KEY);
  assert.equal(before.whole.checksum, "1");
  assert.deepEqual(
    before.parts.map(({ version }) => version.etag),
    ["two"],
  );
  assert.deepEqual(await content(before.whole.key), Buffer.from(bytes(1)));
  assert.equal((await listCached()).length, 1);
  await writer.finish({ bytes: 10, checksum: "2" });
  const after = await findModel(KEY);
  assert.equal(after.whole.checksum, "2");
  assert.notEqual(after.whole.key, before.whole.key);
  assert.deepEqual(await content(before.whole.key), Buffer.alloc(0));
});

test("a replacement that is no good leaves the copy as it was", async () => {
  await write(1, "one");
  const writer = await write(2, "two", { whole: false });
  await writer.discard();
  const { whole, parts } = await findModel(KEY);
  assert.equal(whole.checksum, "1");
  assert.deepEqual(parts, []);
});

test("parts of a version stay while another version arrives", async () => {
  await write(1, "one", { whole: false });
  await write(2, "two", { whole: false });
  const { parts } = await findModel(KEY);
  assert.deepEqual(parts.map(({ version }) => version.etag).sort(), ["one", "two"]);
  await write(3, "three");
  const { whole, parts: left } = await findModel(KEY);
  assert.deepEqual([whole.checksum, left], ["3", []]);
});

test("a download that broke off is continued in its own slot", async () => {
  await write(1, "one", { whole: false });
  const { parts } = await findModel(KEY);
  const writer = await CacheWriter.open(model({ etag: "one" }), parts[0], 1);
  await writer.add(bytes(2));
  await writer.finish({ bytes: 20 });
  const { whole } = await findModel(KEY);
  assert.deepEqual(await content(whole.key), Buffer.concat([bytes(1), bytes(2)]));
});

test("of two engines that write the same slot the later one goes on", async () => {
  const first = await write(1, "one", { whole: false });
  const { parts } = await findModel(KEY);
  const second = await CacheWriter.open(model({ etag: "one" }), parts[0], 1);
  await first.add(bytes(7));
  await first.flush();
  await second.finish({ bytes: 10 });
  const { whole } = await findModel(KEY);
  const all = [];
  for await (const part of readParts(whole.key)) all.push(part);
  assert.deepEqual(Buffer.concat(all), Buffer.from(bytes(1)));
});

test("a full disk ends the caching and keeps the copy that is there", async () => {
  await write(1, "one");
  for (const cache of caches.values()) cache.refuse = () => new DOMException("no room", "QuotaExceededError");
  const writer = await write(2, "two");
  assert.equal(writer.error, "full");
  assert.equal((await findModel(KEY)).whole.checksum, "1");
});

test("deleting takes both slots", async () => {
  await write(1, "one");
  await write(2, "two", { whole: false });
  await deleteModel(KEY);
  assert.deepEqual(await findModel(KEY), { whole: undefined, parts: [] });
  assert.deepEqual(await listCached(), []);
});
