import type { ClipletClassifier } from "./element.js";
import type { ClipletError } from "./errors.js";
import type { Ranked } from "./types.js";

declare global {
  interface HTMLElementTagNameMap {
    "cliplet-classifier": ClipletClassifier;
  }
  interface HTMLElementEventMap {
    /** The labels, best first. */
    "cliplet-result": CustomEvent<Ranked[]>;
    /** The failure of a picture or of the model. */
    "cliplet-error": CustomEvent<ClipletError>;
    /** Bytes of the model that have arrived. */
    "cliplet-progress": CustomEvent<{ loaded: number; total: number | null }>;
  }
}
