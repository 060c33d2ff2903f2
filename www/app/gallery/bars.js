// A bar plot of an image's labels: a bar and a number each.

import { variables } from "../core/dom.js";
import { html } from "../core/view.js";
import { number } from "../strings/index.js";

/**
 * Rows of a bar plot, for a list with the class "ranks".
 * @param {import("../core/scores.js").Ranked[]} ranked best first
 * @param {string[]} labels
 * @param {import("../core/query.js").Scale} scale meaning of the bars' values
 */
export function bars(ranked, labels, scale) {
  const score = scale === "cosine" ? "cosine" : "share";
  // A full bar is certainty, or the highest similarity.
  const full = score === "share" ? 1 : Math.max(1e-6, ranked[0]?.cosine ?? 1);
  return ranked.map(
    (one) => html`<li ${variables({ "--score": Math.min(1, Math.max(0, one[score] / full)) })}>
      <span class="label" dir="auto" title=${labels[one.index]}>${labels[one.index]}</span><span class="score">${saysNothing(scale, labels) ? "" : number(one[score], score)}</span>
    </li>`,
  );
}

/** True where a number says nothing: of a single label the share is always all. */
export const saysNothing = (scale, labels) => scale === "share" && labels.length < 2;
