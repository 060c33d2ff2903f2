// Results as one HTML file with thumbnails, to be sent or printed.

import { number, text } from "../strings/index.js";

const MARKS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escapeHtml = (value) => String(value).replace(/[&<>"']/g, (mark) => MARKS[mark]);

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;margin:2rem;color-scheme:light dark}
ul{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:1rem;padding:0;list-style:none}
li{border:1px solid #8888;border-radius:8px;padding:.5rem;break-inside:avoid}
img{width:100%;aspect-ratio:4/3;object-fit:contain}h2{font-size:1rem;margin:.25rem 0;overflow-wrap:anywhere}
ol{margin:0;padding-inline-start:1.5rem;font-size:.875rem}p{margin:0;font-size:.875rem;overflow-wrap:anywhere}`;

/** Labels listed of each image. */
const LISTED = 5;

const dataUrl = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/**
 * Writes a report.
 * @param {{path: string, best: string, ranked: import("../core/scores.js").Ranked[], thumbnail: Blob | null}[]} rows `ranked`
 *   in the labels' order
 * @param {string[]} labels
 * @param {"share" | "cosine"} score
 * @returns {Promise<Blob>}
 */
export async function report(rows, labels, score) {
  const parts = [];
  for (const { path, best, ranked, thumbnail } of rows) {
    const image = thumbnail ? `<img alt="" src="${await dataUrl(thumbnail)}">` : "";
    const top = [...ranked].sort((a, b) => b.cosine - a.cosine).slice(0, LISTED);
    const items = top
      .map((one) => `<li>${escapeHtml(labels[one.index])} · ${escapeHtml(number(one[score], score))}</li>`)
      .join("");
    parts.push(
      `<li>${image}<h2 dir="auto">${escapeHtml(best)}</h2><p dir="auto">${escapeHtml(path)}</p><ol>${items}</ol></li>\n`,
    );
  }
  const head = `<!doctype html><html lang="${text.language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(text.reportTitle)}</title><style>${STYLE}</style><h1>${escapeHtml(text.reportTitle)}</h1><ul>\n`;
  return new Blob([head, ...parts, "</ul></html>\n"], { type: "text/html" });
}
