// A picture's address. Only what lies on this site or inside the address itself is taken: the page's
// security policy lets it talk to no other site, which is what keeps pictures private.

import { nameOf } from "../../cliplet/download.js";
import { text } from "../strings.js";

/** A data: address as a file; read here, since fetching one would need a looser policy. */
function inline(address) {
  const [, type, base64, data] = /^data:([^;,]*)[^,]*?(;base64)?,(.*)$/is.exec(address) ?? [];
  if (data === undefined) throw new Error(text.addressNotPicture("data:"));
  try {
    const plain = decodeURIComponent(data);
    return new Blob([base64 ? Uint8Array.from(atob(plain), (c) => c.charCodeAt(0)) : plain], { type });
  } catch {
    throw new Error(text.addressNotPicture("data:"));
  }
}

/**
 * The picture at an address.
 * @param {string} address
 * @returns {Promise<{blob: Blob, name: string}>} rejects with a message for the person
 */
export async function pictureAt(address) {
  if (/^data:/i.test(address)) return { blob: inline(address), name: text.pastedName };
  const url = URL.canParse?.(address, document.baseURI) === false ? null : new URL(address, document.baseURI);
  if (!url || url.origin !== location.origin) throw new Error(text.addressElsewhere(url?.host ?? address));
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new Error(text.addressNotFound(nameOf(url.href), response?.status));
  const blob = await response.blob();
  if (!blob.type.startsWith("image/")) throw new Error(text.addressNotPicture(nameOf(url.href)));
  return { blob, name: nameOf(url.href) };
}
