//! The inverse cosine transform of a whole block: the accurate integer one of Loeffler, Ligtenberg and
//! Moschytz as libjpeg has it ("islow", `jidctint.c`), in 16-bit lanes.
//!
//! Values that no encoder writes overflow somewhere. There the results are those of libjpeg-turbo's
//! vector code, which everybody runs: products with the quantization table wrap at 16 bits, sums
//! saturate at 16 bits after each pass, and pixels at 0 and 255.

use super::entropy::Block;

/// A 13-bit fixed-point constant.
const fn fix(value: f64) -> i32 {
    (value * 8192.0 + 0.5) as i32
}

const F_0_298: i32 = fix(0.298_631_336);
const F_0_390: i32 = fix(0.390_180_644);
const F_0_541: i32 = fix(0.541_196_100);
const F_0_765: i32 = fix(0.765_366_865);
const F_0_899: i32 = fix(0.899_976_223);
const F_1_175: i32 = fix(1.175_875_602);
const F_1_501: i32 = fix(1.501_321_110);
const F_1_847: i32 = fix(1.847_759_065);
const F_1_961: i32 = fix(1.961_570_560);
const F_2_053: i32 = fix(2.053_119_869);
const F_2_562: i32 = fix(2.562_915_447);
const F_3_072: i32 = fix(3.072_711_026);

/// Bits that the first pass leaves below the point.
const PASS1_BITS: u32 = 2;
const CONSTANT_BITS: u32 = 13;

type Rows = [[i16; 8]; 8];

/// Transforms a block and writes its 8x8 pixels to `pixels`, whose rows are `stride` bytes apart.
pub(super) fn full(block: &Block, quant: &[i16; 64], pixels: &mut [u8], stride: usize) {
    let (rows, _) = block.as_chunks::<8>();
    let (quant, _) = quant.as_chunks::<8>();
    let any = |row: &[i16; 8]| row.iter().fold(0, |any, value| any | value) != 0;
    let first_row: [i16; 8] = std::array::from_fn(|i| rows[0][i].wrapping_mul(quant[0][i]));
    let columns = if rows[1..].iter().any(any) {
        let mut input: Rows = [[0; 8]; 8];
        input[0] = first_row;
        for y in 1..8 {
            for x in 0..8 {
                input[y][x] = rows[y][x].wrapping_mul(quant[y][x]);
            }
        }
        transpose(&pass::<{ CONSTANT_BITS - PASS1_BITS }>(&input))
    } else if first_row[1..].iter().all(|&value| value == 0) {
        let level = saturated_pixel((i32::from(first_row[0] << PASS1_BITS) + 16) >> 5);
        for row in pixels.chunks_mut(stride).take(8) {
            row[..8].fill(level);
        }
        return;
    } else {
        // Every row is the first: without vertical frequencies a column is its DC value throughout.
        std::array::from_fn(|x| [first_row[x] << PASS1_BITS; 8])
    };
    let rows = transpose(&pass::<{ CONSTANT_BITS + PASS1_BITS + 3 }>(&columns));
    for (values, row) in rows.iter().zip(pixels.chunks_mut(stride)) {
        for (pixel, &value) in row[..8].iter_mut().zip(values) {
            *pixel = saturated_pixel(i32::from(value));
        }
    }
}

/// A value around zero as a pixel.
#[inline(always)]
pub(super) fn saturated_pixel(value: i32) -> u8 {
    (value.clamp(-128, 127) + 128) as u8
}

