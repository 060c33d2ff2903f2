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

/** Number of things that were open when the present entry of the history was made. */
const depthNow = () => history.state?.layers ?? 0;

/**
 * Keeps the history in step with what is open.
 * @param {import("../app.js").App} app
 */
export function closeByBack(app) {
  const layers = layersOf(app);
  const open = () => layers.reduce((sum, layer) => sum + layer.open(), 0);
  /** Set while the browser goes back to the entry of what is still open, which it does later. */
  let going = false;

  const follow = () => {
    if (going) return;
    const count = open();
    for (let depth = depthNow(); depth < count; depth += 1) history.pushState({ layers: depth + 1 }, "");
    if (depthNow() > count) {
      going = true;
      history.go(count - depthNow());
    }
  };

  addEventListener("popstate", () => {
    if (going) {
      going = false;
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
  // A page that was loaded anew shows nothing of that, whatever its history says.
  follow();
}
