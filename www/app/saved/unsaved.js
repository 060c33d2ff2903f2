// Remembers the names of pictures that were not saved when the page was left, so that the next visit can say which to add
// again. Several tabs add to one list.

import { recall, remember } from "../core/storage.js";

const UNSAVED = "unsaved";
/** Names that are remembered; beyond that only their number. */
const MOST_NAMES = 20;

/** @typedef {{ names: string[], count: number }} Unsaved */

/** @param {unknown} value @returns {Unsaved} */
function valid(value) {
  const { names, count } = Object(value);
  const sound = Array.isArray(names) && names.every((name) => typeof name === "string") && Number.isSafeInteger(count);
  return sound ? { names: names.slice(0, MOST_NAMES), count: Math.max(count, names.length) } : { names: [], count: 0 };
}

/** Adds names to those of other tabs. @param {string[]} names */
export function rememberUnsaved(names) {
  if (names.length === 0) return;
  const before = valid(recall(UNSAVED, null));
  remember(UNSAVED, {
    names: [...before.names, ...names].slice(0, MOST_NAMES),
    count: before.count + names.length,
  });
}

/** The names, which are forgotten with that. @returns {Unsaved} */
export function takeUnsaved() {
  const found = valid(recall(UNSAVED, null));
  if (found.count > 0) remember(UNSAVED, null);
  return found;
}
