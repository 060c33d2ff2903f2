// The engine and its worker's client, with a worker that the tests script.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { withCaches } from "./test-support.js";

withCaches();

/** Workers that were started, and how the next ones answer. */
let workers = [];
let respond;

class ScriptedWorker {
  terminated = false;
  requests = [];

  constructor() {
    this.number = workers.push(this);
  }

  postMessage(request) {
    this.requests.push(request);
    queueMicrotask(() => !this.terminated && respond(this, request));
  }

  say(data) {
    if (!this.terminated) this.onmessage({ data });
  }

  terminate() {
    this.terminated = true;
  }
}
globalThis.Worker = ScriptedWorker;

const { Cliplet } = await import("./cliplet.js");
const { ClipletError } = await import("./errors.js");

const INFO = { name: "small", dimension: 2, cached: true, cacheError: null, outdated: false };
/** Answers a load; says whether the request was one. */
const loads = (worker, { id, op }) => {
  if (op === "load") worker.say({ id, value: INFO });
  return op === "load";
};
const embedding = (image) => Float32Array.of(image.data[0], 1);
const embeds = (worker, { id, op, images }) =>
  op === "embedImages" && worker.say({ id, value: images.map((image) => ({ value: embedding(image) })) });

/** An image of one pixel that begins with a number. */
const image = (number) => ({ width: 1, height: 1, data: Uint8ClampedArray.of(number, 0, 0, 255) });
const BAD = 66;
/** Stops the engine at each image that is BAD. */
const trap = (worker, request) => {
  if (request.images?.some(({ data }) => data[0] === BAD)) worker.say({ stopped: "unreachable" });
  else embeds(worker, request);
};

beforeEach(() => {
  workers = [];
  respond = (worker, request) => loads(worker, request) || embeds(worker, request);
});

test("images go in slices, with progress up to all of them", async () => {
  const clip = await Cliplet.load("m.gguf");
  const seen = [];
  const found = await clip.embedImage(
    Array.from({ length: 20 }, (_, i) => image(i)),
    { onProgress: (progress) => seen.push(progress) },
  );
  assert.deepEqual(
    found.map(([first]) => first),
    Array.from({ length: 20 }, (_, i) => i),
  );
  const sizes = workers[0].requests.filter(({ op }) => op === "embedImages").map(({ images }) => images.length);
  assert.ok(sizes.length > 1 && Math.max(...sizes) <= 8, String(sizes));
  assert.deepEqual(seen.at(-1), { done: 20, total: 20 });
});

