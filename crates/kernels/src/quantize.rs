//! Dynamic quantization of activations: one scale and one zero point a token.
//!
//! Activations after a GELU are lopsided and outliers differ from token to token, so each row gets
//! its own affine code `x ≈ scale * (code - zero)`. Zero is always exactly representable.

use super::arch::Code;
use super::lanes::Lanes;
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
use super::lanes::{MAGIC, MAGIC_BITS};
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

/// Values that are encoded at a time; a multiple of every group.
pub const CODES: usize = 16;

/// How a row was quantized: `x ≈ scale * (code - zero)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RowCode {
    /// Step between codes.
    pub scale: f32,
    /// Code of the value zero.
    pub zero: i32,
}

impl RowCode {
    /// The code that spans the values of a row; those that are NaN are passed over.
    #[inline(always)]
    pub fn of<V: Lanes>(x: &[f32], range: CodeRange) -> Self {
        let (min, max) = span_with_zero::<V>(x);
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

    /// Codes of values, rounded to nearest, ties to even. Values that are not finite get some code in the range.
    #[inline(always)]
    pub fn encode<V: Lanes>(self, x: &[f32; CODES], range: CodeRange) -> [Code; CODES] {
        let inverse = 1.0 / self.scale;
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return super::arch::wasm_lanes::encode(x, inverse, self.zero, range);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        {
            // Not by an array's `map`: that is a function of its own, compiled for the oldest machine of the target.
            let mut codes = [0; CODES];
            for (code, integer) in codes.iter_mut().zip(self.integers::<V>(x, inverse, range)) {
                *code = integer as Code;
            }
            codes
        }
    }

    /// The codes as integers, whatever the range; `inverse` is one over the scale.
    #[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
    #[inline(always)]
    fn integers<V: Lanes>(self, x: &[f32; CODES], inverse: f32, range: CodeRange) -> [i32; CODES] {
        let (magic, zero) = (V::splat(MAGIC), V::splat(self.zero as f32));
        let (low, high) = (V::splat(range.low as f32), V::splat(range.high as f32));
        let mut shifted = [0.0; CODES];
        for (x, shifted) in x.chunks_exact(V::COUNT).zip(shifted.chunks_exact_mut(V::COUNT)) {
            let rounded = V::load(x) * V::splat(inverse) + magic - magic;
            (high.least(low.greatest(rounded + zero)) + magic).store(shifted);
        }
        let mut integers = [0; CODES];
        for (integer, shifted) in integers.iter_mut().zip(shifted) {
            *integer = (shifted.to_bits() as i32).wrapping_sub(MAGIC_BITS);
        }
        integers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of a few values.
    fn codes(x: &[f32], code: RowCode, range: CodeRange) -> Vec<i32> {
        let mut all = [0.0; CODES];
        all[..x.len()].copy_from_slice(x);
        code.encode::<f32>(&all, range)[..x.len()]
            .iter()
            .map(|&q| i32::from(q))
            .collect()
    }

    #[test]
    fn codes_reproduce_values_to_a_step() {
        let x: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).sin() * 3.0 + 1.0).collect();
        for range in [CodeRange::U7, CodeRange::U8, CodeRange::S8, CodeRange::S11] {
            let code = RowCode::of::<f32>(&x, range);
            for &x in &x {
                let [integer, ..] = code.integers::<f32>(&[x; CODES], 1.0 / code.scale, range);
                let back = code.scale * (integer - code.zero) as f32;
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
        let range = CodeRange::U7;
        let code = RowCode::of::<f32>(&[0.0; 3], range);
        assert!(codes(&[0.0; 3], code, range).iter().all(|&q| q == code.zero));
        for x in [
            [f32::NAN, f32::INFINITY, -1.0],
            [f32::NAN; 3],
            [f32::NEG_INFINITY, 1e38, -1e38],
        ] {
            let codes = codes(&x, RowCode::of::<f32>(&x, range), range);
            assert!(
                codes.iter().all(|q| (0..=127).contains(q)),
                "{x:?} became {codes:?}"
            );
        }
    }
}
