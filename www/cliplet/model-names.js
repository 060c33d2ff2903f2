// Names by which people know CLIP models, beside their ids on the Hugging Face Hub.

/** OpenAI's vision transformers, by the names that OpenAI's and open_clip's own loaders take. @type {Record<string, string>} */
const OPENAI = {
  "vit-b-32": "clip-vit-base-patch32",
  "vit-b-16": "clip-vit-base-patch16",
  "vit-l-14": "clip-vit-large-patch14",
  "vit-l-14-336": "clip-vit-large-patch14-336",
};

/** Names whose owner on the Hub is known. @type {[RegExp, string][]} */
const OWNERS = [
  [/^clip-vit-(base|large)-patch\d+(-336)?$/i, "openai"],
  [/^CLIP-ViT-[A-Za-z]+-\d+-.+/, "laion"],
  [/^siglip2?-.+/i, "google"],
  [/^MobileCLIP2?-.+/i, "apple"],
];

/**
 * The Hub id that a name without an owner stands for, such as `clip-vit-base-patch32` or `ViT-B/32`; undefined of others.
 * @param {string} name
 * @returns {string | undefined}
 */
export function hubIdOf(name) {
  const plain = name
    .toLowerCase()
    .replace(/^openai[\s/]+(?=(clip\s|vit-[bl]\/))/, "")
    .replace(/^clip\s+/, "")
    .replace(/[\s/_]+/g, "-")
    .replace(/@336(px)?$|-336px$/, "-336");
  if (Object.hasOwn(OPENAI, plain)) return `openai/${OPENAI[plain]}`;
  const owner = OWNERS.find(([pattern]) => pattern.test(name))?.[1];
  if (!owner) return undefined;
  return owner === "openai" ? `openai/${name.toLowerCase()}` : `${owner}/${name}`;
}
