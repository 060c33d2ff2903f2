//! Floating-point weights to 8 and 4 bits, row by row.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::weights::layout::{Kind, WeightSpec};
use crate::weights::values::Values;
use cliplet_kernels::Q4_GROUP;

/// Storage of the weights of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quant {
    /// 16-bit floats.
    F16,
    /// 8 bits, a scale a row.
    Q8,
    /// 4 bits, a scale a row and a multiplier of it every 32 columns.
    Q4,
}

/// Storage of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// See [`Values::Q8`].
    Q8,
    /// See [`Values::Q4`].
    Q4,
}

impl Quant {
    /// Its name in files and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Result<Self> {
        [Self::F16, Self::Q8, Self::Q4]
            .into_iter()
            .find(|quant| quant.name() == name)
            .ok_or_else(|| Error::Input(format!("no quantization is called {name:?}: f16, q8 and q4 are")))
    }

    /// True if the ranges of a norm's channels are folded into the weights behind it.
    pub fn folds(self) -> bool {
        matches!(self, Self::Q8 | Self::Q4)
    }

    /// Storage of a weight: vectors in full, filters in half precision, and 8 bits where 4 would cost too much or
    /// where rows do not divide into groups.
    pub fn encoding(self, spec: &WeightSpec) -> Encoding {
        match (self, spec.kind) {
            (_, Kind::Vector | Kind::Statistic) => Encoding::F32,
            (_, Kind::Filter) => Encoding::F16,
            (Self::F16, _) => Encoding::F16,
            (Self::Q4, _) if spec.cols.is_multiple_of(Q4_GROUP) && !is_sensitive(&spec.name) => Encoding::Q4,
            (Self::Q8 | Self::Q4, _) => Encoding::Q8,
        }
    }
}

/// Returns true for a matrix that stays at 8 bits in a 4-bit file. These cost ViT-B/32 a tenth more bytes and halve
/// the error of its embeddings: what enters and leaves the towers, attention's outputs, and the
/// beginning of the text tower, whose errors all later blocks carry on. The convolutions of an EfficientNet and those of a
/// FastViT outside of its perceptrons have too few weights for errors to even out.
fn is_sensitive(name: &str) -> bool {
    let early_text = ["text_model.encoder.layers.0.", "text_model.encoder.layers.1."];
    name.ends_with("_projection.weight")
        || name.contains("_model.head.")
        || name.ends_with("patch_embedding.weight")
        || name.ends_with("out_proj.weight")
        || name.ends_with("_conv.weight")
        || name.ends_with("_conv_head.weight")
        || early_text.iter().any(|block| name.starts_with(block))
}

impl Encoding {
    /// Rows of `cols` values in this encoding.
    pub fn encode(self, values: Vec<f32>, cols: usize) -> Values<'static> {
        match self {
            Self::F32 | Self::F16 => Values::Dense(values),
            Self::Q8 => quantize_q8(&values, cols),
            Self::Q4 => quantize_q4(&values, cols),
        }
    }
}

/// Quantizes rows of `cols` to 8 bits with one scale a row.
fn quantize_q8(values: &[f32], cols: usize) -> Values<'static> {
    let scales: Vec<f32> = values
        .par_chunks_exact(cols)
        .map(|row| largest(row) / 127.0)
        .collect();
    let mut codes = vec![0; values.len()];
    let rows = codes
        .par_chunks_exact_mut(cols)
        .zip(values.par_chunks_exact(cols))
        .zip(&scales);
    rows.for_each(|((codes, row), &scale)| {
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        codes
            .iter_mut()
            .zip(row)
            .for_each(|(code, v)| *code = (v * inverse).round().clamp(-127.0, 127.0) as i8);
    });
    Values::Q8 {
        codes: codes.into(),
        scales,
    }
}

/// Quantizes rows of `cols`, a multiple of 32, to 4 bits: a scale a row and a multiplier of it a
/// group, both those of the least squared error among those tried.
fn quantize_q4(values: &[f32], cols: usize) -> Values<'static> {
    let rows: Vec<Q4Row> = values
        .par_chunks_exact(cols)
        .map(|row| Q4Row::new(row, best_scale(row)))
        .collect();
    let mut nibbles = Vec::with_capacity(values.len() / 2);
    let mut multipliers = Vec::with_capacity(values.len() / Q4_GROUP);
    for row in &rows {
        let pairs = row.codes.chunks_exact(2);
        nibbles.extend(pairs.map(|pair| (pair[0] + 8) as u8 | ((pair[1] + 8) as u8) << 4));
        multipliers.extend_from_slice(&row.multipliers);
    }
    Values::Q4 {
        nibbles: nibbles.into(),
        multipliers,
        scales: rows.iter().map(|row| row.scale).collect(),
    }
}

/// The scale of a row and the multipliers of its groups.
struct Q4Scale {
    scale: f32,
    multipliers: Vec<u8>,
}

/// A quantized row.
struct Q4Row {
    scale: f32,
    multipliers: Vec<u8>,
    /// From -8 to 7.
    codes: Vec<i8>,
}

