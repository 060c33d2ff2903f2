// Feeds an opened model to the engine while it arrives, and keeps it on the way.

import { START, startFirst } from "./safetensors.js";
import { Keeper, parts, piece } from "./store.js";

/** What packed weights take at most of what they were made of: 8 bits of 16. */
const PACKED_AT_MOST = 0.6;

/** What a loaded model tells about itself, for its record. */
function known(engine, version) {
  const { name, quantization, bytes, checksum, origin, licence, parameters } = JSON.parse(engine.info());
  return { name, quantization, bytes, checksum, origin, licence, parameters, version };
}

const fresh = ({ key, source, name, keeps }, version) => (keeps ? Keeper.open({ key, source, name, version }) : null);

/** Runs `load(keep)`; what came before it was interrupted is written, to go on from there. */
async function keeping(load) {
  let keeper = null;
  try {
    const engine = await load(async (opening) => (keeper = await opening));
    return { engine, keeper };
  } catch (error) {
    await keeper?.flush();
    throw error;
  }
}

/** The module with its threads. */
async function withThreads(start, bytes) {
  const { wasm, pool } = await start(bytes);
  await pool;
  return wasm;
}

/** One of our own files where it is kept whole: read straight into the room that the loader has for it. */
async function loadKept(start, { name, kept, file }, step) {
  const opening = file();
  try {
    const [{ wasm, memory, pool }, source] = await Promise.all([start(kept.bytes), opening]);
    // It is told below.
    pool?.catch(() => {});
    const total = source.getSize();
    const loader = new wasm.Loader(name, total, true);
    for (let done = 0; done < total; ) {
      const [address, length] = loader.room();
      const count = source.read(new Uint8Array(memory.buffer, address, length), { at: done });
      if (count === 0) break;
      loader.filled(count);
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

/** One of our own files. */
async function loadFile(start, opened, step, keep) {
  const { key, name, resumed } = opened;
  let [loader, keeper, version, total, done, count] = [null, null, resumed?.version, resumed?.version.total, 0, 0];
  const take = async (chunk) => {
    loader.push(chunk);
    done += chunk.length;
    await step(done, total);
  };
  if (resumed) {
    loader = new (await withThreads(start, total ?? 0)).Loader(name, total);
    for await (const part of parts(key)) {
      await take(part);
      count += 1;
    }
    keeper = await keep(Keeper.open(resumed, count));
  }
  if (done === 0 || done !== total) {
    const stream = await opened.read(done, version);
    ({ version, total } = stream);
    loader ??= new (await withThreads(start, total ?? 0)).Loader(name, total);
    keeper ??= await keep(fresh(opened, version));
    for await (const chunk of stream.chunks) {
      await keeper?.add(chunk);
      await take(chunk);
    }
  }
  const engine = loader.finish();
  await keeper?.finish(known(engine, version));
  return engine;
}

/** A snapshot: its weights are quantized and packed on the way, and kept packed. */
async function loadSnapshot(start, opened, step, keep) {
  const { key, id, name, quant, resumed } = opened;
  const { config, tokenizer, preprocessor, card } = opened.texts;
  const create = async (total = 0) => {
    const wasm = await withThreads(start, total * PACKED_AT_MOST);
    const texts = new wasm.SnapshotTexts(config, tokenizer, preprocessor, card);
    return new wasm.SnapshotLoader(name, id, texts, quant, total || undefined);
  };
  let [loader, keeper, version, count] = [null, null, resumed?.version, 0];
  const head = resumed && (await piece(key, START));
  if (head) {
    loader = await create(version.total);
    loader.push(head);
    for await (const part of parts(key)) {
      loader.restore(part);
      count += 1;
      await step(loader.position, version.total);
    }
    keeper = await keep(Keeper.open(resumed, count));
    if (count === 0) await keeper.piece(START, head);
  }
  if (!loader || loader.position !== version.total) {
    const stream = await opened.read(loader?.position ?? 0, version);
    ({ version } = stream);
    let begun = Boolean(loader);
    const chunks = begun ? stream.chunks : startFirst(stream.chunks);
    loader ??= await create(stream.total);
    keeper ??= await keep(fresh(opened, version));
    for await (const chunk of chunks) {
      if (!begun) await keeper?.piece(START, chunk);
      begun = true;
      loader.push(chunk);
      await keeper?.add(loader.takePacked());
      await step(loader.position, stream.total);
    }
  }
  const packed = loader.finish();
  const { header } = packed;
  const engine = packed.engine();
  await keeper?.piece("header", header);
  await keeper?.finish(known(engine, version));
  return engine;
}

/**
 * Loads what `open` of source.js opened.
 * @param {(bytes: number) => Promise<{wasm: object, memory: WebAssembly.Memory, pool?: Promise<void>}>} start
 *   gives the module, with room for a model of that size
 * @param {import("./source.js").Opened} opened
 * @param {(loaded: number, total?: number) => Promise<void>} step called after every chunk; throws to stop
 * @returns {Promise<{engine: object, keeper?: Keeper}>}
 */
export async function load(start, opened, step) {
  if (opened.file) return { engine: await loadKept(start, opened, step) };
  return keeping((keep) => (opened.texts ? loadSnapshot : loadFile)(start, opened, step, keep));
}
