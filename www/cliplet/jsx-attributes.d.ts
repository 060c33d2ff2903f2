import type { ClipletClassifier } from "./element.js";

/** Attributes and properties of `<cliplet-classifier>` as JSX and templates take them. */
export interface ClipletClassifierAttributes {
  /** Labels to rank, separated by commas or line breaks. */
  labels?: string | readonly string[];
  /** The prompt, with `{}` in the label's place. */
  template?: string;
  /** The model's source; the small one that comes with the package unless set. */
  model?: ClipletClassifier["model"];
  /** The count of labels shown. */
  "top-k"?: number | string;
  topK?: number;
  threads?: number | string;
  "base-url"?: string;
  baseUrl?: string;
  /** The picture; null clears it. */
  image?: ClipletClassifier["image"];
}
