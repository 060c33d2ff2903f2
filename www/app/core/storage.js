// Small settings that the page remembers between visits, in local storage. Private modes refuse it and it can be
// full; the page then works all the same.

const PREFIX = "cliplet-";

/** The remembered value, or `otherwise`. */
export function recall(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Calls `changed` whenever another tab remembers something else by that name. */
export function followed(name, changed) {
  addEventListener("storage", ({ key }) => key === PREFIX + name && changed());
}

/** Remembers a value; false where the browser refuses. */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
