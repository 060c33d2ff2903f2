// cliplet: OpenAI's CLIP in the browser. The engine runs in a worker; nothing leaves the machine. Importing this module
// does nothing by itself, so a server may import it too.

export { DEFAULT_TEMPLATE } from "./arguments.js";
export { Cliplet } from "./cliplet.js";
export { fileNameOf } from "./download.js";
export { DEFAULT_MODEL } from "./engine.js";
export { ClipletError } from "./errors.js";
export { simdKind } from "./variants.js";

/** @typedef {import("./errors.js").ErrorCode} ErrorCode */
/** @typedef {import("./types.js").CachedModel} CachedModel */
/** @typedef {import("./types.js").CachedModel} KeptModel deprecated name of CachedModel */
/** @typedef {import("./types.js").EmbedOptions} EmbedOptions */
/** @typedef {import("./types.js").HostOptions} HostOptions */
/** @typedef {import("./types.js").ImageSource} ImageSource */
/** @typedef {import("./types.js").Info} Info */
/** @typedef {import("./types.js").InspectOptions} InspectOptions */
/** @typedef {import("./types.js").Inspection} Inspection */
/** @typedef {import("./types.js").LoadOptions} LoadOptions */
/** @typedef {import("./types.js").ModelSource} ModelSource */
/** @typedef {import("./types.js").OperationOptions} OperationOptions */
/** @typedef {import("./types.js").Progress} Progress */
/** @typedef {import("./types.js").ProgressOptions} ProgressOptions */
/** @typedef {import("./types.js").PromptOptions} PromptOptions */
/** @typedef {import("./types.js").Quantization} Quantization */
/** @typedef {import("./types.js").RankOptions} RankOptions */
/** @typedef {import("./types.js").Ranked} Ranked */
/** @typedef {import("./types.js").Variant} Variant */
