// Many pictures at a glance: how many each label got, what is mistaken for what, how sure the answers are.
// Every bar and cell shows its pictures when pressed.

import { $, keepingFocus, make, setText } from "../dom.js";
import { number, text } from "../strings.js";

/** Labels told one by one; the rest would not be read. */
const LABELS_SHOWN = 30;
const CELLS_SHOWN = 12;
const BINS = 10;

export class Overview {
  #context;

  /** @param {object} context `session`, `question` and `pick(words, has)`, which shows the pictures that `has` picks */
  constructor(context) {
    this.#context = context;
    $("matrix-rows").addEventListener("change", () => this.draw());
  }

  draw() {
    const pictures = [...this.#context.session.pictures.values()].filter(({ ranks }) => ranks?.length);
    $("overview-empty").hidden = pictures.length > 0;
    $("overview-parts").hidden = pictures.length === 0;
    if (pictures.length === 0) return;
    keepingFocus($("overview-parts"), () => {
      this.#counts(pictures);
      this.#matrix(pictures);
      this.#histogram(pictures);
    });
  }

  #best(picture) {
    return this.#context.question.best(picture) ?? text.noneOfThese;
  }

  #counts(pictures) {
    const counts = tally(pictures.map((picture) => this.#best(picture)));
    const most = counts[0][1];
    const rows = counts.slice(0, LABELS_SHOWN).map(([label, count]) => {
      const has = (picture) => picture.ranks?.length > 0 && this.#best(picture) === label;
      const button = make(
        "button.count",
        { type: "button", "data-key": `count ${label}` },
        make("span.label", { dir: "auto" }, label),
        make("span.score", {}, text.countOf(count, pictures.length)),
      );
      button.style.setProperty("--score", String(count / most));
      button.addEventListener("click", () => this.#context.pick(text.bestIs(label), has));
      return make("li", {}, button);
    });
    $("counts").replaceChildren(...rows);
    const rest = counts.length - LABELS_SHOWN;
    setText($("counts-rest"), rest > 0 ? text.moreBars(rest) : "");
  }

  /** Rows are folders, where there are some, or best labels; columns best labels or runners-up. */
  #matrix(pictures) {
    const folders = new Set(pictures.map(folder)).size > 1;
    $("matrix-choice").hidden = !folders;
    const byFolder = folders && $("matrix-rows").value === "folder";
    const second = ({ ranks, labels }) => (ranks[1] ? labels[ranks[1].index] : "–");
    const row = byFolder ? folder : (picture) => this.#best(picture);
    const column = byFolder ? (picture) => this.#best(picture) : second;
    setText($("matrix-text"), byFolder ? text.matrixFolders : text.matrixLabels);
    const rows = tally(pictures.map(row)).slice(0, CELLS_SHOWN).map(([name]) => name);
    const columns = tally(pictures.map(column)).slice(0, CELLS_SHOWN).map(([name]) => name);
    const counts = new Map(tally(pictures.map((picture) => JSON.stringify([row(picture), column(picture)]))));
    const most = Math.max(...counts.values());
    const head = make("tr", {}, make("td", {}), ...columns.map((name) => make("th", { scope: "col", dir: "auto" }, make("span", { title: name }, name))));
    const body = rows.map((name) => {
      const cells = columns.map((other) => this.#cell([name, other], [row, column], counts, most));
      return make("tr", {}, make("th", { scope: "row", dir: "auto" }, make("span", { title: name }, name)), ...cells);
    });
    $("matrix").replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
  }

  #cell([name, other], [row, column], counts, most) {
    const count = counts.get(JSON.stringify([name, other])) ?? 0;
    if (count === 0) return make("td", {}, "·");
    const words = text.cell(name, other, count);
    const button = make("button", { type: "button", title: words, "aria-label": words, "data-key": JSON.stringify([name, other]) }, String(count));
    button.style.setProperty("--share", String(count / most));
    const has = (picture) => picture.ranks?.length > 0 && row(picture) === name && column(picture) === other;
    button.addEventListener("click", () => this.#context.pick(words, has));
    return make("td", {}, button);
  }

  #histogram(pictures) {
    const { question, pick } = this.#context;
    const { score } = question.asked;
    const values = pictures.map(({ ranks }) => question.value(ranks[0]));
    const [low, high] = score === "share" ? [0, 1] : [Math.min(...values), Math.max(...values)];
    const width = (high - low) / BINS || 1;
    const bin = (picture) => Math.min(BINS - 1, Math.floor((question.value(picture.ranks[0]) - low) / width));
    const counts = Array(BINS).fill(0);
    for (const picture of pictures) counts[bin(picture)] += 1;
    const most = Math.max(...counts);
    const bars = counts.map((count, i) => {
      const [from, to] = [low + i * width, low + (i + 1) * width].map((value) => number(value, score, true));
      const words = text.bin(from, to, count);
      const named = { type: "button", title: words, "aria-label": words, "data-key": `bin ${i}`, disabled: count === 0 };
      const button = make("button", named, make("span.fill"), make("span.edge", {}, from));
      button.style.setProperty("--share", String(count / most));
      button.addEventListener("click", () => pick(words, (picture) => picture.ranks?.length > 0 && bin(picture) === i));
      return make("li", {}, button);
    });
    $("histogram").replaceChildren(...bars);
  }
}

/** The folder that holds a picture, or "" without one. */
const folder = ({ path }) => path.split("/").slice(-2, -1)[0] ?? "";

/** How often each value occurs, most frequent first. */
function tally(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
