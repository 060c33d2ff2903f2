// The rates that an engine's instructions allow: a module written byte by byte, so that nothing but the
// loop of one product is measured. Runs in the page.

/** Independent sums: enough to hide an instruction's latency, few enough for the registers. */
const SUMS = 10;

const V128 = 0x7b;
const I32 = 0x7f;
const simd = (opcode) => [0xfd, ...leb(opcode)];

function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value);
  return bytes;
}

const F32X4_ADD = simd(0xe4);
const F32X4_MUL = simd(0xe6);
const I32X4_ADD = simd(0xae);
const I32X4_DOT_I16X8 = simd(0xba);
const I8X16_SPLAT = simd(0x0f);
const RELAXED_MADD = simd(0x105);
const RELAXED_DOT = simd(0x112);
const RELAXED_DOT_ADD = simd(0x113);

const get = (local) => [0x20, ...leb(local)];
const set = (local) => [0x21, ...leb(local)];

/** Locals: 0 counts down, 1 and 2 are bytes, which an engine cannot know, 3 and 4 their splats, the rest sums. */
const [A, B] = [3, 4];
const sum = (i) => 5 + i;
const LOOPS = {
  "f32x4 mul + add": { macs: 4, step: (i) => [...get(A), ...get(sum(i)), ...F32X4_MUL, ...get(B), ...F32X4_ADD] },
  "f32x4.relaxed_madd": { macs: 4, step: (i) => [...get(A), ...get(B), ...get(sum(i)), ...RELAXED_MADD] },
  "i32x4.dot_i16x8_s + add": { macs: 8, step: (i) => [...get(A), ...get(sum(i)), ...I32X4_DOT_I16X8, ...get(sum(i)), ...I32X4_ADD] },
  // A factor of each product changes, or an engine would compute it once.
  "i16x8.relaxed_dot_i8x16_i7x16_s, i32x4.dot_i16x8_s + add": {
    macs: 16,
    step: (i) => [...get(sum(i)), ...get(A), ...RELAXED_DOT, ...get(A), ...I32X4_DOT_I16X8, ...get(sum(i)), ...I32X4_ADD],
  },
  "i32x4.relaxed_dot_i8x16_i7x16_add_s": { macs: 16, step: (i) => [...get(A), ...get(sum(i)), ...get(sum(i)), ...RELAXED_DOT_ADD] },
};

function assemble(step) {
  const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes];
  const sums = Array.from({ length: SUMS }, (_, i) => i);
  const splats = [A, B].flatMap((local, i) => [...get(1 + i), ...I8X16_SPLAT, ...set(local)]);
  const loop = [
    ...[0x03, 0x40],
    ...sums.flatMap((i) => [...step(i), ...set(sum(i))]),
    // count -= 1; again unless zero
    ...[...get(0), 0x41, 0x01, 0x6b, 0x22, 0x00, 0x0d, 0x00, 0x0b],
  ];
  const total = sums.slice(1).flatMap((i) => [...get(sum(i)), ...I32X4_ADD]);
  // i32x4.extract_lane 0 of the sum of all
  const result = [...get(sum(0)), ...total, ...simd(0x1b), 0x00, 0x0b];
  const body = [1, ...leb(2 + SUMS), V128, ...splats, ...loop, ...result];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, 3, I32, I32, I32, 1, I32]),
    ...section(3, [1, 0]),
    ...section(7, [1, 3, ...new TextEncoder().encode("run"), 0x00, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** Multiply-accumulates a second of each instruction on one core, in 10⁹; the fastest of several runs. */
export async function peaks() {
  const rates = {};
  for (const [name, { macs, step }] of Object.entries(LOOPS)) {
    const { instance } = await WebAssembly.instantiate(assemble(step)).catch(() => ({}));
    if (!instance) continue;
    const count = 4e6;
    instance.exports.run(count, 0x3f, 0x40);
    const times = Array.from({ length: 9 }, () => {
      const start = performance.now();
      instance.exports.run(count, 0x3f, 0x40);
      return performance.now() - start;
    });
    rates[name] = (count * SUMS * macs) / Math.min(...times) / 1e6;
  }
  return rates;
}
