// A file of weights that is read from any byte on: a local file, or one of the Hub. One connection is read on as long as
// what is wanted follows; for what lies elsewhere another is opened.

import { failure, sameVersion } from "./download.js";

/** @typedef {import("./download.js").FileVersion} FileVersion */
/** @typedef {import("./source.js").Stream} Stream */

/** Bytes that are passed over rather than asked for again. */
const SKIP = 1 << 12;

export class WeightFile {
  /** Of the file on the server, or of the local one; known after the first byte. @type {FileVersion | undefined} */
  version;
  /** Bytes of the file, where that is known. @type {number | undefined} */
  total;
  /** @type {AsyncGenerator<Uint8Array<ArrayBuffer>> | null} */
  #chunks = null;
  /** The byte of the file that `#rest`, or else the next chunk, begins with. */
  #at = 0;
  /** @type {Uint8Array<ArrayBuffer> | null} */
  #rest = null;
  /** The byte behind the last one that was given out. */
  #end = 0;

  /**
   * @param {string} name in messages
   * @param {(from: number, version?: FileVersion) => Promise<Stream>} open
   */
  constructor(name, open) {
    this.name = name;
    this.open = open;
  }

  /** Opens the file, so that its version and size are known. */
  async begin() {
    if (!this.#chunks) await this.#openAt(0);
  }

  /** @param {number} position */
  async #openAt(position) {
    this.close();
    const { version, total, chunks } = await this.open(position, this.version);
    this.version ??= version;
    this.total ??= total;
    this.#chunks = chunks;
    this.#at = position;
    this.#end = position;
  }

  /**
   * Bytes from `position` on, as many as have come; null at the end of the file.
   * @param {number} position
   * @returns {Promise<Uint8Array<ArrayBuffer> | null>}
   */
  async chunkAt(position) {
    const follows = this.#chunks && this.#at <= position && position <= this.#end + SKIP;
    if (!follows) await this.#openAt(position);
    for (;;) {
      const next = this.#rest ? { value: this.#rest, done: false } : await this.#chunks?.next();
      if (!next || next.done) return null;
      const chunk = next.value;
      this.#rest = null;
      if (position < this.#at + chunk.length) {
        this.#rest = chunk.subarray(position - this.#at);
        this.#at = position;
        this.#end = position + this.#rest.length;
        return this.#rest;
      }
      this.#at += chunk.length;
    }
  }

  /**
   * `length` bytes from `start` on, or as many as the file has.
   * @param {number} start
   * @param {number} length
   */
  async read(start, length) {
    const pieces = [];
    let missing = length;
    while (missing > 0) {
      const chunk = await this.chunkAt(start + length - missing);
      if (!chunk) break;
      pieces.push(chunk.subarray(0, missing));
      missing -= pieces[pieces.length - 1].length;
      this.#end = start + length - missing;
    }
    return new Uint8Array(await new Blob(pieces).arrayBuffer());
  }

  /** Ends the connection. */
  close() {
    this.#chunks?.return?.(undefined);
    this.#chunks = null;
    this.#rest = null;
  }
}

/**
 * The version of all files together.
 * @param {WeightFile[]} files which have begun
 * @returns {FileVersion}
 */
export function versionOf(files) {
  const [first, ...more] = files.map(({ version }) => version ?? {});
  if (more.length === 0) return first;
  /** @param {keyof FileVersion} mark */
  const all = (mark) => {
    const marks = [first, ...more].map((version) => version[mark]);
    return marks.every((one) => one !== undefined) ? marks.join(" ") : undefined;
  };
  const marks = { etag: all("etag"), modified: all("modified"), total: totalOf(files) };
  return Object.fromEntries(Object.entries(marks).filter(([, mark]) => mark !== undefined));
}

/**
 * Bytes of all files together, where that is known.
 * @param {WeightFile[]} files which have begun
 */
export function totalOf(files) {
  return files.reduce(
    (/** @type {number | undefined} */ sum, { total }) =>
      sum === undefined || total === undefined ? undefined : sum + total,
    0,
  );
}

/**
 * Refuses to go on with files that are others than those before.
 * @param {FileVersion} before
 * @param {FileVersion} now
 * @param {string} name
 */
export function requireSame(before, now, name) {
  if (!sameVersion(before, now))
    throw failure("changed", `${name}: the files on the server have changed; load them again`);
}
