import type { Cliplet, ClipletError, ImageSource, Ranked } from "./index.js";

/**
 * `<cliplet-classifier>`: a place to drop, paste or choose a picture, with its labels ranked.
 *
 * Attributes: `labels` (separated by commas or line breaks), `template` (`"a photo of a {}"`), `model`
 * (as {@link Cliplet.load} takes it), `top-k`, `threads`. Parts to style: `drop`, `picture`, `button`,
 * `hint`, `state`, `ranks`; `--cliplet-accent` colours focus. The model is loaded with the first
 * picture. Elements that name the same model share one engine.
 */
export class ClipletClassifier extends HTMLElement {
  /** The element's words, to be replaced by those of another language before it is used. */
  static words: {
    choose: string;
    hint: string;
    loading: string;
    working: string;
    again: string;
    best: (label: string, share: string) => string;
  };
  /** Labels to rank; overrides the attribute until that changes. */
  labels: string[];
  /** The picture; setting one classifies it. */
  image: ImageSource | null;
  /** The engine, loaded on the first call. */
  load(): Promise<Cliplet>;
  /** Classifies a picture, shows it with its labels, and gives them, best first; empty after an error. */
  classify(image: ImageSource): Promise<Ranked[]>;
}

declare global {
  interface HTMLElementTagNameMap {
    "cliplet-classifier": ClipletClassifier;
  }
  interface HTMLElementEventMap {
    /** The labels, best first. */
    "cliplet-result": CustomEvent<Ranked[]>;
    /** What went wrong. */
    "cliplet-error": CustomEvent<ClipletError>;
  }
}
