// JSX types of the element for React: `import "cliplet/react"` once, or name it in "types" of tsconfig.json.

import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { ClipletClassifier } from "./element.js";
import type { ClipletClassifierAttributes } from "./jsx-attributes.js";

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "cliplet-classifier": DetailedHTMLProps<HTMLAttributes<ClipletClassifier>, ClipletClassifier> &
        ClipletClassifierAttributes;
    }
  }
}
