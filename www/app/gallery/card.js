// One image's card: thumbnail, name, ranked labels with bars or suggested tags, or what went wrong.

import { withoutName } from "../core/problems.js";
import { html, nothing } from "../core/view.js";
import { number, text } from "../strings/index.js";
import { bars } from "./bars.js";

const states = {
  queued: (ready) => (ready ? text.queued : text.waiting),
  working: () => text.working,
  stopped: () => text.stopped,
};

/** Takes the place of a picture that cannot be shown: a frame with hills, torn. */
export const NO_PREVIEW = html`<div class="no-preview" aria-hidden="true">
  <svg viewBox="0 0 48 40" width="48" height="40" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" stroke-linecap="round">
    <path d="M27 3H6a3 3 0 0 0-3 3v28a3 3 0 0 0 3 3h15M33 3h9a3 3 0 0 1 3 3v28a3 3 0 0 1-3 3H27" />
    <path d="M30 1l-6 12 5 7-6 9 3 10M5 31l10-11 5 5M31 25l4-4 8 8" />
    <circle cx="13" cy="12" r="3" />
  </svg>
</div>`;
/** Suggested tags on a card without labels. */
const TAGS = 4;
/** Fewest bars that a card has room for; a message takes the place of one. */
export const LEAST_BARS = 3;

function stateOf({ state, error, labels, tags }, { session, suggestions }) {
  if (state === "failed") return text.problem(withoutName(error));
  if (state !== "done") return states[state](session.ready);
  if (labels?.length || tags?.length) return "";
  return suggestions.pending ? text.suggesting : text.noLabels;
}

/** Everyday words that fit an image, each a button that makes it a label. */
export const tagButtons = (
  { tags, sure },
  limit,
  tabIndex,
) => html`${sure ? nothing : html`<p class="guess quiet">${text.guess}</p>`}<ul class="tags" role="list" aria-label=${text.tagsOf}>
  ${tags.slice(0, limit).map(({ word }) => html`<li><button type="button" class="tag" tabindex=${tabIndex} title=${text.useTag(word)} data-act="tag" data-word=${word}>${word}</button></li>`)}
</ul>`;

/**
 * A card's template.
 * @param {import("../app.js").App} app
 * @param {import("../core/session.js").Item} item
 * @param {{at: number, of: number, active: boolean}} place its place in the list, and whether Tab reaches it
 */
export function card(app, item, { at, of, active }) {
  const { top } = app.query.settings;
  const { state } = item;
  const noMatch = item.ranked?.length > 0 && !item.corrected && app.classifier.isNoMatch(item);
  const room = noMatch || item.corrected ? Math.max(LEAST_BARS, top) - 1 : top;
  const ranked = state === "failed" ? [] : (item.ranked?.slice(0, Math.min(top, room)) ?? []);
  const similarity = app.gallery.similarity(item);
  const group = app.gallery.groupOf(item);
  const url = app.thumbnails.url(item);
  const tab = active ? 0 : -1;
  const selected = app.selection.has(item);
  const words = stateOf(item, app);
  const untagged = state === "done" && ranked.length === 0 && item.tags?.length;
  return html`<li class="card ${noMatch ? "unmatched" : ""} ${selected ? "selected" : ""}"
    data-item=${item.id} data-state=${state} aria-busy=${state === "working"} aria-posinset=${at + 1} aria-setsize=${of}>
    <button type="button" class="open" data-act="open" tabindex=${tab} aria-label=${text.openPicture(item.name)}>
      <figure>
        <img src=${url ?? nothing} alt="" decoding="async" ?hidden=${url === null} />
        ${url === null ? NO_PREVIEW : nothing}
        <figcaption dir="auto" title=${item.path}>${item.name}</figcaption>
      </figure>
    </button>
    <input type="checkbox" class="select" data-act="select" tabindex=${tab} .checked=${selected} aria-label=${text.select(item.name)} />
    <p class="similarity" ?hidden=${similarity === null && group === null}>${similarity !== null ? text.similarity(number(similarity, "cosine")) : group !== null ? text.nearDuplicateGroup(group) : ""}</p>
    <p class="state" ?hidden=${!words}>${words}</p>
    ${item.corrected ? html`<p class="corrected" title=${text.correctedTo(item.corrected)} dir="auto">✓ ${item.corrected}</p>` : nothing}
    ${noMatch ? html`<p class="no-match" title=${text.noMatchWhy}>${text.noMatch}</p>` : nothing}
    <ol class="ranks">${bars(ranked, item.labels ?? [], app.classifier.scale)}</ol>
    ${untagged ? tagButtons(item, TAGS, tab) : nothing}
    <div class="card-foot">
      <button type="button" class="similar small" data-act="similar" tabindex=${tab} ?hidden=${!item.embedding} aria-label=${text.findSimilar(item.name)}>${text.findSimilarShort}</button>
      <button type="button" class="retry small" data-act="retry" tabindex=${tab} ?hidden=${!["failed", "stopped"].includes(state)} aria-label=${text.retryPicture(item.name)}>${text.retry}</button>
    </div>
    <button type="button" class="remove plain" data-act="remove" tabindex=${tab} aria-label=${text.remove(item.name)} title=${text.remove(item.name)}>×</button>
  </li>`;
}

/** A card nobody sees, as high as cards are, from which the height of rows is measured. */
export const probe = (rows) => html`<div class="card-probe">
  <figure><img alt="" /><figcaption>x</figcaption></figure>
  <ol class="ranks">${Array.from({ length: rows }, () => html`<li><span class="label">x</span><span class="score">0</span></li>`)}</ol>
  <div class="card-foot"></div>
</div>`;
