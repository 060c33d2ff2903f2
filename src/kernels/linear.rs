//! The product that CLIP spends its time in: activations times a packed matrix.

use super::activation::Activation;
use super::pack::{GROUP, PANEL, PackedMatrix};
use super::quantize::{CodeRange, quantize_row};

/// What happens to a product before it is stored.
#[derive(Debug, Clone, Copy)]
pub enum Epilogue<'a> {
    /// Nothing more than the bias.
    None,
    /// An activation function.
    Activation(Activation),
    /// A residual of the output's shape is added.
    Residual(&'a [f32]),
}

/// `out = epilogue(x wᵀ + bias)`: `x` is `[rows, k]`, `out` is `[rows, n]`.
///
/// Each row of `x` is quantized (see [`super::quantize`]); products are summed exactly in 32 bits.
///
/// # Panics
/// Where lengths do not match: callers are this crate's model code.
pub fn linear(
    x: &[f32],
    rows: usize,
    w: &PackedMatrix,
    bias: Option<&[f32]>,
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let (n, k) = (w.n(), w.k());
    assert!(x.len() == rows * k && out.len() == rows * n && bias.is_none_or(|b| b.len() == n));
    let mut codes = vec![0; rows * k];
    let coded: Vec<_> = x
        .chunks_exact(k)
        .zip(codes.chunks_exact_mut(k))
        .map(|(x, codes)| quantize_row(x, CodeRange::U7, codes))
        .collect();
    let mut scratch = Vec::new();
    for panel in 0..w.panels() {
        let (scales, sums) = (*w.scales(panel), *w.sums(panel));
        let weights = w.panel(panel, &mut scratch);
        let outputs = panel * PANEL..n.min((panel + 1) * PANEL);
        for (row, code) in coded.iter().enumerate() {
            let dots = dot_panel(&codes[row * k..][..k], weights);
            for (j, output) in outputs.clone().enumerate() {
                let exact = dots[j] - code.zero * sums[j];
                let product = exact as f32 * (code.scale * scales[j]);
                out[row * n + output] = product + bias.map_or(0.0, |b| b[output]);
            }
        }
    }
    match epilogue {
        Epilogue::None => {}
        Epilogue::Activation(activation) => activation.apply(out),
        Epilogue::Residual(residual) => out.iter_mut().zip(residual).for_each(|(out, r)| *out += r),
    }
}

