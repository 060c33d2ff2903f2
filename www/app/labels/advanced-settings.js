// Settings that most people leave alone, folded away: prompt templates, scores and thresholds.

import { recall, remember } from "../core/storage.js";
import { html, View } from "../core/view.js";
import { text } from "../strings/index.js";
import "../saved/saved-settings.js";
import "./score-settings.js";
import "./template-settings.js";

const REMEMBERED = "advanced";

export class AdvancedSettings extends View {
  #open = recall(REMEMBERED, false) === true;

  render() {
    return html`<details id="advanced" class="advanced" ?open=${this.#open} @toggle=${({ target }) => target.id === "advanced" && remember(REMEMBERED, target.open)}>
      <summary>${text.advanced}</summary>
      <div class="advanced-parts">
        <cl-template-settings .app=${this.app}></cl-template-settings>
        <cl-score-settings .app=${this.app}></cl-score-settings>
        <cl-saved-settings .app=${this.app}></cl-saved-settings>
      </div>
    </details>`;
  }
}
customElements.define("cl-advanced-settings", AdvancedSettings);
