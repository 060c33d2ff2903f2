// Chooses among the words that fit an image best those that are worth showing.

/** The least part of the best word's lead over the average word at which another word is shown beside it. */
const BESIDE = 0.8;
/**
 * The best word of an image must lie this many standard deviations above the average one for the model to be sure. Of the
 * included model's best words on three hundred photos, most below it were wrong and most above it were right.
 */
const SURE = 4.9;

/** @typedef {{ word: string, cosine: number, share: number }} Tag */

const headOf = (word) => word.split(" ").at(-1);

/**
 * Leaves out what an earlier word makes useless: of "tabby cat", "black cat" and "cat" it gives the first and the last,
 * since a cat has one color.
 * @param {Tag[]} tags best first
 * @returns {Tag[]}
 */
export function distinct(tags) {
  const heads = new Set();
  return tags.filter(({ word }) => {
    const head = headOf(word);
    if (head === word) return true;
    if (heads.has(head)) return false;
    heads.add(head);
    return true;
  });
}

/**
 * The tags of an image: if the model is sure, those about as good as the best; else all, as guesses.
 * @param {Tag[]} tags best first
 * @param {{ mean: number, deviation: number }} background cosines of the image with all words
 * @param {boolean} calibrated whether `SURE` holds for the model; one of another scale is believed
 * @returns {{ tags: Tag[], sure: boolean }}
 */
export function fitting(tags, { mean, deviation }, calibrated) {
  const [best] = tags;
  const sure = Boolean(best) && (!calibrated || best.cosine >= mean + SURE * deviation);
  const shown = sure ? tags.filter(({ cosine }) => cosine - mean >= BESIDE * (best.cosine - mean)) : tags;
  return { tags: distinct(shown), sure };
}
