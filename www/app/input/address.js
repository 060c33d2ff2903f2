// An image by its address. Only what lies on this site or inside the address itself is taken: the page's security
// policy lets it talk to no other site, which keeps images private.

import { fileNameOf } from "../../cliplet/index.js";
import { text } from "../strings/index.js";

/** A data: address as a file; read here, since fetching one would need a looser policy. */
function inline(address) {
  const [, type, base64, data] = /^data:([^;,]*)[^,]*?(;base64)?,(.*)$/is.exec(address) ?? [];
  if (data === undefined) throw new Error(text.urlNotPicture("data:"));
  try {
    const plain = decodeURIComponent(data);
    return new Blob([base64 ? Uint8Array.from(atob(plain), (c) => c.charCodeAt(0)) : plain], { type });
  } catch {
    throw new Error(text.urlNotPicture("data:"));
  }
}

/**
 * Fetches the image at an address.
 * @param {string} address
 * @returns {Promise<{blob: Blob, name: string}>} rejects with a message for the person
 */
export async function imageAt(address) {
  if (/^data:/i.test(address)) return { blob: inline(address), name: text.pastedName };
  const url = URL.canParse?.(address, document.baseURI) === false ? null : new URL(address, document.baseURI);
  if (!url || url.origin !== location.origin) throw new Error(text.urlElsewhere(url?.host ?? address));
  const name = fileNameOf(url.href);
  const response = await fetch(url).catch(() => null);
  if (!response && !navigator.onLine) throw new Error(text.offline);
  if (!response?.ok) throw new Error(text.urlNotFound(name, response?.status));
  const blob = await response.blob();
  if (!blob.type.startsWith("image/")) throw new Error(text.urlNotPicture(name));
  return { blob, name };
}
