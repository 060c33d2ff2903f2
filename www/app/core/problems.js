// Messages of errors as people read them.

/** A message that ends as a sentence does. */
export const sentence = (message) => (/[.!?)]$/.test(message) ? message : `${message}.`);

/**
 * The error of an image whose name stands beside it: its message without that name.
 * @param {{ code?: string, message: string, item?: string | null }} error
 * @returns {{ code?: string, message: string }}
 */
export function withoutName({ code, message, item }) {
  const rest = item && message.startsWith(`${item}: `) ? message.slice(item.length + 2) : message;
  const bare = rest.replace(/^image: /, "");
  return { code, message: bare.charAt(0).toUpperCase() + bare.slice(1) };
}
