//! Dynamic quantization of activations: one scale and one zero point a token.
//!
//! Activations after a GELU are lopsided and outliers differ from token to token, so each row gets
//! its own affine code `x ≈ scale * (code - zero)`. Zero is always exactly representable.

use super::lanes::Lanes;
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
use super::lanes::MAGIC;
use super::layout::{Code, CodeRange};
use super::outliers;
use super::vector::{round_to_i32, span};

/// Values encoded at a time; a multiple of every [`GROUP`](super::layout::GROUP).
pub const CODES: usize = 16;

/// Scale and zero point of a quantized row: `x ≈ scale * (code - zero)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct QuantParams {
    /// Step between codes.
    pub scale: f32,
    /// Code of the value zero.
    pub zero: i32,
    /// Magnitude above which a value is an [outlier](super::outliers).
    pub limit: f32,
}

impl QuantParams {
    /// Parameters whose codes span the values of a row and zero; NaN is ignored.
    #[inline(always)]
    pub fn of<V: Lanes>(isa: V::Isa, x: &[f32], range: CodeRange) -> Self {
        let span = span::<V>(isa, x);
        let mean = span.magnitude / x.len() as f32;
        let limit = outliers::limit(x, mean, span.max.max(-span.min), range);
        if limit == f32::INFINITY {
            return Self::between(span.min, span.max, limit, range);
        }
        let (min, max) = outliers::usual_range(x, limit);
        Self::between(min, max, limit, range)
    }

    /// Parameters whose codes span all values of a row and zero, outliers or not.
    #[inline(always)]
    pub fn spanning<V: Lanes>(isa: V::Isa, x: &[f32], range: CodeRange) -> Self {
        let span = span::<V>(isa, x);
        Self::between(span.min, span.max, f32::INFINITY, range)
    }

    /// Parameters whose codes span `min` to `max`, zero between them.
    #[inline(always)]
    fn between(min: f32, max: f32, limit: f32, range: CodeRange) -> Self {
        let scale = (max - min) / (range.high - range.low) as f32;
        if scale > 0.0 {
            let zero = range.low.wrapping_sub(round_to_i32(min / scale));
            Self {
                scale,
                zero: zero.clamp(range.low, range.high),
                limit,
            }
        } else {
            Self {
                scale: 1.0,
                zero: 0,
                limit: f32::INFINITY,
            }
        }
    }

    /// First and second code of an outlier.
    pub fn split(self, x: f32, range: CodeRange) -> (i32, i32) {
        outliers::split(self.zero + round_to_i32(x / self.scale), range)
    }

    /// Codes of values, rounded to nearest, ties to even. Values that are not finite get an unspecified code in the
    /// range.
    #[inline(always)]
    pub fn encode<V: Lanes>(self, isa: V::Isa, x: &[f32; CODES], range: CodeRange) -> [Code; CODES] {
        let inverse = 1.0 / self.scale;
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        {
            // The build's only vectors need no proof.
            let _ = isa;
            super::arch::wasm_lanes::encode(x, inverse, self.zero, range)
        }
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        {
            let mut codes = [0; CODES];
            for (x, codes) in x.chunks_exact(V::COUNT).zip(codes.chunks_exact_mut(V::COUNT)) {
                self.shifted(V::load(isa, x), inverse, range).store_codes(codes);
            }
            codes
        }
    }

    /// The codes as integers, each with [`MAGIC`](super::lanes::MAGIC) added; `inverse` is one over the scale.
    #[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
    #[inline(always)]
    fn shifted<V: Lanes>(self, x: V, inverse: f32, range: CodeRange) -> V {
        let (magic, zero) = (x.same(MAGIC), x.same(self.zero as f32));
        let (low, high) = (x.same(range.low as f32), x.same(range.high as f32));
        let rounded = x * x.same(inverse) + magic - magic;
        high.min(low.max(rounded + zero)) + magic
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::BaselineIsa;
    use super::*;

    /// Codes of a few values.
    fn codes(x: &[f32], code: QuantParams, range: CodeRange) -> Vec<i32> {
        let mut all = [0.0; CODES];
        all[..x.len()].copy_from_slice(x);
        code.encode::<f32>(BaselineIsa, &all, range)[..x.len()]
            .iter()
            .map(|&q| i32::from(q))
            .collect()
    }

    #[test]
    fn codes_reproduce_values_to_a_step() {
        let x: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).sin() * 3.0 + 1.0).collect();
        for range in [CodeRange::U7, CodeRange::U8, CodeRange::S8, CodeRange::S11] {
            let code = QuantParams::of::<f32>(BaselineIsa, &x, range);
            for &x in &x {
                let integer = (code.shifted(x, 1.0 / code.scale, range) - MAGIC) as i32;
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
        let code = QuantParams::of::<f32>(BaselineIsa, &[0.0; 3], range);
        assert!(codes(&[0.0; 3], code, range).iter().all(|&q| q == code.zero));
        for x in [
            [f32::NAN, f32::INFINITY, -1.0],
            [f32::NAN; 3],
            [f32::NEG_INFINITY, 1e38, -1e38],
        ] {
            let codes = codes(&x, QuantParams::of::<f32>(BaselineIsa, &x, range), range);
            assert!(
                codes.iter().all(|q| (0..=127).contains(q)),
                "{x:?} became {codes:?}"
            );
        }
    }
}
