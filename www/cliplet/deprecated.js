// Names of earlier versions, which still work and say once what to write instead.

/** @type {Set<string>} */
const told = new Set();

/**
 * Warns on the console, once for each name.
 * @param {string} name
 * @param {string} instead
 */
export function deprecated(name, instead) {
  if (told.has(name)) return;
  told.add(name);
  console.warn(`cliplet: ${name} is deprecated; use ${instead}`);
}

/**
 * Adds properties of earlier names to an object; they are not enumerated.
 * @template {object} T
 * @param {T} object
 * @param {Record<string, string>} names earlier name to present one
 * @param {string} owner for the notice
 * @returns {T}
 */
export function withDeprecated(object, names, owner) {
  for (const [before, now] of Object.entries(names)) {
    Object.defineProperty(object, before, {
      configurable: true,
      get() {
        deprecated(`${owner}.${before}`, `${owner}.${now}`);
        return /** @type {Record<string, unknown>} */ (this)[now];
      },
    });
  }
  return object;
}
