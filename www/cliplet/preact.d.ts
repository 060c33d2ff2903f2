// JSX types of the element for Preact: `import "cliplet/preact"` once, or name it in "types" of tsconfig.json.

import type { JSX } from "preact";
import type { ClipletClassifier } from "./element.js";
import type { ClipletClassifierAttributes } from "./jsx-attributes.js";

declare module "preact" {
  namespace JSX {
    interface IntrinsicElements {
      "cliplet-classifier": Omit<JSX.HTMLAttributes<ClipletClassifier>, keyof ClipletClassifierAttributes> &
        ClipletClassifierAttributes;
    }
  }
}
