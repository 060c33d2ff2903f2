// The base of every element of the page: drawn in the light DOM, at most once a frame, whenever the app says that
// something changed. A view reads the app's models and draws them; it keeps no copy of what they know.

import { LitElement } from "lit";
import { nextFrame } from "./dom.js";

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
    await nextFrame();
    super.scheduleUpdate();
  }

  /** A part of this view by its selector. */
  part(selector) {
    return this.querySelector(selector);
  }

  /** Draws, waits until that is done, and gives the focus to a part of this view. */
  async focusPart(selector) {
    this.requestUpdate();
    await this.updateComplete;
    this.part(selector)?.focus();
  }
}
