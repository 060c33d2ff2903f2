// Labels as keywords in XMP sidecar files, which photo managers read: one file beside each image, all in one zip.
// https://developer.adobe.com/xmp/docs/XMPNamespaces/dc/

import { strToU8, zipSync } from "fflate";

const MARKS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
// Characters that XML has no way to write are left out.
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g;
const escapeXml = (value) => value.replace(UNWRITABLE, "").replace(/[&<>"]/g, (mark) => MARKS[mark]);

const sidecar = (keywords) => `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:subject>
    <rdf:Bag>${keywords.map((word) => `\n     <rdf:li>${escapeXml(word)}</rdf:li>`).join("")}
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;

/**
 * Zips a sidecar file for each image that has keywords: "beach.jpg" gets "beach.xmp", and its raw or edited twins of
 * that name share it.
 * @param {{path: string, keywords: string[]}[]} rows
 * @returns {Blob}
 */
export function sidecars(rows) {
  const keywords = new Map();
  for (const row of rows.filter((one) => one.keywords.length)) {
    const name = row.path.replace(/\.[^./]+$/, "");
    keywords.set(`${name}.xmp`, [...new Set([...(keywords.get(`${name}.xmp`) ?? []), ...row.keywords])]);
  }
  const files = Object.fromEntries([...keywords].map(([name, words]) => [name, strToU8(sidecar(words))]));
  return new Blob([zipSync(files)], { type: "application/zip" });
}
