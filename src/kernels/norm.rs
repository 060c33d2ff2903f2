//! Layer normalisation (Ba et al. 2016), as `torch.nn.LayerNorm` computes it.

/// Normalises each row of `x` (`[rows, width]`) to zero mean and unit variance, scales and shifts it.
///
/// # Panics
/// Where lengths do not match: callers are this crate's model code, which checks shapes at load.
pub fn layer_norm(x: &[f32], width: usize, weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    assert!(weight.len() == width && bias.len() == width && x.len().is_multiple_of(width));
    for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / width as f64;
        let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / width as f64;
        let inverse = (1.0 / (variance + f64::from(eps)).sqrt()) as f32;
        let mean = mean as f32;
        for (((out, &x), &w), &b) in out.iter_mut().zip(row).zip(weight).zip(bias) {
            *out = (x - mean) * inverse * w + b;
        }
    }
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
