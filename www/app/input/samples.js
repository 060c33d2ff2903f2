// Sample photos, for someone who has none at hand. Their sources and licenses are in samples/README.md.

import { text } from "../strings/index.js";
import { imageAt } from "./address.js";

const FILES = ["cat", "coffee", "flower", "temple", "rocket", "astronaut"];

/** Who took the photos, and their licenses. */
export const CREDITS =
  "Stéfan van der Walt, Rachel Michetti, SpaceX, NASA (public domain, CC0); danielbuechele, vultilion (CC BY 2.0)";

/** Names and addresses of the samples. */
export const SAMPLES = FILES.map((name) => ({
  name: text.sampleNames[name],
  file: `${name}.jpg`,
  address: new URL(`samples/${name}.jpg`, document.baseURI).href,
}));

/** Fetches a sample as a file; rejects with a message for the person. */
export async function sampleFile({ file, address }) {
  const { blob } = await imageAt(address);
  return new File([blob], file, { type: "image/jpeg", lastModified: 1 });
}
