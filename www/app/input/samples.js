// Sample photos, for someone who has none at hand. Their sources and licenses are in samples/README.md.

const FILES = ["cat", "coffee", "flower", "temple", "rocket", "astronaut"];

/** Credits for the photos whose license asks for them. */
export const CREDITS =
  "Stéfan van der Walt, Rachel Michetti, SpaceX, NASA (public domain, CC0); danielbuechele, vultilion (CC BY 2.0)";

/** Names and addresses of the samples. */
export const SAMPLES = FILES.map((name) => ({
  name,
  file: `${name}.jpg`,
  address: new URL(`samples/${name}.jpg`, document.baseURI).href,
}));

/** Fetches a sample as a file. */
export async function sampleFile({ file, address }) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  return new File([await response.blob()], file, { type: "image/jpeg", lastModified: 1 });
}
