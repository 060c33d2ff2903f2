//! Inverse cosine transforms that put a block out at half, a quarter or an eighth of its width and
//! height, as libjpeg has them (`jidctred.c`).

use super::entropy::Block;
use super::idct::saturated_pixel;

const PASS1_BITS: u32 = 2;
const CONSTANT_BITS: u32 = 13;

/// For 4x4 pixels: factors of the coefficients 1, 3, 5 and 7 in the outer and the inner difference, and
/// of 2 and 6 in the even part.
const OUTER: [i32; 4] = [20995, 7373, -4926, -4176];
const INNER: [i32; 4] = [8697, -17799, 11893, -1730];
const EVEN: [i32; 2] = [15137, -6270];
/// For 2x2 pixels: factors of the coefficients 1, 3, 5 and 7.
const DIFFERENCE: [i32; 4] = [29692, -10426, 6967, -5906];

/// Writes the block as 4x4 pixels.
pub(super) fn half(block: &Block, quant: &[i16; 64], pixels: &mut [u8], stride: usize) {
    // Column 4 and row 4 have no part in so few pixels.
    let mut columns = [[0; 8]; 4];
    for x in [0, 1, 2, 3, 5, 6, 7] {
        let column = std::array::from_fn(|y| value(block, quant, 8 * y + x));
        let four = four(&column, CONSTANT_BITS - PASS1_BITS + 1);
        for y in 0..4 {
            columns[y][x] = four[y];
        }
    }
    for (values, row) in columns.iter().zip(pixels.chunks_mut(stride)) {
        let four = four(values, CONSTANT_BITS + PASS1_BITS + 3 + 1);
        for (pixel, value) in row.iter_mut().zip(four) {
            *pixel = saturated_pixel(value);
        }
    }
}

/// Writes the block as 2x2 pixels.
pub(super) fn quarter(block: &Block, quant: &[i16; 64], pixels: &mut [u8], stride: usize) {
    let mut columns = [[0; 8]; 2];
    for x in [0, 1, 3, 5, 7] {
        let column = std::array::from_fn(|y| value(block, quant, 8 * y + x));
        let two = two(&column, CONSTANT_BITS - PASS1_BITS + 2);
        (columns[0][x], columns[1][x]) = (two[0], two[1]);
    }
    for (values, row) in columns.iter().zip(pixels.chunks_mut(stride)) {
        let two = two(values, CONSTANT_BITS + PASS1_BITS + 3 + 2);
        (row[0], row[1]) = (saturated_pixel(two[0]), saturated_pixel(two[1]));
    }
}

/// Writes the block as one pixel, its mean.
pub(super) fn eighth(block: &Block, quant: &[i16; 64], pixels: &mut [u8]) {
    pixels[0] = saturated_pixel((value(block, quant, 0) + 4) >> 3);
}

/// Coefficient `at`, multiplied by its quantization step.
fn value(block: &Block, quant: &[i16; 64], at: usize) -> i32 {
    i32::from(block[at].wrapping_mul(quant[at]))
}

fn four(input: &[i32; 8], shift: u32) -> [i32; 4] {
    let even = input[0].wrapping_shl(CONSTANT_BITS + 1);
    let bend = weighted([input[2], input[6]], EVEN);
    let odd = [input[1], input[3], input[5], input[7]];
    let (outer, inner) = (weighted(odd, OUTER), weighted(odd, INNER));
    let (high, low) = (even.wrapping_add(bend), even.wrapping_sub(bend));
    [
        descale(high.wrapping_add(outer), shift),
        descale(low.wrapping_add(inner), shift),
        descale(low.wrapping_sub(inner), shift),
        descale(high.wrapping_sub(outer), shift),
    ]
}

fn two(input: &[i32; 8], shift: u32) -> [i32; 2] {
    let even = input[0].wrapping_shl(CONSTANT_BITS + 2);
    let odd = weighted([input[1], input[3], input[5], input[7]], DIFFERENCE);
    [
        descale(even.wrapping_add(odd), shift),
        descale(even.wrapping_sub(odd), shift),
    ]
}

fn weighted<const N: usize>(values: [i32; N], factors: [i32; N]) -> i32 {
    let products = values.iter().zip(&factors);
    products.fold(0, |sum, (value, factor)| {
        sum.wrapping_add(value.wrapping_mul(*factor))
    })
}

fn descale(value: i32, shift: u32) -> i32 {
    value.wrapping_add(1 << (shift - 1)) >> shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_blocks_keep_their_level_at_every_scale() {
        for level in -60..60 {
            let mut block = [0; 64];
            block[0] = level;
            let expected = saturated_pixel((i32::from(level) * 16 + 4) >> 3);
            let mut pixels = [0; 16];
            half(&block, &[16; 64], &mut pixels, 4);
            assert_eq!(pixels, [expected; 16]);
            quarter(&block, &[16; 64], &mut pixels[..4], 2);
            assert_eq!(pixels[..4], [expected; 4]);
            eighth(&block, &[16; 64], &mut pixels[..1]);
            assert_eq!(pixels[0], expected);
        }
    }

    #[test]
    fn a_slope_stays_a_slope() {
        let mut block = [0; 64];
        block[1] = -20;
        let mut pixels = [0; 16];
        half(&block, &[16; 64], &mut pixels, 4);
        assert!(
            pixels
                .chunks(4)
                .all(|row| row.is_sorted() && row[0] < row[3] && row == &pixels[..4])
        );
        quarter(&block, &[16; 64], &mut pixels[..4], 2);
        assert!(pixels[0] < pixels[1] && pixels[..2] == pixels[2..4]);
    }
}
