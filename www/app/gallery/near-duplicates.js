// Groups of images that are nearly the same, found by their embeddings.

import { inSlices } from "../core/scheduler.js";
import { cosine } from "../core/scores.js";

/** Images at least this similar are near-duplicates. */
const ALIKE = 0.96;
/** More than this would take too long; the rest is left out. */
const MOST = 4000;

/**
 * Groups near-duplicates: two images that are alike share a group, and so do those alike with either.
 * @param {import("../core/session.js").Item[]} items
 * @param {() => boolean} stale true stops the work
 * @returns {Promise<Map<import("../core/session.js").Item, number> | null>} group number by image, only for those in a
 *   group of several; null where it was stopped
 */
export async function groups(items, stale) {
  const embedded = items.filter(({ embedding }) => embedding).slice(0, MOST);
  const parents = embedded.map((_, i) => i);
  const root = (i) => {
    let at = i;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]];
      at = parents[at];
    }
    return at;
  };
  const compare = (i) => {
    for (let j = 0; j < i; j += 1) {
      if (root(i) !== root(j) && cosine(embedded[i].embedding, embedded[j].embedding) >= ALIKE)
        parents[root(i)] = root(j);
    }
  };
  if (!(await inSlices(embedded.keys(), compare, stale))) return null;
  const sizes = new Map();
  for (const i of parents.keys()) sizes.set(root(i), (sizes.get(root(i)) ?? 0) + 1);
  const numbers = new Map();
  const found = new Map();
  embedded.forEach((item, i) => {
    const group = root(i);
    if (sizes.get(group) < 2) return;
    if (!numbers.has(group)) numbers.set(group, numbers.size + 1);
    found.set(item, numbers.get(group));
  });
  return found;
}
