// Template types of the element for Vue: `import "cliplet/vue"` once, or name it in "types" of tsconfig.json.

import type { DefineComponent } from "vue";
import type { ClipletClassifierAttributes } from "./jsx-attributes.js";

declare module "vue" {
  interface GlobalComponents {
    "cliplet-classifier": DefineComponent<ClipletClassifierAttributes>;
  }
}
