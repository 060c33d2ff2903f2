//! Layer normalization (Ba et al. 2016), as `torch.nn.LayerNorm` computes it.

use super::lanes::Lanes;
use super::parallel;
use super::vector::{sum, vectorized};

/// Rows that one thread takes at a time.
const ROWS: usize = 6;

/// Normalizes each row of `x` (`[rows, width]`) to zero mean and unit variance, scales and shifts it.
///
/// # Panics
/// If lengths do not match.
pub fn layer_norm(x: &[f32], width: usize, weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    assert!(weight.len() == width && bias.len() == width && x.len().is_multiple_of(width));
    let jobs = x.chunks(ROWS * width).zip(out.chunks_mut(ROWS * width)).collect();
    parallel::each(jobs, ROWS * width, |(x, out)| {
        normalize(x, weight, bias, eps, out);
    });
}

vectorized! {
    fn normalize<V>(isa; x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
        let width = weight.len();
        for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let count = width as f32;
            let mean = sum::<V>(isa, row, 0.0, |x| x) / count;
            let center = V::splat(isa, mean);
            let variance = sum(isa, row, mean, |x: V| (x - center) * (x - center)) / count;
            let inverse = 1.0 / (variance + eps).sqrt();
            scale_and_shift::<V>(isa, (row, weight, bias), mean, inverse, out);
        }
    }
}

/// `(x - mean) * inverse * weight + bias` of a row.
#[inline(always)]
fn scale_and_shift<V: Lanes>(
    isa: V::Isa,
    (x, weight, bias): (&[f32], &[f32], &[f32]),
    mean: f32,
    inverse: f32,
    out: &mut [f32],
) {
    let of = |x: &[f32], weight: &[f32], bias: &[f32]| {
        let x = (V::load(isa, x) - V::splat(isa, mean)) * V::splat(isa, inverse);
        x.mul_add(V::load(isa, weight), V::load(isa, bias))
    };
    let chunks = x.chunks_exact(V::COUNT);
    let rest = chunks.remainder();
    let places = out.chunks_exact_mut(V::COUNT);
    let parameters = weight.chunks_exact(V::COUNT).zip(bias.chunks_exact(V::COUNT));
    for ((x, (weight, bias)), out) in chunks.zip(parameters).zip(places) {
        of(x, weight, bias).store(out);
    }
    for i in x.len() - rest.len()..x.len() {
        out[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_centered_scaled_and_shifted() {
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
