// Feeds an opened model to the engine while it arrives, and caches it on the way.

import { CacheWriter, readParts } from "./model-cache.js";
import { requireSame, totalOf, versionOf } from "./weight-file.js";

/** @typedef {import("./source.js").Opened} Opened */
/** @typedef {import("./instantiate.js").Running} Running */
/** @typedef {(bytes: number) => Promise<Running>} Start gives the module, with room for a model of that size */
/** @typedef {(loaded: number, total?: number) => Promise<void>} Step called after every chunk; throws to stop */
/** @typedef {(opening: Promise<CacheWriter> | null) => Promise<CacheWriter | null>} Keep notes what writes the copy */
/** @typedef {import("./modules.js").Wasm["Engine"]["prototype"]} WasmEngine */

/** Packed weights take at most this share of what they were made of: 8 bits of 16, and scales. */
const PACKED_AT_MOST = 0.6;

/**
 * The facts about a loaded model that its cache record holds.
 * @param {WasmEngine} engine
 * @param {import("./download.js").FileVersion} version
 */
function known(engine, version) {
  const { name, quantization, bytes, checksum, origin, licence, parameters } = JSON.parse(engine.info());
  return { name, quantization, bytes, checksum, origin, licence, parameters, version };
}

/**
 * @param {Opened} opened
 * @param {import("./download.js").FileVersion} version
 */
const fresh = ({ key, source, name, cacheable }, version) =>
  cacheable ? CacheWriter.open({ key, source, name, version }) : null;

/**
 * The module with its threads.
 * @param {Start} start
 * @param {number} bytes
 */
async function withThreads(start, bytes) {
  const { wasm, pool } = await start(bytes);
  await pool;
  return wasm;
}

/**
 * One of our own files where it is cached whole: read straight into the memory that the loader offers.
 * @param {Start} start
 * @param {Opened} opened
 * @param {Step} step
 */
async function loadCachedFile(start, { name, cached, file }, step) {
  const opening = /** @type {NonNullable<Opened["file"]>} */ (file)();
  try {
    const [{ wasm, memory, pool }, source] = await Promise.all([start(cached?.bytes ?? 0), opening]);
    // It is reported below.
    pool?.catch(() => {});
    const total = source.getSize();
    const loader = new wasm.Loader(name, total, true);
    for (let done = 0; done < total; ) {
      const [address, length] = loader.chunkMut();
      const count = source.read(new Uint8Array(memory.buffer, address, length), { at: done });
      if (count === 0) break;
      loader.advance(count);
      done += count;
      await step(done, total);
    }
    // Threads start while the file is read.
    await pool;
    return loader.finish();
  } finally {
    await opening.then(
      (source) => source.close(),
      () => {},
    );
  }
}

/**
 * One of our own files.
 * @param {Start} start
 * @param {Opened} opened
 * @param {Step} step
 * @param {Keep} keep
 */
async function loadFile(start, opened, step, keep) {
  const { name, resumed } = opened;
  const read = /** @type {NonNullable<Opened["read"]>} */ (opened.read);
  let loader = null;
  let writer = null;
  let version = resumed?.version ?? {};
  let { total } = version;
  let [done, count] = [0, 0];
  if (resumed) {
    loader = new (await withThreads(start, total ?? 0)).Loader(name, total);
    for await (const part of readParts(resumed.key)) {
      loader.push(part);
      done += part.length;
      count += 1;
      await step(done, total);
    }
    writer = await keep(opened.cacheable ? CacheWriter.open({ ...opened, version }, resumed, count) : null);
  }
  if (done === 0 || done !== total) {
    const stream = await read(done, resumed && version);
    ({ version, total } = stream);
    loader ??= new (await withThreads(start, total ?? 0)).Loader(name, total);
    writer ??= await keep(fresh(opened, version));
    for await (const chunk of stream.chunks) {
      await writer?.add(chunk);
      loader.push(chunk);
      done += chunk.length;
      await step(done, total);
    }
  }
  const engine = /** @type {NonNullable<typeof loader>} */ (loader).finish();
  await writer?.finish(known(engine, version));
  await step(done, done);
  return engine;
}

/**
 * The texts of a snapshot, as the engine takes them.
 * @param {import("./modules.js").Wasm} wasm
 * @param {{ id?: string, name: string }} opened
 * @param {import("./source.js").Snapshot} snapshot
 * @returns {import("./modules.js").Wasm["SnapshotTexts"]["prototype"]}
 */
