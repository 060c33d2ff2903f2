// The choice to keep original files on this device, beside small copies and results.

import { html, View } from "../core/view.js";
import { text } from "../strings/index.js";

export class SavedSettings extends View {
  render() {
    const { saved } = this.app;
    return html`<div class="field" ?hidden=${!saved.available}>
      <label class="check"><input type="checkbox" id="keep-originals" aria-describedby="keep-originals-help" .checked=${saved.keepOriginals}
        @change=${({ target }) => saved.setKeepOriginals(target.checked)} /> <span>${text.keepOriginals}</span></label>
      <p id="keep-originals-help" class="quiet">${text.keepOriginalsHelp}</p>
    </div>`;
  }
}
customElements.define("cl-saved-settings", SavedSettings);
