import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { scriptKind } from "./pool.js";

afterEach(() => delete globalThis.importScripts);

test("threads are modules where the worker is one", () => {
  assert.equal(scriptKind(), "module");
  globalThis.importScripts = () => {
    throw new TypeError("Module scripts don't support importScripts().");
  };
  assert.equal(scriptKind(), "module");
  // As in Firefox.
  globalThis.importScripts = (...urls) => {
    if (urls.length > 0) throw new TypeError("Using `ImportScripts` inside a Module Worker is disallowed.");
  };
  assert.equal(scriptKind(), "module");
});

test("threads are classic scripts where a bundler made one of the worker", () => {
  globalThis.importScripts = () => {};
  assert.equal(scriptKind(), "classic");
  globalThis.importScripts = (...urls) => {
    if (urls.length > 0) throw new DOMException("refused by the policy", "NetworkError");
  };
  assert.equal(scriptKind(), "classic");
});
