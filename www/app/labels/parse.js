// Label lists as people have them: typed with commas, one a line, or a column of a CSV file.

/** Splits delimited text into rows of fields; double quotes protect separators, line breaks and, doubled, quotes. */
export function rows(text, separator = ",") {
  const all = [[]];
  let field = "";
  let quoted = false;
  const close = () => {
    all.at(-1).push(field);
    field = "";
  };
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i];
    if (quoted) {
      if (character !== '"') field += character;
      else if (text[i + 1] === '"') {
        field += '"';
        i += 1;
      } else quoted = false;
    } else if (character === '"' && field.trim() === "") {
      field = "";
      quoted = true;
    } else if (character === separator) close();
    else if (character === "\n" || character === "\r") {
      if (character === "\r" && text[i + 1] === "\n") i += 1;
      close();
      all.push([]);
    } else field += character;
  }
  close();
  return all;
}

const tidy = (labels) => [...new Set(labels.map((label) => label.trim()).filter(Boolean))];

/** Labels from text as typed or pasted: separated by commas or line breaks, trimmed, each once. */
export const parse = (text) => tidy(rows(text).flat());

/** Labels as text that {@link parse} reads back, one a line. */
export const write = (labels) =>
  labels.map((label) => (/[",\n\r]/.test(label) ? `"${label.replaceAll('"', '""')}"` : label)).join("\n");

/** Column headings that mean labels. */
const HEADING = /^(label|labels|class|classes|name|class name|class_name|category|tag)$/i;

/** The most likely separator of a CSV file: the one of its first line. */
const separatorOf = (text) => [";", "\t", ","].find((mark) => text.split(/[\r\n]/, 1)[0].includes(mark)) ?? ",";

/** The one column of a table that holds labels: the one so called, else the first. */
function column(table) {
  const [first] = table;
  const found = first.findIndex((heading) => HEADING.test(heading.trim()));
  return (found >= 0 ? table.slice(1) : table).map((row) => row[Math.max(0, found)] ?? "");
}

/** Control characters and bytes that are not UTF-8: a file with these is no text, but an image chosen by mistake. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const NOT_TEXT = /[\0-\x08\uFFFD]/;

/** Labels of a file: lines of text, a CSV column, or a JSON list of texts. */
export async function fromFile(file) {
  const content = (await file.text()).replace(/^\uFEFF/, "");
  if (NOT_TEXT.test(content)) return [];
  if (/\.json$/i.test(file.name)) {
    const list = JSON.parse(content);
    return Array.isArray(list) && list.every((label) => typeof label === "string") ? tidy(list) : [];
  }
  if (!/\.(csv|tsv)$/i.test(file.name)) return parse(content);
  const table = rows(content, separatorOf(content)).filter((row) => row.some((field) => field.trim()));
  // One line of many is a list, not a table with headings only.
  if (table.length === 1) return tidy(table[0]);
  return table.length ? tidy(column(table)) : [];
}
