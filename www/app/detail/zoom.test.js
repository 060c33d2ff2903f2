import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST, Zoom } from "./zoom.js";

const FRAME = { width: 400, height: 200 };
const target = { getBoundingClientRect: () => ({ left: 10, top: 20, ...FRAME }), setPointerCapture() {} };
/** An event at a point that is measured from the frame's middle. */
const at = (x, y, more = {}) => ({
  currentTarget: target,
  clientX: 10 + 200 + x,
  clientY: 20 + 100 + y,
  button: 0,
  pointerId: 1,
  preventDefault() {},
  ...more,
});

test("the point under the pointer stays where it is", () => {
  const zoom = new Zoom(() => {});
  zoom.by(2, FRAME, { x: 50, y: -30 });
  assert.deepEqual([zoom.scale, zoom.x, zoom.y], [2, -50, 30]);
  zoom.by(0.5, FRAME, { x: 50, y: -30 });
  assert.deepEqual([zoom.scale, zoom.x, zoom.y], [1, 0, 0]);
});

test("neither more than the most nor less than the whole picture is shown", () => {
  const zoom = new Zoom(() => {});
  for (let i = 0; i < 20; i += 1) zoom.step(1, FRAME);
  assert.equal(zoom.scale, MOST);
  for (let i = 0; i < 20; i += 1) zoom.step(-1, FRAME);
  assert.deepEqual([zoom.scale, zoom.zoomed], [1, false]);
});

test("a drag ends where the button was released outside", () => {
  const zoom = new Zoom(() => {});
  zoom.pressed(at(0, 0));
  zoom.by(2, FRAME);
  zoom.moved(at(30, 30, { buttons: 0 }));
  zoom.moved(at(60, 60, { buttons: 1 }));
  assert.deepEqual([zoom.x, zoom.y], [0, 0]);
});

test("a drag moves the zoomed picture, at most to its edge; the whole one does not move", () => {
  const zoom = new Zoom(() => {});
  zoom.pressed(at(0, 0));
  zoom.moved(at(30, 30));
  assert.deepEqual([zoom.x, zoom.y], [0, 0]);
  zoom.released(at(30, 30));
  zoom.by(2, FRAME);
  zoom.pressed(at(0, 0));
  zoom.moved(at(30, 1000));
  assert.deepEqual([zoom.x, zoom.y], [30, 100]);
  zoom.released(at(30, 1000));
  zoom.moved(at(0, 0));
  assert.deepEqual([zoom.x, zoom.y], [30, 100]);
});

test("two fingers that part zoom in; a wheel and a double click do too", () => {
  const zoom = new Zoom(() => {});
  zoom.pressed(at(-50, 0));
  zoom.pressed(at(50, 0, { pointerId: 2 }));
  zoom.moved(at(150, 0, { pointerId: 2 }));
  assert.equal(zoom.scale, 2);
  zoom.reset();
  zoom.turned(at(0, 0, { deltaY: -100 }));
  assert.ok(zoom.scale > 1.1 && zoom.scale < 1.5);
  zoom.doubleClicked(at(0, 0));
  assert.equal(zoom.scale, 1);
  zoom.doubleClicked(at(100, 50));
  assert.equal(zoom.scale, 3);
});