test("one image that stops the engine has its own error, and all others their embeddings", async () => {
  respond = (worker, request) => loads(worker, request) || trap(worker, request);
  const clip = await Cliplet.load("m.gguf");
  const found = await clip.embedImage([1, 2, BAD, 3, 4, 5, 6, 7, 8, 9].map(image));
  assert.deepEqual(
    found.map((one) => (one instanceof ClipletError ? one.code : one[0])),
    [1, 2, "engine", 3, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(found[2].item, "image 3");
  assert.match(found[2].message, /image 3: the engine stopped at this image/);
  assert.equal(clip.info.restarts, workers.length - 1);
  assert.ok(workers.slice(0, -1).every(({ terminated }) => terminated));
});

test("an image is tried again before it is given up; the engine then goes on", async () => {
  let stops = 1;
  respond = (worker, request) => {
    if (loads(worker, request)) return;
    if (stops-- > 0) worker.say({ stopped: "memory access out of bounds" });
    else embeds(worker, request);
  };
  const clip = await Cliplet.load("m.gguf");
  assert.deepEqual([...(await clip.embedImage(image(5)))], [5, 1]);
  respond = (worker, request) => loads(worker, request) || trap(worker, request);
  await assert.rejects(clip.embedImage(image(BAD)), { name: "ClipletError", code: "engine" });
  assert.deepEqual([...(await clip.embedImage(image(6)))], [6, 1]);
});

test("requests that waited behind the one that stopped the engine are answered", async () => {
  respond = (worker, request) => loads(worker, request) || trap(worker, request);
  const clip = await Cliplet.load("m.gguf");
  const all = await Promise.allSettled([BAD, 1, 2, 3].map((number) => clip.embedImage(image(number))));
  assert.deepEqual(
    all.map(({ status }) => status),
    ["rejected", "fulfilled", "fulfilled", "fulfilled"],
  );
});

test("a thread that stops, while its worker waits for it, is noticed", async () => {
  let hang = true;
  respond = (worker, request) => {
    if (loads(worker, request)) return;
    if (!hang) return embeds(worker, request);
    hang = false;
    const [{ alarm }] = worker.requests;
    const channel = new BroadcastChannel(alarm);
    channel.postMessage("unreachable");
    setTimeout(() => channel.close(), 100);
  };
  const clip = await Cliplet.load("m.gguf");
  assert.deepEqual([...(await clip.embedImage(image(5)))], [5, 1]);
  assert.equal(workers.length, 2);
});

test("an engine that cannot be started again says so, and is tried again at the next call", async () => {
  let broken = false;
  respond = (worker, request) => {
    if (request.op === "load" && broken)
      return worker.say({ id: request.id, error: { code: "network", message: "no connection", item: null } });
    return loads(worker, request) || trap(worker, request);
  };
  const clip = await Cliplet.load("m.gguf");
  broken = true;
  await assert.rejects(clip.embedImage(image(BAD)), {
    code: "engine",
    message: /could not be started again: no connection/,
  });
  broken = false;
  assert.deepEqual([...(await clip.embedImage(image(5)))], [5, 1]);
});

test("a new version that is ready shortly is used, and the cached copy otherwise", async () => {
  const outdated = { ...INFO, outdated: true, name: "old" };
  const answers =
    (delay) =>
    (worker, { id, op, refresh }) => {
      if (op !== "load") return;
      if (!refresh) worker.say({ id, value: outdated });
      else setTimeout(() => worker.say({ id, value: { ...INFO, name: "new" } }), delay);
    };
  respond = answers(10);
  assert.equal((await Cliplet.load("m.gguf")).info.name, "new");
  assert.equal(workers[0].terminated, true);
  workers = [];
  respond = answers(3_400);
  const begun = performance.now();
  const clip = await Cliplet.load("m.gguf");
  assert.equal(clip.info.name, "old");
  assert.equal(clip.info.outdated, true);
  assert.ok(performance.now() - begun < 3_300);
  clip.dispose();
});

test("an abort rejects with the signal's reason as cause", async () => {
  respond = (worker, request) => {
    if (loads(worker, request)) return;
    if (request.op === "abort")
      worker.say({ id: request.id, error: { code: "cancelled", message: "cancelled", item: null } });
  };
  const clip = await Cliplet.load("m.gguf");
  const stop = new AbortController();
  const waiting = clip.embedText("a cat", { signal: stop.signal });
  const reason = new Error("changed my mind");
  setTimeout(() => stop.abort(reason), 10);
  await assert.rejects(waiting, { code: "cancelled", cause: reason });
  await assert.rejects(clip.embedImage([image(1)], { signal: stop.signal }), { code: "cancelled", cause: reason });
});

test("a disposed engine rejects what is open and all that follows", async () => {
  const clip = await Cliplet.load("m.gguf");
  respond = () => {};
  const open = clip.embedText("a cat");
  clip.dispose();
  await assert.rejects(open, { code: "disposed" });
  await assert.rejects(clip.embedImage(image(1)), { code: "disposed" });
  assert.equal(workers[0].terminated, true);
});

test("earlier names give what the present ones do", async () => {
  const clip = await Cliplet.load("m.gguf");
  assert.equal(clip.info.kept, true);
  assert.equal(clip.info.keepProblem, null);
  assert.deepEqual(Object.keys(clip.info).includes("kept"), false);
  assert.deepEqual(await Cliplet.kept(), await Cliplet.listCached());
});

test("misuse is a ClipletError that says what is right", async () => {
  assert.throws(() => new Cliplet(), { code: "input", message: /Cliplet\.load/ });
  const clip = await Cliplet.load("m.gguf");
  await assert.rejects(clip.classify(Float32Array.of(1, 2, 3), ["a"]), { code: "input", message: /another model/ });
  await assert.rejects(clip.classify(image(1), ["a"], { topK: -1 }), { code: "input", message: /topK/ });
  await assert.rejects(clip.classify(5, ["a"]), { code: "input", message: /the image must be/ });
  await assert.rejects(Cliplet.deleteCached("clip.gguf"), { code: "input" });
  const some = await clip.embedImage([image(1), 5]);
  assert.deepEqual([some[0][0], some[1].code, some[1].item], [1, "input", "image 2"]);
});

test("disposing of an engine ends a load under way, and its worker", async () => {
  const clip = await Cliplet.load("m.gguf");
  respond = () => {};
  const replacing = clip.replace("other.gguf");
  while (workers.length < 2 || workers[1].requests.length === 0) await new Promise((resolve) => setTimeout(resolve));
  clip.dispose();
  await assert.rejects(replacing, { name: "ClipletError", code: "disposed" });
  assert.ok(workers.every(({ terminated }) => terminated));
  clip.dispose();
  await assert.rejects(clip.replace("other.gguf"), { code: "disposed" });
  await assert.rejects(clip.classify(image(1), ["a"]), { code: "disposed" });
});

test("of two loads at once the one that was asked for last stays, whichever ends last", async () => {
  const clip = await Cliplet.load("m.gguf");
  const asked = [];
  respond = (worker, { id, op, source }) => op === "load" && asked.push({ worker, id, source });
  const [slow, quick] = [clip.replace("slow.gguf"), clip.replace("quick.gguf")];
  const refused = assert.rejects(slow, { name: "ClipletError", code: "cancelled" });
  while (asked.length < 2) await new Promise((resolve) => setTimeout(resolve));
  for (const name of ["quick", "slow"]) {
    const { worker, id } = asked.find(({ source }) => source.endsWith(`${name}.gguf`));
    worker.say({ id, value: { ...INFO, name } });
    await (name === "quick" ? quick : refused);
  }
  assert.equal(clip.info.name, "quick");
  assert.deepEqual(
    workers.map(({ terminated }) => terminated),
    workers.map((worker) => worker !== asked.find(({ source }) => source.endsWith("quick.gguf")).worker),
  );
});

test("several images may be any list: a frozen array, a Set, a generator; strings and bytes are one", async () => {
  const clip = await Cliplet.load("m.gguf");
  const images = [1, 2, 3].map(image);
  const generated = function* () {
    yield* images;
  };
  for (const several of [
    Object.freeze([...images]),
    new Set(images),
    generated(),
    new Map(images.entries()).values(),
  ]) {
    const found = await clip.embedImage(several);
    assert.deepEqual(
      found.map(([first]) => first),
      [1, 2, 3],
    );
  }
  assert.deepEqual(await clip.embedImage([]), []);
  assert.deepEqual(await clip.classify(new Set(), ["a"]), []);
  await assert.rejects(clip.classify("not there", ["a"]), { name: "ClipletError" });
});
