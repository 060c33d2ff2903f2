// The page's words in the browser's language, and numbers as they are written in it. Each language is one file with
// the same keys; en.js is the reference.

const LANGUAGES = ["en", "de"];

/** The first of the browser's languages that there are words for; ?lang=de asks for one. */
function choose() {
  const asked = new URLSearchParams(location.search).get("lang");
  const wanted = [asked, ...navigator.languages].filter(Boolean).map((tag) => tag.toLowerCase().split("-")[0]);
  return wanted.find((tag) => LANGUAGES.includes(tag)) ?? LANGUAGES[0];
}

// By the page's own address, so that the build leaves each language a file of its own.
const { text } = await import(new URL(`app/strings/${choose()}.js`, document.baseURI).href);

export { text };

const fixed = (value, digits) =>
  value.toLocaleString(text.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

const units = ["B", "kB", "MB", "GB"];

/** Bytes in words. */
export function size(bytes) {
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${fixed(bytes / 1000 ** power, power > 1 ? 1 : 0)} ${units[power]}`;
}

/** A probability as a percentage that never claims certainty. */
function percent(score) {
  const value = score * 100;
  if (value > 99.9 && value < 100) return `${fixed(99.9, 1)} %`;
  return value < 0.1 ? `< ${fixed(0.1, 1)} %` : `${fixed(value, 1)} %`;
}

/**
 * A score as it is shown.
 * @param {number} value
 * @param {"share" | "cosine"} score a probability, or a cosine
 * @param {boolean} [round] for limits and axes
 */
export function number(value, score, round = false) {
  if (score === "cosine") return fixed(value, round ? 2 : 3);
  return round ? `${Math.round(value * 100)} %` : percent(value);
}
