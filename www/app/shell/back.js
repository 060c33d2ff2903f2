// The browser's Back closes what is on top, as on a phone: a dialog or the opened picture, then the selection, the search,
// the camera. Each thing that is open has an entry of its own in the browser's history.

/**
 * A thing that Back closes.
 * @typedef {{ open: () => number, close: () => void }} Layer `open` counts how many of its kind are open
 */

const dialogs = () => [...document.querySelectorAll("dialog[open]")];

/** Everything that Back closes, the topmost first. @param {import("../app.js").App} app @returns {Layer[]} */
const layersOf = (app) => [
  { open: () => dialogs().length, close: () => dialogs().at(-1)?.close() },
  { open: () => Number(app.selection.size > 0), close: () => app.selection.clear() },
  { open: () => Number(app.gallery.reference !== null), close: () => app.search.end() },
  {
    open: () => Number(app.gallery.filter.kind === "custom"),
    close: () => app.gallery.show({ filter: { kind: "all" } }),
  },
  { open: () => Number(app.cameraOn), close: () => app.emit("camera-stop") },
];

/** The browser answers `history.go` within this time, in milliseconds, or not at all. */
const ANSWERED_WITHIN = 5000;

/** Number of things that were open when the present entry of the history was made; undefined of entries of others. */
const depthNow = () => history.state?.layers;

/**
 * Changes the history. Browsers refuse that to a page that does it very often, such as while a key is held down: some by
 * an error, others without a word.
 * @param {() => void} change
 * @returns {boolean} false where it was refused by an error
 */
function attempt(change) {
  try {
    change();
    return true;
  } catch {
    return false;
  }
}

/**
 * Keeps the history in step with what is open.
 * @param {import("../app.js").App} app
 */
export function closeByBack(app) {
  const layers = layersOf(app);
  const open = () => layers.reduce((sum, layer) => sum + layer.open(), 0);
  /** Set while the browser goes back to the entry of what is still open, which it does later. */
  let going = 0;

  /** Makes the present entry that of what is open. */
  const mark = (count) => attempt(() => history.replaceState({ layers: count }, ""));

  const follow = () => {
    if (going) return;
    const count = open();
    for (let depth = depthNow(); depth < count; depth += 1) attempt(() => history.pushState({ layers: depth + 1 }, ""));
    if (depthNow() <= count) return;
    const refused = () => {
      clearTimeout(going);
      going = 0;
      mark(open());
    };
    going = setTimeout(refused, ANSWERED_WITHIN);
    if (!attempt(() => history.go(count - depthNow()))) refused();
  };

  addEventListener("popstate", () => {
    // The visitor followed a link within the page, or changed the part of the address behind #: nothing is closed.
    if (depthNow() === undefined) return mark(open());
    if (going) {
      clearTimeout(going);
      going = 0;
      return follow();
    }
    for (let left = open() - depthNow(); left > 0; left -= 1) layers.find((layer) => layer.open() > 0)?.close();
    follow();
  });
  new MutationObserver((changes) => changes.some(({ target }) => target.nodeName === "DIALOG") && follow()).observe(
    document.body,
    { subtree: true, attributeFilter: ["open"] },
  );
  app.addEventListener("draw", follow);
  if (depthNow() === undefined) mark(0);
  // A page that was loaded anew shows nothing of that, whatever its history says.
  follow();
}
