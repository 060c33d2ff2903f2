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
  /** What a cosine of picture and text is multiplied by to make a logit: 100 for OpenAI's models. */
  logit_scale: number;
  /** The WebAssembly module in use: `relaxed-threads`, `relaxed`, `simd-threads` or `simd`. */
  variant: "relaxed-threads" | "relaxed" | "simd-threads" | "simd";
  /** Threads in use. */
  threads: number;
  /** The kernels in use. */
  backend: string;
  /** Memory of the WebAssembly instance in bytes; it never shrinks, so this is its peak. */
  memory: number;
  /** Bytes of the model file. */
  bytes: number;
  /** Checksum of the model file; `cliplet info` tells the same. */
  checksum: string | null;
  /** What loads this model again. */
  source: string;
  /** Whether it is kept on this device, so that loading it again needs no network. */
  kept: boolean;
  /** Why it could not be kept: no room, or no storage. */
  keepProblem: "full" | "unavailable" | null;
  /** Prompts embedded since the model was loaded: each (template, label) pair counts once. */
  embeddedPrompts: number;
  [more: string]: unknown;
}

/**
 * What a model is loaded from: the address of a model file (GGUF, from `cliplet convert`), relative to
 * the page; `hf:owner/name` or `hf:owner/name@revision`, a repository of the Hugging Face Hub; the `id`
 * of a {@link KeptModel}; a local model file; or the files of a snapshot chosen together
 * (`.safetensors`, `config.json`, `tokenizer.json`, `preprocessor_config.json`).
 */
export type ModelSource = string | URL | Blob | FileList | Blob[];

/** How weights in floating point are stored: 8 bits, or 4 for half the size at some loss. */
export type Quantization = "q8" | "q4";

/** A model that is kept on this device, whole or in part. */
export interface KeptModel {
  /** Loads or forgets it. */
  id: string;
  name: string;
  /** What it was loaded from. */
  source: string;
  /** Whether all of it is here; one that is not goes on where it stopped when loaded from its source. */
  complete: boolean;
  /** Size in bytes; 0 where it is not complete. */
  bytes: number;
  quantization?: string;
  checksum?: string | null;
  origin?: string | null;
  licence?: string | null;
  /** When it was kept, as an ISO date. */
  saved: string;
}

/** What loading a source would mean. */
export interface Inspection {
  name: string;
  source: string;
  /** Whether it is kept already. */
  kept: boolean;
  /** Bytes to be fetched, where the server says. */
  download: number | null;
  /** Bytes of the model once loaded and kept. */
  bytes: number | null;
  quantization: string | null;
}

export interface LoadOptions {
  /** How weights of a snapshot are quantized while they arrive. Default `"q8"`. */
  quant?: Quantization;
  /** Whether to keep the model on this device. Default true. */
  keep?: boolean;
  /** Address of another Hub than huggingface.co. */
  hub?: string;
  /** Called as the model arrives; `total` is null where the server does not say. Bytes. */
  onProgress?: (progress: { loaded: number; total: number | null }) => void;
  /** Threads to use where the page is cross-origin isolated: at most as many as the processor has. Default: those, at most 8. */
  threads?: number;
  /** Forces one WebAssembly module instead of the best that the browser can run. For tests. */
  variant?: Info["variant"];
  /** Cancels the load. */
  signal?: AbortSignal;
}

/** `code` says what went wrong: `image`, `model`, `unsupported`, `tokenizer`, `input`, `network`,
 * `cancelled`, `disposed`, `compute`, `io`, `changed` (the file on the server is another now) or `engine`. */
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
   * Loads a model. What comes over a network is kept in the browser's storage, and a download that
   * broke off is gone on with.
   */
  static load(source?: ModelSource, options?: LoadOptions): Promise<Cliplet>;
  /** Tells what loading would fetch and keep, without doing so. */
  static inspect(
    source: ModelSource,
    options?: Pick<LoadOptions, "quant" | "hub" | "signal">,
  ): Promise<Inspection>;
  /** Models kept on this device, the latest first. */
  static kept(): Promise<KeptModel[]>;
  /** Deletes a kept model, by its `id`. */
  static forget(id: string): Promise<void>;
  /** Loads another model in place; on failure the present one stays. */
  replace(source: ModelSource, options?: LoadOptions): Promise<this>;
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
  /**
   * Unit vectors of labels, in their order: of each the mean over all templates. They are remembered, and
   * kept on this device for the next visit, by model and templates.
   */
  embedLabels(
    labels: string | string[],
    options?: { template?: string; templates?: string[]; onProgress?: (progress: { done: number; total: number }) => void; signal?: AbortSignal },
  ): Promise<Float32Array[]>;
  /** Stops the worker and frees its memory. */
  dispose(): void;
}
