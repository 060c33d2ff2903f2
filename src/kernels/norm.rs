//! Layer normalisation (Ba et al. 2016), as `torch.nn.LayerNorm` computes it.

use super::vector::{sum, vectorized};

/// Normalises each row of `x` (`[rows, width]`) to zero mean and unit variance, scales and shifts it.
///
/// # Panics
/// Where lengths do not match: callers are this crate's model code, which checks shapes at load.
pub fn layer_norm(x: &[f32], width: usize, weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    assert!(weight.len() == width && bias.len() == width && x.len().is_multiple_of(width));
    vectorized(|| {
        for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let mean = sum(row, |x| x) / width as f32;
            let variance = sum(row, |x| (x - mean) * (x - mean)) / width as f32;
            let inverse = 1.0 / (variance + eps).sqrt();
            for (((out, &x), &w), &b) in out.iter_mut().zip(row).zip(weight).zip(bias) {
                *out = (x - mean) * inverse * w + b;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_centred_scaled_and_shifted() {
        let mut out = [0.0; 4];
        layer_norm(
            &[1.0, 3.0, -5.0, 5.0],
            2,
            &[2.0, 1.0],
            &[0.5, 0.0],
            1e-5,
            &mut out,
        );
        for (got, want) in out.iter().zip([-1.5, 1.0, -1.5, 1.0]) {
            assert!((got - want).abs() < 1e-4, "{out:?}");
        }
    }
}
