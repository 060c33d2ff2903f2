// Puts the page together: the app's models, and one element for each feature.

import "./core/trusted.js";
import { render } from "lit";
import { App } from "./app.js";
import "./camera/camera-view.js";
import { html, View } from "./core/view.js";
import "./detail/detail-dialog.js";
import "./export/export-dialog.js";
import "./export/shared-link.js";
import "./gallery/gallery-view.js";
import "./gallery/queue-bar.js";
import "./gallery/toolbar.js";
import "./input/input-panel.js";
import "./labels/labels-panel.js";
import "./map/map-view.js";
import "./model/model-dialog.js";
import "./model/model-status.js";
import "./notices/notices.js";
import "./overview/overview-view.js";
import "./selection/compare-dialog.js";
import "./selection/selection-bar.js";
import { closeByBack } from "./shell/back.js";
import { register } from "./shell/offline.js";
import { text } from "./strings/index.js";
import "./suggestions/suggestion-list.js";

Object.assign(document.documentElement, { lang: text.language, dir: text.direction });
document.title = text.title;

/** Words for screen readers alone, of what is seen elsewhere. */
class Announcer extends View {
  render() {
    return html`<p id="announcer" class="unseen" aria-live="polite">${this.app.spoken}</p>`;
  }
}
customElements.define("cl-announcer", Announcer);

const app = new App();
const page = html`
  <a class="skip" href="#pictures">${text.skip}</a>
  <header class="top">
    <h1><img src="icon.svg" alt="" width="28" height="28" />cliplet</h1>
    <p class="claim quiet">${text.claim}</p>
    <cl-model-status .app=${app}></cl-model-status>
  </header>
  <cl-model-progress .app=${app}></cl-model-progress>
  <cl-notices .app=${app}></cl-notices>
  <main>
    <cl-shared-link .app=${app}></cl-shared-link>
    <cl-input-panel .app=${app}></cl-input-panel>
    <cl-camera .app=${app}></cl-camera>
    <cl-labels-panel .app=${app}></cl-labels-panel>
    <cl-suggestions .app=${app}></cl-suggestions>
    <section class="pictures" id="pictures" aria-labelledby="pictures-heading" tabindex="-1">
      <cl-queue-bar .app=${app}></cl-queue-bar>
      <cl-toolbar .app=${app}></cl-toolbar>
      <cl-gallery .app=${app}></cl-gallery>
      <cl-overview .app=${app}></cl-overview>
      <cl-map .app=${app}></cl-map>
    </section>
    <cl-announcer .app=${app}></cl-announcer>
  </main>
  <footer class="quiet">
    <p>${text.limits} <button type="button" class="link" @click=${() => app.emit("about-model")}>${text.limitsMore}</button></p>
  </footer>
  <cl-selection-bar .app=${app}></cl-selection-bar>
  <cl-detail-dialog .app=${app}></cl-detail-dialog>
  <cl-export-dialog .app=${app}></cl-export-dialog>
  <cl-save-set-dialog .app=${app}></cl-save-set-dialog>
  <cl-compare-dialog .app=${app}></cl-compare-dialog>
  <cl-learn-dialog .app=${app}></cl-learn-dialog>
  <cl-url-dialog .app=${app}></cl-url-dialog>
  <cl-model-dialog .app=${app}></cl-model-dialog>`;
// In the place of what was there until the script ran.
document.body.replaceChildren();
render(page, document.body);
closeByBack(app);

app.model.load();
app.saved.restore();

/** True until the visitor presses a key or a pointer. */
let untouched = true;
for (const type of ["pointerdown", "keydown"])
  addEventListener(type, () => (untouched = false), { capture: true, once: true });
register(
  (apply) => {
    const run = () => {
      app.saved.leavingOnPurpose = true;
      apply();
    };
    app.notices.offer(text.updateReady, { label: text.reload, run });
  },
  () => untouched && app.session.items.size === 0,
);
