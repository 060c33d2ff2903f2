// Small helpers for elements, focus and time that several features use.

import { Directive, directive, PartType } from "lit/directive.js";

/** Moves a roving tab stop: only `to` among `all` can be reached by Tab. */
export function rove(all, to) {
  for (const element of all) element.tabIndex = element === to ? 0 : -1;
}

export const rightToLeft = (element) => getComputedStyle(element).direction === "rtl";

/** The step that an arrow key means along a line of things, right-to-left writing minded; 0 for other keys. */
export function step(event) {
  const forward = rightToLeft(event.currentTarget) ? "ArrowLeft" : "ArrowRight";
  const backward = forward === "ArrowRight" ? "ArrowLeft" : "ArrowRight";
  return { [forward]: 1, [backward]: -1 }[event.key] ?? 0;
}

/** Resolves in the next frame; a hidden page has none, so there it resolves after a moment. */
export const nextFrame = () =>
  new Promise((resume) => (document.hidden ? setTimeout(resume, 100) : requestAnimationFrame(() => resume())));

/** Runs `draw` at most once in `pause` milliseconds, and once more after the last call. */
export function atMostEvery(pause, draw) {
  let timer = null;
  let last = -Infinity;
  return () => {
    if (timer !== null) return;
    timer = setTimeout(
      () => {
        timer = null;
        last = performance.now();
        draw();
      },
      Math.max(0, last + pause - performance.now()),
    );
  };
}

/** Sets custom properties of an element's style, which the security policy allows where a style attribute is refused. */
class Variables extends Directive {
  constructor(part) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error("variables() belongs inside an element's tag");
  }

  render() {}

  update({ element }, [values]) {
    for (const [name, value] of Object.entries(values)) element.style.setProperty(name, String(value));
  }
}

/** In a template, `<li ${variables({ "--score": 0.5 })}>` sets custom properties. */
export const variables = directive(Variables);

/** A name for the system's download dialog and a click on a link to the content. */
export function download(content, { name, type }) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const anchor = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  // The download has begun with the click; the address only has to outlive that.
  setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
}
