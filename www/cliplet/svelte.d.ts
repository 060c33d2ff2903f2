// Template types of the element for Svelte: `import "cliplet/svelte"` once, or name it in "types" of tsconfig.json.

import type { HTMLAttributes } from "svelte/elements";
import type { ClipletClassifier } from "./element.js";
import type { ClipletClassifierAttributes } from "./jsx-attributes.js";

declare module "svelte/elements" {
  interface SvelteHTMLElements {
    "cliplet-classifier": HTMLAttributes<ClipletClassifier> & ClipletClassifierAttributes;
  }
}
