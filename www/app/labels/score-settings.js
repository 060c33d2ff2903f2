// Display of scores: as shares or as raw similarities, how many labels on a card, and below what the best label is no
// good match.

import { TOPS } from "../core/query.js";
import { html, nothing, View } from "../core/view.js";
import { number, text } from "../strings/index.js";

/** Initial positions of the slider when a visitor turns on a threshold of their own. */
const START = { share: 0.5, match: 0.1, cosine: 0.2 };

export class ScoreSettings extends View {
  render() {
    const { query } = this.app;
    const { score, noMatch, top } = query.settings;
    const alone = this.app.classifier.judgesAlone;
    const share = alone ? text.scoreMatch : text.scoreShare;
    const radio = (value, name) => html`
      <input type="radio" name="score" id=${`score-${value}`} .checked=${score === value} @change=${() => query.change({ score: value })} />
      <label for=${`score-${value}`}>${name}</label>`;
    return html`
      <fieldset class="field">
        <legend>${text.scoreName}</legend>
        <div class="segments">${radio("share", alone ? text.scoreMatchName : text.scoreShareName)}${radio("cosine", text.scoreCosineName)}</div>
        <p id="score-help" class="quiet">${score === "share" ? share : text.scoreCosine}</p>
      </fieldset>
      <div class="field inline">
        <label for="top">${text.topName}</label>
        <select id="top" .value=${String(top)} @change=${({ target }) => query.change({ top: Number(target.value) })}>
          ${TOPS.map((count) => html`<option value=${count} ?selected=${count === top}>${text.top(count)}</option>`)}
        </select>
      </div>
      <div class="field">
        <label class="check"><input id="no-match" type="checkbox" .checked=${noMatch} @change=${({ target }) => query.change({ noMatch: target.checked })} />
          <span>${text.noMatchSetting}</span></label>
        ${noMatch ? this.#threshold() : nothing}
      </div>`;
  }

  #threshold() {
    const { query, classifier } = this.app;
    const { score, limits } = query.settings;
    const { scale } = classifier;
    const own = limits[scale] !== undefined;
    const value = limits[scale] ?? START[scale];
    const words = number(value, score, true);
    const change = ({ target }) => query.change({ limits: { ...limits, [scale]: Number(target.value) } });
    return html`<div class="threshold">
      <label for="threshold" class="quiet">${own ? text.noMatchOwn : text.noMatchAuto}</label>
      <input id="threshold" type="range" min="0" max="1" step="0.01" .value=${String(value)} aria-valuetext=${own ? words : text.noMatchAuto} @input=${change} />
      <span class="number">${own ? words : ""}</span>
      <button type="button" id="threshold-reset" class="link" ?hidden=${!own} @click=${() => this.#reset()}>${text.noMatchReset}</button>
    </div>`;
  }

  #reset() {
    const { query, classifier } = this.app;
    const { [classifier.scale]: _, ...limits } = query.settings.limits;
    query.change({ limits });
    this.part("#threshold").focus();
  }
}
customElements.define("cl-score-settings", ScoreSettings);
