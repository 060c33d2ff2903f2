import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "./session.js";

const clip = (checksum) => ({ info: { checksum } });
const image = (name, more = {}) => ({ blob: new Blob([name]), name, ...more });
const settled = () => new Promise((resolve) => setTimeout(resolve, 10));

/** A session whose images are embedded at once, unless they are called "bad", with a list of the names that were. */
function session() {
  const embedded = [];
  const embed = async (_clip, { name }) => {
    embedded.push(name);
    if (name === "bad") throw new Error("cannot be read");
    return Float32Array.of(1, 0);
  };
  return { made: new Session(embed, () => true), embedded };
}

test("an embedding of another model is made anew", async () => {
  const { made, embedded } = session();
  made.use(clip("small"));
  made.add([
    image("same", { embedding: Float32Array.of(0, 1), model: "small" }),
    image("other", { embedding: Float32Array.of(0, 1, 0), model: "large" }),
  ]);
  await settled();
  assert.deepEqual(embedded, ["other"]);
  assert.deepEqual(
    made.list.map(({ state, model }) => [state, model]),
    [
      ["done", "small"],
      ["done", "small"],
    ],
  );
});

test("an image that was removed under one model and comes back under another is analyzed again", async () => {
  const { made, embedded } = session();
  made.use(clip("small"));
  const [item] = made.add([image("one")]);
  await settled();
  made.remove([item.id]);
  made.use(clip("large"));
  made.restore([item]);
  await settled();
  assert.deepEqual(embedded, ["one", "one"]);
  assert.equal(item.model, "large");
  assert.deepEqual(made.counts, { queued: 0, working: 0, done: 1, failed: 0, stopped: 0 });
});

test("images that failed or were skipped come back as they were", async () => {
  const { made, embedded } = session();
  made.use(clip("small"));
  made.add([image("bad")]);
  await settled();
  made.pause(true);
  made.add([image("later")]);
  made.cancel();
  const removed = made.remove(made.list.map(({ id }) => id));
  made.restore(removed);
  await settled();
  assert.deepEqual(embedded, ["bad"]);
  assert.deepEqual(made.counts, { queued: 0, working: 0, done: 0, failed: 1, stopped: 1 });
});