export function textsOf(wasm, { id, name }, { files, openClip, imageTower }) {
  const held = new wasm.SnapshotFiles();
  try {
    for (const [file, bytes] of files) held.add(file, bytes);
    const texts = held.texts(name, id, openClip);
    return imageTower ? texts.withImageTower(textsOf(wasm, imageTower, imageTower)) : texts;
  } finally {
    held.free();
  }
}

/**
 * The files of weights of a snapshot, those of its image tower last.
 * @param {import("./source.js").Snapshot} snapshot
 */
export const allWeights = ({ weights, imageTower }) => [...weights, ...(imageTower?.weights ?? [])];

/**
 * The lists of tensors of files of weights, for which few of their bytes are read.
 * @param {import("./modules.js").Wasm} wasm
 * @param {import("./weight-file.js").WeightFile[]} files
 */
async function indexesOf(wasm, files) {
  const indexes = [];
  for (const file of files) {
    const index = new wasm.WeightIndex(file.name, file.total);
    for (let wanted = index.wanted(); wanted; wanted = index.wanted()) index.push(await file.read(...wanted));
    indexes.push(index);
  }
  return indexes;
}

/**
 * A snapshot: its weights are quantized and packed on the way, and cached packed.
 * @param {Start} start
 * @param {Opened} opened
 * @param {Step} step
 * @param {Keep} keep
 */
async function loadSnapshot(start, opened, step, keep) {
  const { name, quant = "q8", resumed } = opened;
  const snapshot = await /** @type {NonNullable<Opened["snapshot"]>} */ (opened.snapshot)();
  const weights = allWeights(snapshot);
  try {
    for (const file of weights) await file.begin();
    const [version, total] = [versionOf(weights), totalOf(weights)];
    if (resumed) requireSame(resumed.version, version, name);
    const wasm = await withThreads(start, (total ?? 0) * PACKED_AT_MOST);
    const texts = textsOf(wasm, opened, snapshot);
    const [indexes, imageIndexes] = [snapshot.weights, snapshot.imageTower?.weights ?? []].map((files) =>
      indexesOf(wasm, files),
    );
    const loader = new wasm.SnapshotLoader(texts, quant, await indexes, await imageIndexes);
    let count = 0;
    if (resumed) {
      for await (const part of readParts(resumed.key)) {
        loader.restore(part);
        count += 1;
        await step(loader.done, total);
      }
    }
    const continued = resumed && opened.cacheable ? CacheWriter.open({ ...opened, version }, resumed, count) : null;
    const writer = await keep(resumed ? continued : fresh(opened, version));
    for (let wanted = loader.wanted(); wanted; wanted = loader.wanted()) {
      const [file, position] = wanted;
      const chunk = await weights[file].chunkAt(position);
      if (!chunk) break;
      loader.push(file, position, chunk);
      await writer?.add(loader.takePacked());
      await step(loader.done, total);
    }
    const { done } = loader;
    const packed = loader.finish();
    const { header } = packed;
    const engine = packed.engine();
    await writer?.piece("header", header);
    await writer?.finish(known(engine, version));
    await step(total ?? done, total ?? done);
    return engine;
  } finally {
    for (const file of weights) file.close();
  }
}

/** Errors after which nothing that came is any good. */
const SPOILT = ["model", "tokenizer", "unsupported", "changed"];

/**
 * True if an error is about the bytes themselves, and not about the browser or the network.
 * @param {unknown} error
 */
export function isSpoilt(error) {
  const { code, engine } = /** @type {{ code?: string, engine?: boolean }} */ (Object(error));
  return !engine && SPOILT.includes(code ?? "");
}

/**
 * Loads what `openSource` opened. Of a load that is interrupted, what came before is written, so that it can be continued;
 * what turned out to be no good is deleted.
 * @param {Start} start
 * @param {Opened} opened
 * @param {Step} step
 * @returns {Promise<{ engine: WasmEngine, writer?: CacheWriter | null }>}
 */
export async function loadOpened(start, opened, step) {
  if (opened.file) return { engine: await loadCachedFile(start, opened, step) };
  /** @type {CacheWriter | null} */
  let writer = null;
  try {
    const load = opened.snapshot ? loadSnapshot : loadFile;
    const engine = await load(start, opened, step, async (opening) => (writer = await opening));
    return { engine, writer };
  } catch (error) {
    const failed = /** @type {CacheWriter | null} */ (writer);
    const code = /** @type {{ code?: string }} */ (error).code;
    // Parts of a version that the server no longer has stay: it may only be answering nonsense for a while.
    if (isSpoilt(error) && code !== "changed") await failed?.discard();
    else await failed?.flush();
    throw error;
  }
}
