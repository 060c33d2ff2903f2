/** What a picture may be. A `Float32Array` is an embedding that {@link Cliplet.embedImage} gave. */
export type ImageSource =
  | Blob
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement;

/** One label's place in a picture's answer. */
export interface Ranked {
  /** The label as given. */
  label: string;
  /** Probability among the labels: softmax of the logits. */
  score: number;
  /** Cosine of picture and label times the model's logit scale. */
  logit: number;
}

/** What is loaded and how it runs. */
export interface Info {
  /** Name of the model. */
  name: string;
  /** Length of an embedding: 512 for ViT-B/32. */
  dimension: number;
  /** `"f32"`, `"f16"`, `"q8"` or `"q4"`. */
  quantization: string;
  /** Side of the square picture that the model sees, in pixels. */
  image_size: number;
  /** The WebAssembly module in use: `relaxed-threads`, `relaxed`, `simd-threads` or `simd`. */
  variant: "relaxed-threads" | "relaxed" | "simd-threads" | "simd";
  /** Threads in use. */
  threads: number;
  /** The kernels in use. */
  backend: string;
  /** Memory of the WebAssembly instance in bytes; it never shrinks, so this is its peak. */
  memory: number;
  /** Prompts embedded since the model was loaded: each (template, label) pair counts once. */
  embeddedPrompts: number;
  [more: string]: unknown;
}

export interface LoadOptions {
  /** Called as the model arrives; `total` is null where the server does not say. Bytes. */
  onProgress?: (progress: { loaded: number; total: number | null }) => void;
  /** Threads to use where the page is cross-origin isolated. Default: the processor's, at most 8. */
  threads?: number;
  /** Forces one WebAssembly module instead of the best that the browser can run. For tests. */
  variant?: Info["variant"];
  /** Cancels the load. */
  signal?: AbortSignal;
}

/** `code` says what went wrong: `image`, `model`, `unsupported`, `tokenizer`, `input`, `network`,
 * `cancelled`, `disposed`, `compute`, `io` or `engine`. */
export class ClipletError extends Error {
  readonly code: string;
}

/** Address of the small demonstration model that comes with the package. */
export const DEFAULT_MODEL: string;
/** `"a photo of a {}"`. */
export const DEFAULT_TEMPLATE: string;

/** A CLIP model running in a worker of this page. */
export class Cliplet {
  /**
   * Loads a model file (GGUF, from `cliplet convert`) from an address, relative to the page, or a
   * local file. An address is fetched once and kept in the browser's cache.
   */
  static load(source?: string | URL | Blob, options?: LoadOptions): Promise<Cliplet>;
  /** Loads another model in place; on failure the present one stays. */
  replace(source: string | URL | Blob, options?: LoadOptions): Promise<this>;
  /** What is loaded. */
  readonly info: Info;
  /** {@link info}, read again: `embeddedPrompts` changes. */
  refreshInfo(): Promise<Info>;
  /** Ranks labels for a picture, best first. Prompts are embedded once and remembered. */
  classify(
    image: ImageSource | Float32Array,
    labels: string | string[],
    options?: { template?: string; templates?: string[]; topK?: number; signal?: AbortSignal },
  ): Promise<Ranked[]>;
  /** Embedding of one picture, or of several at once; not of unit length unless asked. */
  embedImage(image: ImageSource, options?: { normalize?: boolean; signal?: AbortSignal }): Promise<Float32Array>;
  embedImage(images: ImageSource[], options?: { normalize?: boolean; signal?: AbortSignal }): Promise<Float32Array[]>;
  /** Embedding of one text, or of several; not of unit length unless asked. */
  embedText(text: string, options?: { normalize?: boolean; signal?: AbortSignal }): Promise<Float32Array>;
  embedText(texts: string[], options?: { normalize?: boolean; signal?: AbortSignal }): Promise<Float32Array[]>;
  /** Stops the worker and frees its memory. */
  dispose(): void;
}
