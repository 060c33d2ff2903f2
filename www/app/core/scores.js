// Ranks labels from stored embeddings, so that changed labels never need the image again. As in CLIP's notebook, a
// logit is the cosine times the model's scale, and a share is the softmax of the logits. Models that judge each label
// alone, such as SigLIP, add a bias to the logit, whose sigmoid stands for the share.
// https://github.com/openai/CLIP/blob/main/notebooks/Prompt_Engineering_for_ImageNet.ipynb

/** Scaled to length one; a zero vector stays as it is. */
export function unit(x) {
  const norm = Math.sqrt(cosine(x, x));
  return norm > 0 ? x.map((value) => value / norm) : x;
}

/** Cosine of two unit vectors, the second one starting at `from`. */
export function cosine(a, b, from = 0) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i] * b[from + i];
  return sum;
}

/** The mean of vectors of one length, not normalized. */
export function mean(vectors) {
  const sum = new Float32Array(vectors[0].length);
  for (const vector of vectors) for (let i = 0; i < sum.length; i += 1) sum[i] += vector[i] / vectors.length;
  return sum;
}

/** Unit embeddings one after another in one array, for speed. */
export class Matrix {
  /** @param {Float32Array[]} rows */
  constructor(rows) {
    this.count = rows.length;
    this.width = rows[0]?.length ?? 0;
    this.values = new Float32Array(this.count * this.width);
    for (const [i, row] of rows.entries()) this.values.set(row, i * this.width);
  }

  /** Cosines of a unit vector with every row. */
  cosines(vector) {
    return Float32Array.from({ length: this.count }, (_, row) => cosine(vector, this.values, row * this.width));
  }
}

/**
 * A label's result for an image.
 * @typedef {{index: number, cosine: number, share: number}} Ranked `index` of the label; `share` is its probability
 *   among the labels, or how well it matches in a model that judges each alone.
 *
 * The model's way from cosines to scores, as its info has it.
 * @typedef {{logit_scale: number, logit_bias?: number, score_rule?: string}} Scorer
 */

/**
 * Ranks labels by their cosines, best first; ties keep the labels' order.
 * @param {ArrayLike<number>} cosines one a label
 * @param {Scorer} scorer the model's
 * @param {number} [limit] number of results wanted
 * @returns {Ranked[]}
 */
export function rank(cosines, { logit_scale: scale, logit_bias: bias = 0, score_rule }, limit = cosines.length) {
  const best = [];
  let highest = -Infinity;
  for (const value of cosines) highest = Math.max(highest, value);
  let sum = 0;
  for (let index = 0; index < cosines.length; index += 1) {
    sum += Math.exp(scale * (cosines[index] - highest));
    if (limit < cosines.length) insert(best, index, cosines, limit);
  }
  const order = limit < cosines.length ? best : [...cosines.keys()].sort((a, b) => cosines[b] - cosines[a]);
  const share =
    score_rule === "sigmoid"
      ? (value) => 1 / (1 + Math.exp(-(scale * value + bias)))
      : (value) => Math.exp(scale * (value - highest)) / sum;
  return order.map((index) => ({ index, cosine: cosines[index], share: share(cosines[index]) }));
}

/** Puts `index` into the sorted `best`, which never holds more than `limit`. */
function insert(best, index, cosines, limit) {
  let place = best.length;
  while (place > 0 && cosines[best[place - 1]] < cosines[index]) place -= 1;
  if (place >= limit) return;
  best.splice(place, 0, index);
  if (best.length > limit) best.pop();
}