impl Q4Row {
    /// Rounds `row` to codes whose errors sum up to nearly zero. Inputs of a product that have a common mean, as those
    /// behind a GELU have, would otherwise add the sum of the errors times that mean to every output, alike for all
    /// tokens. The values that lie nearest to the middle of two codes are rounded the other way: that costs next to
    /// nothing, and takes a third off the squared error of a CLIP's second MLP matrix.
    fn new(row: &[f32], Q4Scale { scale, multipliers }: Q4Scale) -> Self {
        let steps = multipliers.iter().flat_map(|m| [scale * f32::from(*m); Q4_GROUP]);
        let steps: Vec<f32> = steps.collect();
        let mut codes: Vec<i8> = row
            .iter()
            .zip(&steps)
            .map(|(value, step)| code(*value, *step))
            .collect();
        let error = |i: usize| f32::from(codes[i]) * steps[i] - row[i];
        let sum: f32 = (0..row.len()).map(error).sum();
        let back = if sum > 0.0 { -1i8 } else { 1 };
        // By the increase of the squared error for each unit by which the sum shrinks.
        let mut candidates: Vec<(f32, usize)> = (0..row.len())
            .filter(|&i| error(i) * sum > 0.0 && (-8..=7).contains(&(codes[i] + back)))
            .map(|i| (steps[i] - 2.0 * error(i).abs(), i))
            .collect();
        candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut left = sum.abs();
        for (_, i) in candidates {
            left -= steps[i];
            if left < 0.0 {
                break;
            }
            codes[i] += back;
        }
        Self {
            scale,
            multipliers,
            codes,
        }
    }
}

/// Fractions of the range-covering step that are tried: clipping the largest weights a little
/// makes all others finer.
const STEP_FRACTIONS: [f32; 8] = [0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0];
/// Fractions of the scale at which the coarsest group would have the multiplier 15.
const SCALE_FRACTIONS: [f32; 6] = [0.85, 0.9, 0.95, 1.0, 1.05, 1.1];

/// The scale and multipliers of the least squared error among those tried.
fn best_scale(row: &[f32]) -> Q4Scale {
    let groups = row.len() / Q4_GROUP;
    let steps: Vec<f32> = row.chunks_exact(Q4_GROUP).map(best_step).collect();
    let coarsest = largest(&steps);
    if coarsest == 0.0 {
        return Q4Scale {
            scale: 0.0,
            multipliers: vec![1; groups],
        };
    }
    let candidates = SCALE_FRACTIONS.map(|fraction| {
        let scale = fraction * coarsest / 15.0;
        let (mut total, mut multipliers) = (0.0, Vec::with_capacity(groups));
        for (group, step) in row.chunks_exact(Q4_GROUP).zip(&steps) {
            let near = (step / scale) as u8;
            let tried = [near, near.saturating_add(1)].map(|m| m.clamp(1, 15));
            let errors = tried.map(|m| squared_error(group, scale * f32::from(m)));
            let best = usize::from(errors[1] < errors[0]);
            total += errors[best];
            multipliers.push(tried[best]);
        }
        (total, Q4Scale { scale, multipliers })
    });
    let best = candidates.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    best.expect("there are candidates").1
}

/// The step of a group on its own.
fn best_step(group: &[f32]) -> f32 {
    let covering = largest(group) / 7.5;
    let errors = STEP_FRACTIONS.map(|f| (squared_error(group, f * covering), f * covering));
    errors
        .into_iter()
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("there are fractions")
        .1
}

fn squared_error(group: &[f32], step: f32) -> f32 {
    let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
    group
        .iter()
        .map(|v| (v - step * (v * inverse).round().clamp(-8.0, 7.0)).powi(2))
        .sum()
}

/// The nearest code, from -8 to 7.
fn code(value: f32, step: f32) -> i8 {
    let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
    (value * inverse).round().clamp(-8.0, 7.0) as i8
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn relative_error(values: &[f32], quantized: Values, cols: usize) -> f32 {
        assert_eq!(quantized.validate(cols), None);
        let got = quantized.into_dense(cols);
        let difference: f32 = values.iter().zip(&got).map(|(a, b)| (a - b).powi(2)).sum();
        (difference / values.iter().map(|v| v * v).sum::<f32>()).sqrt()
    }

    /// Sums of uniforms, close to normal as trained weights are.
    fn bell(count: usize) -> Vec<f32> {
        let mut state = 1u32;
        let mut uniform = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count).map(|_| (0..6).map(|_| uniform()).sum()).collect()
    }

    #[test]
    fn bell_shaped_weights_lose_little() {
        let values = bell(64 * 256);
        assert!(relative_error(&values, quantize_q8(&values, 256), 256) < 0.01);
        assert!(relative_error(&values, quantize_q4(&values, 256), 256) < 0.095);
    }

    #[test]
    fn zeros_stay_zeros() {
        for quantized in [quantize_q8(&[0.0; 64], 32), quantize_q4(&[0.0; 64], 32)] {
            assert_eq!(quantized.validate(32), None);
            assert_eq!(quantized.into_dense(32), [0.0; 64]);
        }
    }

    proptest! {
        #[test]
        fn an_8_bit_value_is_off_by_half_a_step_at_most(row in proptest::collection::vec(-1e3f32..1e3, 1..80)) {
            let step = largest(&row) / 127.0;
            for (value, got) in row.iter().zip(quantize_q8(&row, row.len()).into_dense(row.len())) {
                prop_assert!((value - got).abs() <= step * 0.5001 + f32::MIN_POSITIVE);
            }
        }

        #[test]
        fn a_4_bit_row_is_within_its_range(row in proptest::collection::vec(-1e3f32..1e3, 64)) {
            let quantized = quantize_q4(&row, 64);
            prop_assert_eq!(quantized.validate(64), None);
            let most = largest(&row);
            prop_assert!(quantized.into_dense(64).iter().all(|v| v.abs() <= 1.2 * most));
        }
    }
}
