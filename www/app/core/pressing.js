// Knows whether a button is being pressed. What moves away between a press and its release loses the click, so nothing is
// drawn in that time.

/** Longest time that a press holds up drawing, in milliseconds. */
const LONGEST = 1000;

let since = -Infinity;

const pressed = ({ target }) => {
  if (target.closest?.("button, label, summary, a")) since = performance.now();
};
const released = () => {
  since = -Infinity;
};

globalThis.addEventListener?.("pointerdown", pressed, { capture: true, passive: true });
for (const type of ["pointerup", "pointercancel", "dragend"])
  globalThis.addEventListener?.(type, released, { capture: true, passive: true });

/** True from the press of a button until its release. */
export const pressing = () => performance.now() < since + LONGEST;