/// The one-dimensional transform of eight columns at once, scaled down by `SHIFT` bits.
#[inline(always)]
fn pass<const SHIFT: u32>(input: &Rows) -> Rows {
    let mut output: Rows = [[0; 8]; 8];
    for i in 0..8 {
        let wide = |row: usize| i32::from(input[row][i]);
        let sum = |a: usize, b: usize| i32::from(input[a][i].wrapping_add(input[b][i]));

        let even2 = wide(2) * F_0_541 + wide(6) * (F_0_541 - F_1_847);
        let even3 = wide(2) * (F_0_541 + F_0_765) + wide(6) * F_0_541;
        let even0 = sum(0, 4) << CONSTANT_BITS;
        let even1 = i32::from(input[0][i].wrapping_sub(input[4][i])) << CONSTANT_BITS;

        let (z3, z4) = (sum(7, 3), sum(5, 1));
        let odd3 = z3 * (F_1_175 - F_1_961) + z4 * F_1_175;
        let odd4 = z3 * F_1_175 + z4 * (F_1_175 - F_0_390);
        let odd = [
            (wide(7) * (F_0_298 - F_0_899) - wide(1) * F_0_899).wrapping_add(odd3),
            (wide(5) * (F_2_053 - F_2_562) - wide(3) * F_2_562).wrapping_add(odd4),
            (wide(3) * (F_3_072 - F_2_562) - wide(5) * F_2_562).wrapping_add(odd3),
            (wide(1) * (F_1_501 - F_0_899) - wide(7) * F_0_899).wrapping_add(odd4),
        ];
        let even = [even0 + even3, even1 + even2, even1 - even2, even0 - even3];
        for k in 0..4 {
            output[k][i] = descale::<SHIFT>(even[k].wrapping_add(odd[3 - k]));
            output[7 - k][i] = descale::<SHIFT>(even[k].wrapping_sub(odd[3 - k]));
        }
    }
    output
}

#[inline(always)]
fn descale<const SHIFT: u32>(value: i32) -> i16 {
    let value = value.wrapping_add(1 << (SHIFT - 1)) >> SHIFT;
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[inline(always)]
fn transpose(rows: &Rows) -> Rows {
    std::array::from_fn(|x| std::array::from_fn(|y| rows[y][x]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The transform by its definition, in floating point.
    fn naive(block: &Block, quant: &[i16; 64]) -> [f64; 64] {
        let scale = |k: usize| if k == 0 { 0.5f64.sqrt() } else { 1.0 };
        let wave = |k: usize, x: usize| scale(k) * ((2 * x + 1) as f64 * k as f64 * PI / 16.0).cos();
        std::array::from_fn(|at| {
            let terms = (0..64).map(|k| {
                f64::from(block[k]) * f64::from(quant[k]) * wave(k % 8, at % 8) * wave(k / 8, at / 8)
            });
            terms.sum::<f64>() / 4.0 + 128.0
        })
    }

    fn transformed(block: &Block, quant: &[i16; 64]) -> [u8; 64] {
        let mut pixels = [0; 64];
        full(block, quant, &mut pixels, 8);
        pixels
    }

    #[test]
    fn agrees_with_the_definition() {
        let mut state = 1u32;
        let mut random = |range: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as i32 % range - range / 2
        };
        for round in 0..500 {
            let quant: [i16; 64] = std::array::from_fn(|_| 8 + random(12) as i16);
            let mut block: Block = std::array::from_fn(|k| {
                if k < 64 >> (round % 7) {
                    random(20) as i16
                } else {
                    0
                }
            });
            block[0] = random(100) as i16;
            let exact = naive(&block, &quant);
            for (at, (&pixel, exact)) in transformed(&block, &quant).iter().zip(exact).enumerate() {
                let difference = f64::from(pixel) - exact.clamp(0.0, 255.0);
                assert!(
                    difference.abs() < 0.6,
                    "round {round}, pixel {at}: {pixel} for {exact}"
                );
            }
        }
    }

    #[test]
    fn flat_and_horizontal_blocks_take_the_short_way_to_the_same_pixels() {
        for level in -70..70 {
            let mut block = [0; 64];
            block[0] = level;
            let flat = transformed(&block, &[16; 64]);
            let exact = naive(&block, &[16; 64])[0].clamp(0.0, 255.0);
            assert!(
                flat.iter()
                    .all(|&pixel| pixel == flat[0] && (f64::from(pixel) - exact).abs() <= 0.5)
            );
            block[1] = 3;
            let rows = transformed(&block, &[16; 64]);
            assert!(rows.chunks(8).all(|row| row == &rows[..8]));
        }
    }

    #[test]
    fn absurd_values_saturate() {
        let mut block = [i16::MAX; 64];
        transformed(&block, &[i16::MAX; 64]);
        block.fill(i16::MIN);
        transformed(&block, &[i16::MIN; 64]);
        block = [0; 64];
        (block[0], block[8]) = (4000, 1);
        assert_eq!(transformed(&block, &[1; 64]), [255; 64]);
    }
}
