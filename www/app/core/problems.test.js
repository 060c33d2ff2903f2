import assert from "node:assert/strict";
import { test } from "node:test";
import { sentence, withoutName } from "./problems.js";

test("a message ends as a sentence, once", () => {
  assert.equal(sentence("The connection broke"), "The connection broke.");
  assert.equal(sentence("Why?"), "Why?");
  assert.equal(sentence("Failed (see above)"), "Failed (see above)");
});

test("beside a picture's name, the message does not repeat it", () => {
  const error = { code: "image", message: "a.jpg: image: this is not an image", item: "a.jpg" };
  assert.deepEqual(withoutName(error), { code: "image", message: "This is not an image" });
});

test("a message that names something else stays as it is", () => {
  const error = { code: "network", message: "b.gguf: the server answered 404", item: "a.jpg" };
  assert.equal(withoutName(error).message, "B.gguf: the server answered 404");
  assert.equal(withoutName({ message: "Too large", item: null }).message, "Too large");
});
