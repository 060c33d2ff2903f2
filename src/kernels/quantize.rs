//! Dynamic quantization of activations: one scale and one zero point a token.
//!
//! Activations after a GELU are lopsided and outliers differ from token to token, so each row gets
//! its own affine code `x ≈ scale * (code - zero)`. Zero is always exactly representable.

/// Integer codes that an implementation's dot product takes exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRange {
    /// Smallest code.
    pub low: i32,
    /// Largest code.
    pub high: i32,
}

impl CodeRange {
    /// Seven bits: exact in every engine's relaxed dot product.
    pub const U7: Self = Self { low: 0, high: 127 };
    /// Unsigned eight bits.
    pub const U8: Self = Self { low: 0, high: 255 };
    /// Signed eight bits.
    pub const S8: Self = Self { low: -128, high: 127 };
}

/// How a row was quantized: `x ≈ scale * (code - zero)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowCode {
    /// Step between codes.
    pub scale: f32,
    /// Code of the value zero.
    pub zero: i32,
}

impl RowCode {
    /// The code that spans a row's values from `min` to `max`, widened to hold zero.
    pub fn spanning(min: f32, max: f32, range: CodeRange) -> Self {
        let (min, max) = (min.min(0.0), max.max(0.0));
        let scale = (max - min) / (range.high - range.low) as f32;
        if scale > 0.0 {
            let zero = range.low - (min / scale).round_ties_even() as i32;
            Self {
                scale,
                zero: zero.clamp(range.low, range.high),
            }
        } else {
            Self {
                scale: 1.0,
                zero: range.low.max(0),
            }
        }
    }
}

/// Quantizes one row into `codes`, rounding to nearest, ties to even.
pub fn quantize_row(x: &[f32], range: CodeRange, codes: &mut [i16]) -> RowCode {
    let min = x.iter().copied().fold(0.0, f32::min);
    let max = x.iter().copied().fold(0.0, f32::max);
    let code = RowCode::spanning(min, max, range);
    let inverse = 1.0 / code.scale;
    for (q, &x) in codes.iter_mut().zip(x) {
        // A float-to-int cast saturates and takes NaN to zero.
        let rounded = (x * inverse).round_ties_even() as i32;
        *q = rounded.saturating_add(code.zero).clamp(range.low, range.high) as i16;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_reproduce_values_to_half_a_step() {
        let x: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).sin() * 3.0 + 1.0).collect();
        for range in [CodeRange::U7, CodeRange::U8, CodeRange::S8] {
            let mut codes = vec![0; x.len()];
            let code = quantize_row(&x, range, &mut codes);
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
        let code = quantize_row(&[0.0; 3], CodeRange::U7, &mut codes);
        assert!(codes.iter().all(|&q| i32::from(q) == code.zero));
        quantize_row(&[f32::NAN, f32::INFINITY, -1.0], CodeRange::S8, &mut codes);
        assert!(codes.iter().all(|q| (-128..=127).contains(q)));
    }
}
