// The two directions in which embeddings differ most: principal components, by power iteration on the
// centered vectors without ever making the covariance matrix.

import { inSlices } from "../core/scheduler.js";
import { cosine as dot, unit } from "../core/scores.js";

/** Enough that more turns change nothing one sees. */
const TURNS = 24;

/**
 * Coordinates of vectors along their first two principal components.
 * @param {Float32Array[]} vectors
 * @param {() => boolean} stale true stops the work
 * @returns {Promise<[number, number][] | null>} null where it was stopped
 */
export async function plane(vectors, stale) {
  const width = vectors[0].length;
  const mean = new Float32Array(width);
  for (const vector of vectors) for (let i = 0; i < width; i += 1) mean[i] += vector[i] / vectors.length;
  const axes = [];
  for (let axis = 0; axis < 2; axis += 1) {
    // Any start does that is not by accident at right angles to the axis; this one is the same every time.
    let direction = unit(Float32Array.from({ length: width }, (_, i) => Math.sin(1 + i * (axis + 1))));
    for (let turn = 0; turn < TURNS; turn += 1) {
      const next = new Float32Array(width);
      const add = (vector) => {
        const along = dot(direction, vector) - dot(direction, mean);
        for (let i = 0; i < width; i += 1) next[i] += along * (vector[i] - mean[i]);
      };
      if (!(await inSlices(vectors, add, stale))) return null;
      for (const found of axes) {
        const along = dot(found, next);
        for (let i = 0; i < width; i += 1) next[i] -= along * found[i];
      }
      direction = unit(next);
    }
    axes.push(direction);
  }
  return vectors.map((vector) => axes.map((axis) => dot(axis, vector) - dot(axis, mean)));
}
