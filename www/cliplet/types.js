// Types of what the package takes and gives. They are checked against the code, and index.d.ts is made of them.

/**
 * An image: a file or its bytes, the address of one (fetched by the page), pixels, or something drawn on the page.
 * @typedef {Blob | ArrayBuffer | ArrayBufferView | string | URL | ImageData | ImageBitmap | VideoFrame
 *   | HTMLImageElement | SVGImageElement | HTMLCanvasElement | OffscreenCanvas | HTMLVideoElement} ImageSource
 */

/**
 * One label's place in an image's answer.
 * @typedef {object} Ranked
 * @property {string} label as given
 * @property {number} score probability among the labels: softmax of the logits; of a model that judges each label alone,
 *   how well it matches: sigmoid of its logit
 * @property {number} logit cosine of image and label times the model's logit scale, plus its bias where it has one
 */

/** @typedef {"relaxed-threads" | "relaxed" | "simd-threads" | "simd"} Variant one of the four WebAssembly modules */

/**
 * The loaded model and how it runs.
 * @typedef {object} Info
 * @property {string} name of the model
 * @property {number} dimension length of an embedding: 512 for ViT-B/32
 * @property {"f32" | "f16" | "q8" | "q4" | (string & {})} quantization
 * @property {string} [family] kind of model: `clip` or `siglip`
 * @property {number | null} image_size side of the square image that the model sees, in pixels; of one that keeps proportions, of a square of as many patches; null for texts alone
 * @property {"softmax" | "sigmoid"} [score_rule] how logits become scores: shares of all labels, or each label judged alone
 * @property {number} logit_scale factor from the cosine of image and text to a logit: 100 for OpenAI's models
 * @property {number} [logit_bias] added to that; 0 where scores are shares
 * @property {number | null} [no_match_threshold] cosine below which the best label is no match, where the model was calibrated
 * @property {string[]} [languages] of texts, where the model card names them
 * @property {string[]} [warnings] defaults that stand in for files that the model lacks, a sentence each
 * @property {Variant} variant the WebAssembly module in use
 * @property {number} threads in use
 * @property {string} backend the kernels in use
 * @property {number} memory of the WebAssembly instance in bytes; it never shrinks, so this is its peak
 * @property {number} bytes of the model file
 * @property {string | null} checksum of the model file; `cliplet info` prints the same
 * @property {string} source loads this model again
 * @property {boolean} outdated whether the server has another version than the cached copy in use; it is fetched for the next load
 * @property {boolean} cached whether the model is cached on this device, so that loading it again needs no network
 * @property {"full" | "unavailable" | null} cacheError why it could not be cached: no room, or no storage
 * @property {number} embeddedPrompts prompts embedded since the model was loaded: each (template, label) pair counts once
 * @property {number} restarts how often the engine stopped and was started again
 */

/**
 * A model's source: the address of a model file (GGUF, made by `cliplet convert`), relative to the page; a repository of
 * the Hugging Face Hub as `hf:owner/name`, `hf:owner/name@revision`, `owner/name`, its full address, or a well-known name
 * such as `ViT-B/32`; a text tower with the CLIP that gives its image tower, as `owner/text+owner/clip`; the `id` of a
 * {@link CachedModel}; a local model file; or the files of a snapshot chosen together (weights as `.safetensors` or `.bin`,
 * whole or in shards, `config.json`, the files of the tokenizer, `preprocessor_config.json`).
 * @typedef {string | URL | Blob | FileList | readonly Blob[]} ModelSource
 */

/** @typedef {"q8" | "q4"} Quantization bits of a stored weight: 8, or 4 for half the size at some loss */

/**
 * A model that is cached on this device, whole or in part.
 * @typedef {object} CachedModel
 * @property {string} id loads or deletes it
 * @property {string} name
 * @property {string} source loads it from where it came
 * @property {boolean} complete whether all of it is here; a part is completed when it is loaded from its source
 * @property {number} bytes 0 where it is not complete
 * @property {string} [quantization]
 * @property {string | null} [checksum]
 * @property {string | null} [origin]
 * @property {string | null} [licence]
 * @property {number} [parameters]
 * @property {boolean} [joined] whether it is stored as one file, which loads fastest
 * @property {string} saved when it was cached, as an ISO date
 */

/**
 * The effect that loading a source would have.
 * @typedef {object} Inspection
 * @property {string} name
 * @property {string} source
 * @property {boolean} cached whether it is cached already
 * @property {number | null} download bytes to be fetched, where the server says
 * @property {number | null} bytes of the model once loaded and cached
 * @property {string | null} quantization
 */

/**
 * Addresses of the package's files, for pages whose bundler does not find them or that load the package from another site.
 * @typedef {object} HostOptions
 * @property {string | URL} [baseUrl] address of a folder with the package's files: `worker.js`, `hub.js`, `wasm/`, `models/`
 * @property {string | URL} [workerUrl] address of `worker.js` alone, where it is elsewhere
 */

/**
 * @typedef {object} OperationOptions
 * @property {AbortSignal} [signal] cancels the call; its reason becomes the error's `cause`
 */

/** @typedef {{ done: number, total: number }} Progress items done of all; the last call says that all are */
/** @typedef {{ onProgress?: (progress: Progress) => void }} ProgressOptions */

/**
 * @typedef {object} LoadOnly
 * @property {Quantization} [quant] how weights of a snapshot are quantized while they arrive; `"q8"` unless set
 * @property {boolean} [cache] whether to cache the model on this device; true unless set
 * @property {boolean} [keep] deprecated name of `cache`
 * @property {string} [hub] address of another Hub than huggingface.co
 * @property {(progress: { loaded: number, total: number | null }) => void} [onProgress] called as the model arrives, in
 *   bytes; `total` is null where the server does not say. The last call says that all have arrived.
 * @property {number} [threads] to use where the page is cross-origin isolated: at most as many as the processor has; those,
 *   at most 8, unless set
 * @property {Variant} [variant] the WebAssembly module to use instead of the best that the browser can run
 * @property {number} [stallTimeout] milliseconds without a byte after which a download is asked for again; 15 000 unless set
 */

/** @typedef {LoadOnly & HostOptions & OperationOptions} LoadOptions */
/** @typedef {Pick<LoadOptions, "quant" | "hub" | "signal" | "baseUrl" | "workerUrl">} InspectOptions */

/**
 * @typedef {object} PromptOptions
 * @property {string} [template] of the prompt, with `{}` in the label's place: `"a photo of a {}"` unless set
 * @property {readonly string[]} [templates] several, whose embeddings are averaged
 */

/** @typedef {{ topK?: number }} RankOptions the count of labels to give, best first; all unless set */
/** @typedef {{ normalize?: boolean }} EmbedOptions whether embeddings are scaled to length 1; false unless set */

export {};
