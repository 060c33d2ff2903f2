// Many pictures at a glance: how many each label got, how often the model agrees with labels given by hand, confusions,
// and how certain the answers are. Every bar and cell shows its pictures when pressed.

import { repeat } from "lit/directives/repeat.js";
import { variables } from "../core/dom.js";
import { html, nothing, View } from "../core/view.js";
import { number, text } from "../strings/index.js";

/** Labels announced one by one; nobody would listen to more. */
const LABELS_SHOWN = 30;
const CELLS_SHOWN = 12;
const BINS = 10;

export class OverviewView extends View {
  #rows = null;

  render() {
    const visible = this.app.gallery.view === "overview";
    const items = visible ? this.app.session.list.filter(({ ranked }) => ranked?.length) : [];
    return html`<div id="view-overview" class="overview" role="tabpanel" aria-labelledby="tab-overview" ?hidden=${!visible}>
      ${items.length ? html`<div id="overview-parts">${this.#counts(items)}${this.#histogram(items)}${this.#confusions(items)}</div>` : html`<p id="overview-empty" class="nothing">${text.overviewEmpty}</p>`}
    </div>`;
  }

  #best(item) {
    return this.app.classifier.labelOf(item) ?? text.noMatch;
  }

  /** The model's own best label, whatever was labeled by hand. */
  #models(item) {
    const verdict = this.app.classifier.verdict(item);
    return verdict ? item.labels[verdict.index] : text.noMatch;
  }

  #pick(words, has) {
    this.app.emit("pick", { words, has: (item) => item.ranked?.length > 0 && has(item) });
  }

  #counts(items) {
    const counts = tally(items.map((item) => this.#best(item)));
    const most = counts[0][1];
    const rest = counts.length - LABELS_SHOWN;
    const { right, all } = this.app.selection.accuracy();
    const row = ([label, count]) => html`<li>
      <button type="button" class="count" ${variables({ "--score": count / most })} @click=${() => this.#pick(text.bestIs(label), (item) => this.#best(item) === label)}>
        <span class="label" dir="auto">${label}</span><span class="score">${text.countOf(count, items.length)}</span>
      </button>
    </li>`;
    return html`<section aria-labelledby="counts-heading">
      <h3 id="counts-heading">${text.countsHeading}</h3>
      <ol id="counts" class="counts">${repeat(counts.slice(0, LABELS_SHOWN), ([label]) => label, row)}</ol>
      <p id="counts-rest" class="quiet">${rest > 0 ? text.moreBars(rest) : ""}</p>
      <h3>${text.accuracyHeading}</h3>
      <p id="accuracy" class="quiet">${all ? text.accuracy(right, all) : text.accuracyNone}</p>
    </section>`;
  }

  #histogram(items) {
    const { classifier, query } = this.app;
    const { score } = query.settings;
    const value = ({ ranked }) => classifier.value(ranked[0]);
    const values = items.map(value);
    const [low, high] = score === "share" ? [0, 1] : [Math.min(...values), Math.max(...values)];
    const width = (high - low) / BINS || 1;
    const bin = (item) => Math.min(BINS - 1, Math.floor((value(item) - low) / width));
    const counts = Array(BINS).fill(0);
    for (const item of items) counts[bin(item)] += 1;
    const most = Math.max(...counts);
    const bar = (count, i) => {
      const [from, to] = [low + i * width, low + (i + 1) * width].map((edge) => number(edge, score, true));
      const words = text.bin(from, to, count);
      return html`<li><button type="button" title=${words} aria-label=${words} ?disabled=${count === 0} ${variables({ "--share": count / most })}
        @click=${() => this.#pick(words, (item) => bin(item) === i)}><span class="fill"></span><span class="edge">${from}</span></button></li>`;
    };
    return html`<section aria-labelledby="histogram-heading">
      <h3 id="histogram-heading">${text.histogramHeading}</h3>
      <p class="quiet">${text.histogramText}</p>
      <ol id="histogram" class="histogram">${counts.map(bar)}</ol>
    </section>`;
  }

  /** Kinds of rows that these images allow, each with its words and what it sets against what. */
  #kinds(items) {
    const second = ({ ranked, labels }) => (ranked[1] ? labels[ranked[1].index] : "–");
    const best = (item) => this.#models(item);
    const kinds = {};
    if (items.some(({ corrected }) => corrected)) {
      kinds.hand = {
        name: text.matrixByHand,
        help: text.matrixHand,
        of: items.filter(({ corrected }) => corrected),
        row: ({ corrected }) => corrected,
        column: best,
      };
    }
    if (new Set(items.map(folder)).size > 1)
      kinds.folder = { name: text.matrixByFolder, help: text.matrixFolders, of: items, row: folder, column: best };
    kinds.label = { name: text.matrixByLabel, help: text.matrixLabels, of: items, row: best, column: second };
    return kinds;
  }

  #setRows(rows) {
    this.#rows = rows;
    this.requestUpdate();
  }

  /** Rows are folders or labels by hand, where there are some, or best labels; columns best labels or runners-up. */
  #confusions(items) {
    const kinds = this.#kinds(items);
    const chosen = kinds[this.#rows] ? this.#rows : Object.keys(kinds)[0];
    const { help, of, row, column } = kinds[chosen];
    const rows = tally(of.map(row))
      .slice(0, CELLS_SHOWN)
      .map(([name]) => name);
    const columns = tally(of.map(column))
      .slice(0, CELLS_SHOWN)
      .map(([name]) => name);
    const counts = new Map(tally(of.map((item) => JSON.stringify([row(item), column(item)]))));
    const most = Math.max(...counts.values());
    const cell = (name, other) => {
      const count = counts.get(JSON.stringify([name, other])) ?? 0;
      if (count === 0) return html`<td>·</td>`;
      const words = text.cell(name, other, count);
      return html`<td><button type="button" title=${words} aria-label=${words} ${variables({ "--share": count / most })}
        @click=${() => this.#pick(words, (item) => (chosen !== "hand" || item.corrected) && row(item) === name && column(item) === other)}>${count}</button></td>`;
    };
    const select = html`<div class="field inline">
      <label for="matrix-rows">${text.matrixRows}</label>
      <select id="matrix-rows" @change=${({ target }) => this.#setRows(target.value)}>
        ${Object.entries(kinds).map(([key, { name }]) => html`<option value=${key} ?selected=${key === chosen}>${name}</option>`)}
      </select>
    </div>`;
    return html`<section aria-labelledby="matrix-heading">
      <h3 id="matrix-heading">${text.matrixHeading}</h3>
      ${Object.keys(kinds).length > 1 ? select : nothing}
      <p id="matrix-text" class="quiet">${help}</p>
      <div class="scroll" tabindex="0" role="group" aria-labelledby="matrix-heading">
        <table id="matrix" class="matrix">
          <thead><tr><td></td>${columns.map((name) => html`<th scope="col" dir="auto"><span title=${name}>${name}</span></th>`)}</tr></thead>
          <tbody>${rows.map((name) => html`<tr><th scope="row" dir="auto"><span title=${name}>${name}</span></th>${columns.map((other) => cell(name, other))}</tr>`)}</tbody>
        </table>
      </div>
    </section>`;
  }
}
customElements.define("cl-overview", OverviewView);

/** The folder that holds an image, or "" without one. */
const folder = ({ path }) => path.split("/").slice(-2, -1)[0] ?? "";

/** Values with their counts, most frequent first. */
function tally(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
