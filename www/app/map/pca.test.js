import assert from "node:assert/strict";
import { test } from "node:test";
import { plane } from "./pca.js";

test("points of a plane in many dimensions keep their distances", async () => {
  const width = 32;
  const axis = (step) => Float32Array.from({ length: width }, (_, i) => (i % 2 === step ? Math.sqrt(2 / width) : 0));
  const [u, v] = [axis(0), axis(1)];
  const places = Array.from({ length: 40 }, (_, i) => [3 * Math.sin(i * 1.7), Math.cos(i * 2.3)]);
  const vectors = places.map(([x, y]) => u.map((value, i) => x * value + y * v[i] + 5));
  const points = await plane(vectors, () => false);
  const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  for (let i = 1; i < places.length; i += 1) {
    const [wanted, found] = [distance(places[0], places[i]), distance(points[0], points[i])];
    assert.ok(Math.abs(wanted - found) < 1e-3, `${wanted} became ${found}`);
  }
});

test("it stops when its result is no longer wanted", async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => Float32Array.from({ length: 64 }, (_, k) => Math.sin(i + k)));
  assert.equal(await plane(many, () => true), null);
});
