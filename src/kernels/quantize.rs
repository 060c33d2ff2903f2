//! Dynamic quantization of activations: one scale and one zero point a token.
//!
//! Activations after a GELU are lopsided and outliers differ from token to token, so each row gets
//! its own affine code `x ≈ scale * (code - zero)`. Zero is always exactly representable.

use super::arch::Code;
use super::lanes::Lanes;
use super::vector::{round_to_i32, span_with_zero};

/// Integer codes that an implementation's dot product takes exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRange {
    /// Smallest code.
    pub low: i32,
    /// Largest code.
    pub high: i32,
}

impl CodeRange {
    /// Seven bits: exact in every engine's relaxed dot product and in `pmaddubsw`.
    pub const U7: Self = Self { low: 0, high: 127 };
    /// Unsigned eight bits.
    pub const U8: Self = Self { low: 0, high: 255 };
    /// Signed eight bits.
    pub const S8: Self = Self { low: -128, high: 127 };
    /// Eleven bits, for products of 16-bit codes: sums of 8,192 of them by 8-bit weights fit 32 bits,
    /// also after the zero point's share has been taken off.
    pub const S11: Self = Self {
        low: -1024,
        high: 1023,
    };
}

/// What codes can be stored as.
trait Truncate {
    /// The low bits of `value`.
    fn truncate(value: i32) -> Self;
}

impl Truncate for u8 {
    #[inline(always)]
    fn truncate(value: i32) -> Self {
        value as u8
    }
}

impl Truncate for i16 {
    #[inline(always)]
    fn truncate(value: i32) -> Self {
        value as i16
    }
}

/// How a row was quantized: `x ≈ scale * (code - zero)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RowCode {
    /// Step between codes.
    pub scale: f32,
    /// Code of the value zero.
    pub zero: i32,
}

impl RowCode {
    /// The code that spans values from `min` (at most zero) to `max` (at least zero).
    #[inline(always)]
    fn spanning(min: f32, max: f32, range: CodeRange) -> Self {
        let scale = (max - min) / (range.high - range.low) as f32;
        if scale > 0.0 {
            let zero = range.low.wrapping_sub(round_to_i32(min / scale));
            Self {
                scale,
                zero: zero.clamp(range.low, range.high),
            }
        } else {
            Self { scale: 1.0, zero: 0 }
        }
    }
}

/// Quantizes one row into `codes`, rounding to nearest, ties to even. Values that are not finite get
/// some code in the range.
#[inline(always)]
pub fn quantize_row<V: Lanes>(x: &[f32], range: CodeRange, codes: &mut [Code]) -> RowCode {
    let (min, max) = span_with_zero::<V>(x);
    let code = RowCode::spanning(min, max, range);
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    let (x, codes) = encode_vectors(x, code, range, codes);
    encode(x, code, range, codes);
    code
}

/// Codes of as many whole vectors as there are; gives what is left.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(always)]
fn encode_vectors<'a, 'b>(
    x: &'a [f32],
    code: RowCode,
    range: CodeRange,
    codes: &'b mut [Code],
) -> (&'a [f32], &'b mut [Code]) {
    use super::arch::wasm_lanes::{CODES, encode};
    let inverse = 1.0 / code.scale;
    let (vectors, rest) = x.as_chunks::<CODES>();
    let (coded, left) = codes.split_at_mut(CODES * vectors.len());
    for (x, codes) in vectors.iter().zip(coded.as_chunks_mut().0) {
        encode(x, inverse, code.zero, range, codes);
    }
    (rest, left)
}

/// Codes of values one by one.
#[inline(always)]
fn encode<C: Truncate>(x: &[f32], code: RowCode, range: CodeRange, codes: &mut [C]) {
    let inverse = 1.0 / code.scale;
    for (q, &x) in codes.iter_mut().zip(x) {
        let value = round_to_i32(x * inverse).wrapping_add(code.zero);
        *q = C::truncate(value.clamp(range.low, range.high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_reproduce_values_to_a_step() {
        let x: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).sin() * 3.0 + 1.0).collect();
        for range in [CodeRange::U7, CodeRange::U8, CodeRange::S8, CodeRange::S11] {
            let mut codes = vec![0i16; x.len()];
            let (min, max) = span_with_zero::<f32>(&x);
            let code = RowCode::spanning(min, max, range);
            encode(&x, code, range, &mut codes);
            for (&x, &q) in x.iter().zip(&codes) {
                let back = code.scale * (i32::from(q) - code.zero) as f32;
                assert!(
                    (back - x).abs() <= code.scale * 1.01,
                    "{x} became {back} with step {}",
                    code.scale
                );
            }
        }
    }

    #[test]
    fn zeros_and_non_finite_values_do_no_harm() {
        let mut codes = [0; 3];
        let code = quantize_row::<f32>(&[0.0; 3], CodeRange::U7, &mut codes);
        assert!(codes.iter().all(|&q| i32::from(q) == code.zero));
        for x in [
            [f32::NAN, f32::INFINITY, -1.0],
            [f32::NAN; 3],
            [f32::NEG_INFINITY, 1e38, -1e38],
        ] {
            quantize_row::<f32>(&x, CodeRange::U7, &mut codes);
            assert!(
                codes.iter().all(|&q| i32::from(q) <= 127),
                "{x:?} became {codes:?}"
            );
        }
    }
}
