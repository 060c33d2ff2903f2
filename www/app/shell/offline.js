// Registers the service worker: the page works without a network after one visit, and becomes
// cross-origin isolated on hosts that set no headers (threads need it).

import "../core/trusted.js";
import { simdKind } from "../../cliplet/index.js";

const RELOADED = "cliplet-reloaded-for-isolation";

/**
 * @param {(apply: () => void) => void} onUpdate called when a new version waits to take over
 * @param {() => boolean} idle whether nothing would be lost if the page were loaded anew
 */
export async function register(onUpdate, idle) {
  if (!("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  let updating = false;
  let controlled = Boolean(serviceWorker.controller);
  serviceWorker.addEventListener("controllerchange", () => {
    if (updating) location.reload();
    else if (!controlled) isolate(idle);
    // Another tab took the new version: this one is of the old, and says so rather than mix the two.
    else onUpdate(() => location.reload());
    controlled = true;
  });
  try {
    const registration = await serviceWorker.register(`sw.js?kind=${simdKind()}`, { updateViaCache: "none" });
    const offer = () => {
      const { active, waiting } = registration;
      // On a first visit, some browsers still name the worker as waiting while it takes over.
      if (active && waiting && active !== waiting && waiting.state === "installed") {
        onUpdate(() => {
          updating = true;
          waiting.postMessage("activate");
        });
      }
    };
    registration.addEventListener("updatefound", () => {
      registration.installing?.addEventListener("statechange", offer);
    });
    offer();
    if (serviceWorker.controller) isolate(idle);
  } catch {
    // Private modes refuse service workers; the page then works as long as the network does.
  }
}

/** Reloads once through the service worker, which adds the isolation headers; who is at work has them at the next visit. */
function isolate(idle) {
  if (globalThis.crossOriginIsolated !== false || sessionStorage.getItem(RELOADED) || !idle()) return;
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
}
