// A picture's bar plot: labels with a bar and a number each.

import { make } from "../dom.js";
import { number, text } from "../strings.js";

/**
 * Rows of a bar plot.
 * @param {import("../scores.js").Place[]} places best first
 * @param {string[]} labels
 * @param {"share" | "cosine"} score what the bars show
 * @param {boolean} rejected whether the best is too unlikely to be an answer
 * @param {number} full what fills a bar: 1 for probabilities, the highest similarity for similarities
 */
export function bars(places, labels, score, rejected, full) {
  const items = places.map((place) => {
    const item = make(
      "li",
      {},
      make("span.label", { dir: "auto", title: labels[place.index] }, labels[place.index]),
      make("span.score", {}, number(place[score], score)),
    );
    item.style.setProperty("--score", String(Math.min(1, Math.max(0, place[score] / full))));
    return item;
  });
  if (rejected) items.unshift(make("li.none", {}, make("span.label", {}, text.noneOfThese)));
  return items;
}

/** What fills a bar. */
export const fullOf = (places, score) => (score === "share" ? 1 : Math.max(1e-6, places[0]?.cosine ?? 1));
