// Short words for the few things that every view does with elements. Text is only ever text here:
// nothing in the page parses HTML.

export const $ = (id) => document.getElementById(id);

/**
 * Makes an element.
 * @param {string} tag name, with classes after dots: "li.card"
 * @param {Record<string, unknown>} [properties] set as properties; names with a dash as attributes
 * @param {...(Node | string)} children
 */
export function make(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

/** Sets text only where it differs, so that screen readers and selections are left alone. */
export function setText(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Runs `draw` once in the next frame, however often it is asked to. */
export function onceAFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    // A hidden page has no frames, yet its state goes on.
    const next = document.hidden ? (run) => setTimeout(run, 100) : requestAnimationFrame;
    next(() => {
      asked = false;
      draw();
    });
  };
}

/** Runs `draw` at most once in `pause` milliseconds, and once more after the last call. */
export function atMostEvery(pause, draw) {
  let timer = null;
  let last = -Infinity;
  return () => {
    if (timer !== null) return;
    const wait = Math.max(0, last + pause - performance.now());
    timer = setTimeout(() => {
      timer = null;
      last = performance.now();
      draw();
    }, wait);
  };
}

/** Draws anew what is below `root`; a button that had the focus gives it to its successor of the same data-key. */
export function keepingFocus(root, draw) {
  const key = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  draw();
  if (key === undefined) return;
  [...root.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key)?.focus({ preventScroll: true });
}

/** Moves a roving tab stop: only `to` among `all` can be reached by Tab. */
export function rove(all, to) {
  for (const element of all) element.tabIndex = element === to ? 0 : -1;
}

/** The step that an arrow key means along a line of things, right-to-left writing minded; 0 for other keys. */
export function step(event) {
  const forward = getComputedStyle(event.currentTarget).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const backward = forward === "ArrowRight" ? "ArrowLeft" : "ArrowRight";
  return { [forward]: 1, [backward]: -1 }[event.key] ?? 0;
}
