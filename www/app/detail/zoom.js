// Zoom and pan of a picture in its frame: wheel, pinch, double click, drag, and steps for buttons and keys. Points are
// measured from the frame's middle, in pixels.

/** Largest scale; 1 shows the whole picture. */
export const MOST = 8;
/** Factor of one step, and of a double click. */
const STEP = 1.5;
const LOOK_CLOSER = 3;
/** Factor for each pixel that a wheel turns. */
const WHEEL = 1.002;

const between = (least, value, most) => Math.min(most, Math.max(least, value));

export class Zoom {
  scale = 1;
  /** Place of the picture's middle. */
  x = 0;
  y = 0;
  #changed;
  /** Fingers, or a mouse's pressed button, by number. @type {Map<number, {x: number, y: number}>} */
  #pointers = new Map();

  /** @param {() => void} changed called after every change */
  constructor(changed) {
    this.#changed = changed;
  }

  get zoomed() {
    return this.scale > 1;
  }

  reset() {
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.#pointers.clear();
    this.#changed();
  }

  /**
   * Scales by a factor, around a point that stays where it is.
   * @param {number} factor
   * @param {{ width: number, height: number }} frame its size
   * @param {{ x: number, y: number }} [point]
   */
  by(factor, frame, point = { x: 0, y: 0 }) {
    const scale = between(1, this.scale * factor, MOST);
    const real = scale / this.scale;
    this.scale = scale;
    this.#place(point.x + (this.x - point.x) * real, point.y + (this.y - point.y) * real, frame);
  }

  /** One step in or out. @param {1 | -1} direction @param {{ width: number, height: number }} frame */
  step(direction, frame) {
    this.by(STEP ** direction, frame);
  }

  /** Moves the picture, whose edges stay outside of the frame. */
  #place(x, y, { width, height }) {
    const [mostX, mostY] = [((this.scale - 1) * width) / 2, ((this.scale - 1) * height) / 2];
    this.x = between(-mostX, x, mostX);
    this.y = between(-mostY, y, mostY);
    this.#changed();
  }

  // ---- events of the frame ----

  /** @param {WheelEvent} event */
  turned(event) {
    event.preventDefault();
    const { frame, point } = measured(event);
    this.by(WHEEL ** -event.deltaY, frame, point);
  }

  /** @param {MouseEvent} event */
  doubleClicked(event) {
    const { frame, point } = measured(event);
    if (this.zoomed) this.reset();
    else this.by(LOOK_CLOSER, frame, point);
  }

  /** @param {PointerEvent} event */
  pressed(event) {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, measured(event).point);
    if (this.zoomed) event.currentTarget.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    // The button was released outside of the frame.
    if (event.buttons === 0) return this.released(event);
    const { frame, point } = measured(event);
    const others = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.#pointers.set(event.pointerId, point);
    if (others.length === 0)
      return this.zoomed && this.#place(this.x + point.x - before.x, this.y + point.y - before.y, frame);
    const [other] = others;
    const apart = (one) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
    this.by(apart(point) / apart(before), frame, { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 });
  }

  /** @param {PointerEvent} event */
  released(event) {
    this.#pointers.delete(event.pointerId);
  }
}

/** The frame's size, and where in it something happened. @param {MouseEvent} event */
function measured({ currentTarget, clientX, clientY }) {
  const { left, top, width, height } = currentTarget.getBoundingClientRect();
  return { frame: { width, height }, point: { x: clientX - left - width / 2, y: clientY - top - height / 2 } };
}
