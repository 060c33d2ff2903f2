// How answers are shown: as probabilities or as raw similarities, how many labels on a card, and below what
// the best label is no answer.

import { $, make, setText } from "../dom.js";
import { TOPS } from "../question.js";
import { number, text } from "../strings.js";

export class Scores {
  #question;

  /** @param {import("../question.js").Question} question */
  constructor(question) {
    this.#question = question;
    const { top, none } = question.asked;
    $("top").replaceChildren(...TOPS.map((count) => make("option", { value: count, selected: count === top }, text.top(count))));
    $("top").addEventListener("change", () => question.change({ top: Number($("top").value) }));
    for (const score of ["share", "cosine"]) {
      $(`score-${score}`).checked = question.asked.score === score;
      $(`score-${score}`).addEventListener("change", () => question.change({ score }));
    }
    $("none").checked = none;
    $("none").addEventListener("change", () => question.change({ none: $("none").checked }));
    $("least").addEventListener("input", () => {
      const { score, least } = question.asked;
      question.change({ least: { ...least, [score]: Number($("least").value) } });
    });
    question.addEventListener("shown", () => this.#draw());
    this.#draw();
  }

  #draw() {
    const { score, none, least } = this.#question.asked;
    $("least-field").hidden = !none;
    $("least").value = String(least[score]);
    const words = number(least[score], score, true);
    $("least").setAttribute("aria-valuetext", words);
    setText($("least-value"), words);
    setText($("score-help"), score === "share" ? text.scoreShare : text.scoreCosine);
  }
}
