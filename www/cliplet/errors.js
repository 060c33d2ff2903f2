// The one error type of the package, and its form on the way between worker and page.

/**
 * The kind of a failure:
 * - `image`: an image could not be read: damaged, not an image, too large, or protected by its site
 * - `model`, `tokenizer`: a model file or its tokenizer is damaged or incomplete
 * - `unsupported`: the model, the browser or the host cannot do this; the message says what to do
 * - `input`: an argument of a call cannot be used
 * - `network`: a download failed, and trying again did not help
 * - `changed`: the file on the server changed during a download
 * - `cancelled`: the call's `AbortSignal` was aborted; its reason is the `cause`
 * - `disposed`: the engine was disposed of
 * - `compute`, `io`: a computation or a read failed
 * - `engine`: the engine stopped while it computed; it has been started again
 * @typedef {"image" | "model" | "tokenizer" | "unsupported" | "input" | "network" | "changed" | "cancelled"
 *   | "disposed" | "compute" | "io" | "engine"} ErrorCode
 */

/** Every failure of this package: `code` says which kind, `item` which image or file, `cause` what lies beneath. */
export class ClipletError extends Error {
  /**
   * The kind of failure.
   * @readonly
   * @type {ErrorCode}
   */
  code;
  /**
   * Name of the image, file or address that failed, where there is one.
   * @readonly
   * @type {string | null}
   */
  item;

  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {{ cause?: unknown, item?: string | null }} [details]
   */
  constructor(code, message, { cause, item = null } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ClipletError";
    this.code = code;
    this.item = item;
  }
}

/** @param {import("./types.js").OperationOptions["signal"]} signal */
export const cancelled = (signal) => new ClipletError("cancelled", "cancelled", { cause: signal?.reason });

/**
 * Any thrown value as a ClipletError; `code` is that of values which carry none.
 * @param {unknown} thrown
 * @param {{ code?: ErrorCode, item?: string | null }} [details]
 * @returns {ClipletError}
 */
export function asClipletError(thrown, { code = "engine", item = null } = {}) {
  if (thrown instanceof ClipletError) {
    if (thrown.item !== null || item === null) return thrown;
    return new ClipletError(thrown.code, thrown.message, { cause: thrown.cause, item });
  }
  const { code: own, message } = /** @type {{ code?: unknown, message?: string }} */ (Object(thrown));
  // A DOMException's code is a number that says nothing.
  const kind = typeof own === "string" ? /** @type {ErrorCode} */ (own) : code;
  return new ClipletError(kind, message ?? String(thrown), { cause: thrown, item });
}

/**
 * An error as it crosses to another thread: errors lose their class and fields when they are cloned.
 * @typedef {{ code: ErrorCode, message: string, item: string | null, status?: number, cause?: { name: string, message: string } }} SentError
 */

/**
 * @param {unknown} thrown
 * @param {ErrorCode} [code] of values that carry none
 * @returns {SentError}
 */
export function toSent(thrown, code = "engine") {
  const error = asClipletError(thrown, { code });
  const { status } = /** @type {{ status?: number }} */ (Object(thrown));
  const cause = error.cause instanceof Error ? { name: error.cause.name, message: error.cause.message } : undefined;
  return { code: error.code, message: error.message, item: error.item, status, cause };
}

/**
 * @param {SentError} sent
 * @param {string | null} [item] where the error itself names none
 * @returns {ClipletError & { status?: number }}
 */
export function fromSent({ code, message, item: own, status, cause }, item = null) {
  const beneath = cause && Object.assign(new Error(cause.message), { name: cause.name });
  const error = new ClipletError(code, message, { cause: beneath, item: own ?? item });
  return status === undefined ? error : Object.assign(error, { status });
}