/// Products of one row of codes with a panel's outputs.
fn dot_panel(codes: &[i16], weights: &[i8]) -> [i32; PANEL] {
    let mut sums = [0; PANEL];
    for (codes, block) in codes.chunks(GROUP).zip(weights.chunks_exact(PANEL * GROUP)) {
        for (sum, weights) in sums.iter_mut().zip(block.chunks_exact(GROUP)) {
            *sum += codes
                .iter()
                .zip(weights)
                .map(|(&q, &w)| i32::from(q) * i32::from(w))
                .sum::<i32>();
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::pack::{Bits, Q4_GROUP};
    use super::*;

    /// A product in f64 from the integers that were pushed.
    fn reference(x: &[f32], w: &[f64], n: usize, k: usize) -> Vec<f64> {
        let rows = x.chunks_exact(k);
        rows.flat_map(|x| (0..n).map(|i| x.iter().zip(&w[i * k..]).map(|(&x, w)| f64::from(x) * w).sum()))
            .collect()
    }

    fn relative_error(got: &[f32], want: &[f64]) -> f64 {
        let error: f64 = got
            .iter()
            .zip(want)
            .map(|(&g, w)| (f64::from(g) - w).powi(2))
            .sum();
        (error / want.iter().map(|w| w * w).sum::<f64>()).sqrt()
    }

    fn wave(len: usize, step: f32) -> Vec<f32> {
        (0..len).map(|i| ((i * i + 1) as f32 * step).sin()).collect()
    }

    #[test]
    fn eight_bits() {
        for (rows, n, k) in [(1, 1, 1), (3, 9, 7), (50, 24, 96)] {
            let weights: Vec<i8> = (0..n * k).map(|i| ((i * 37 % 255) as i32 - 127) as i8).collect();
            let scales: Vec<f32> = (0..n).map(|i| 0.01 + i as f32 * 0.001).collect();
            let mut builder = PackedMatrix::builder(n, k, Bits::Q8).unwrap();
            builder.push_q8(&weights, &scales).unwrap();
            let packed = builder.finish().unwrap();
            let dense: Vec<f64> = weights
                .iter()
                .enumerate()
                .map(|(i, &w)| f64::from(w) * f64::from(scales[i / k]))
                .collect();
            let x = wave(rows * k, 0.37);
            let mut out = vec![0.0; rows * n];
            linear(&x, rows, &packed, None, Epilogue::None, &mut out);
            assert!(relative_error(&out, &reference(&x, &dense, n, k)) < 0.02);
        }
    }

    #[test]
    fn four_bits_and_epilogues() {
        let (rows, n, k) = (3, 10, 64);
        let nibbles: Vec<u8> = (0..n * k / 2).map(|i| (i * 151 % 256) as u8).collect();
        let multipliers: Vec<u8> = (0..n * k / Q4_GROUP).map(|i| (1 + i * 7 % 15) as u8).collect();
        let scales = vec![0.02; n];
        let mut builder = PackedMatrix::builder(n, k, Bits::Q4).unwrap();
        builder
            .push_q4(&nibbles[..k / 2], &multipliers[..k / Q4_GROUP], &scales[..1])
            .unwrap();
        builder
            .push_q4(&nibbles[k / 2..], &multipliers[k / Q4_GROUP..], &scales[1..])
            .unwrap();
        let packed = builder.finish().unwrap();
        let dense: Vec<f64> = (0..n * k)
            .map(|i| {
                let nibble = nibbles[i / 2] >> (4 * (i % 2)) & 15;
                f64::from(i32::from(nibble) - 8) * f64::from(multipliers[i / Q4_GROUP]) * f64::from(0.02_f32)
            })
            .collect();
        let x = wave(rows * k, 0.71);
        let mut out = vec![0.0; rows * n];
        linear(&x, rows, &packed, None, Epilogue::None, &mut out);
        assert!(relative_error(&out, &reference(&x, &dense, n, k)) < 0.02);

        let (bias, residual) = (wave(n, 1.0), wave(rows * n, 0.3));
        let mut with = vec![0.0; rows * n];
        linear(
            &x,
            rows,
            &packed,
            Some(&bias),
            Epilogue::Residual(&residual),
            &mut with,
        );
        for (i, (with, plain)) in with.iter().zip(&out).enumerate() {
            assert!((with - (plain + bias[i % n] + residual[i])).abs() < 1e-5);
        }
        let mut activated = vec![0.0; rows * n];
        linear(
            &x,
            rows,
            &packed,
            None,
            Epilogue::Activation(Activation::QuickGelu),
            &mut activated,
        );
        Activation::QuickGelu.apply(&mut out);
        assert_eq!(activated, out);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(PackedMatrix::builder(0, 4, Bits::Q8).is_err());
        assert!(PackedMatrix::builder(usize::MAX, usize::MAX, Bits::Q8).is_err());
        assert!(PackedMatrix::builder(4, 33, Bits::Q4).is_err());
        let mut builder = PackedMatrix::builder(2, 4, Bits::Q8).unwrap();
        assert!(builder.push_q8(&[1; 7], &[1.0, 1.0]).is_err());
        assert!(builder.push_q8(&[1; 4], &[f32::NAN]).is_err());
        assert!(builder.push_q8(&[1; 12], &[1.0; 3]).is_err());
        assert!(builder.push_q4(&[1; 2], &[], &[1.0]).is_err());
        builder.push_q8(&[1; 4], &[1.0]).unwrap();
        assert!(builder.finish().is_err());
    }
}
