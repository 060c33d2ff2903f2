// The base of every element of the page: drawn in the light DOM, at most once a frame, whenever the app says that
// something changed. A view reads the app's models and draws them; it keeps no copy of what they know.

import { LitElement } from "lit";
import { nextFrame } from "./dom.js";
import { pressing } from "./pressing.js";

export { html, nothing } from "lit";

export class View extends LitElement {
  static properties = { app: { attribute: false } };

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.app.addEventListener("draw", () => this.requestUpdate());
  }

  async scheduleUpdate() {
    do await nextFrame();
    while (pressing());
    super.scheduleUpdate();
  }

  /** A part of this view by its selector. */
  part(selector) {
    return this.querySelector(selector);
  }

  /** Draws at once, for what a person is about to go on with. */
  drawNow() {
    this.requestUpdate();
    this.performUpdate();
  }

  /** Draws at once and gives the focus to a part of this view. */
  focusPart(selector) {
    this.drawNow();
    this.part(selector)?.focus();
  }

  /** Draws; an element that had the focus and was moved keeps it. */
  update(changed) {
    const focused = this.contains(document.activeElement) ? document.activeElement : null;
    super.update(changed);
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }
}
