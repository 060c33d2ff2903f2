// The compiler leaves the comments of `@overload` out of its declarations; this puts them back, so that editors show them.

const COMMENT = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*(?:(?:static|async|export|function)\s+)*([\w$]+)?/g;

/**
 * Comments of overloads in a source, by the name that is overloaded and in their order.
 * @param {string} source
 * @returns {Map<string, string[]>}
 */
function overloadComments(source) {
  const found = new Map();
  let open = [];
  for (const [text, name] of source.matchAll(COMMENT)) {
    if (/\*\s*@overload\b/.test(text)) open.push(text.trimEnd().replace(/\n\s*\*\s*@overload\b.*/, ""));
    else if (open.length > 0 && name) {
      found.set(name, open);
      open = [];
    }
  }
  return found;
}

/**
 * Declarations with the comments that their source gives to overloads.
 * @param {string} declarations
 * @param {string} source
 * @returns {string}
 */
export function withOverloadComments(declarations, source) {
  let whole = declarations;
  for (const [name, comments] of overloadComments(source)) {
    const missing = comments.values();
    whole = whole.replace(new RegExp(`^( *)(?=(?:static |export declare function )?${name}\\()`, "gm"), (indent) => {
      const { value } = missing.next();
      if (!value) throw new Error(`${name} has more declarations than comments of overloads`);
      return `${value.replace(/\n\s*/g, `\n${indent} `).replace(/^/, indent)}\n${indent}`;
    });
    if (!missing.next().done) throw new Error(`${name} has more comments of overloads than declarations`);
  }
  return whole;
}
