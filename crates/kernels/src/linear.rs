//! The product that CLIP spends its time in: activations times a packed matrix.

use std::ops::Range;

use super::dispatch::{self, Kernel, Tile};
use super::epilogue::{Epilogue, OutputWriter, Sums};
use super::layout::{MAX_TILE_SUMS, PANEL};
use super::pack::PackedMatrix;
use super::parallel::{self, SharedRows};
use super::quantized_rows::QuantizedRows;
use super::vector::vectorized;

/// Panels that stay together when a product is split over threads: some implementations multiply as many at once.
const TOGETHER: usize = 4;

/// `epilogue(x wᵀ + bias)`, `[rows, n]`, for `x` of `[rows, k]`.
///
/// Each row of `x` is quantized (`quantize.rs`); products are summed exactly in 32 bits, so
/// the result does not depend on the number of threads.
///
/// # Panics
/// If lengths do not match.
pub fn linear(x: &[f32], w: &PackedMatrix, bias: Option<&[f32]>, epilogue: Epilogue<&[f32]>) -> Vec<f32> {
    linear_with(dispatch::best(), x, w, bias, epilogue)
}

/// [`linear`] by a given implementation.
pub fn linear_with(
    kernel: &Kernel,
    x: &[f32],
    w: &PackedMatrix,
    bias: Option<&[f32]>,
    epilogue: Epilogue<&[f32]>,
) -> Vec<f32> {
    let (n, k) = (w.n(), w.k());
    assert!(x.len().is_multiple_of(k) && bias.is_none_or(|b| b.len() == n));
    let length = x.len() / k * n;
    if let Epilogue::Residual(residual) = epilogue {
        assert_eq!(residual.len(), length);
    }
    let codes = QuantizedRows::of(x, w, kernel);
    let mut out = Vec::with_capacity(length);
    let writer = OutputWriter {
        params: &codes.params,
        w,
        bias,
        epilogue,
        out: SharedRows::uninit(&mut out.spare_capacity_mut()[..length]),
    };
    let units = w.panels().div_ceil(TOGETHER);
    let cost = codes.params.len() * TOGETHER * PANEL * k;
    parallel::ranges(units, cost, |units| {
        let end = w.panels().min(units.end * TOGETHER);
        multiply(kernel, &codes, units.start * TOGETHER..end, &writer);
    });
    // SAFETY: the ranges hold every panel, and each wrote its outputs of every row: all of `length`.
    unsafe { out.set_len(length) };
    out
}

/// A packed matrix and the bias of each of its outputs: of an image, a pointwise convolution.
#[derive(Clone, Copy)]
pub struct Pointwise<'a> {
    /// Outputs by inputs.
    pub matrix: &'a PackedMatrix,
    /// One an output.
    pub bias: &'a [f32],
}

/// `epilogue(x wᵀ + bias)` for pixels of an image, `[pixels, k]`, as [`InvertedResidual`](crate::InvertedResidual)
/// computes it: without second codes for outliers, and by one thread.
pub fn pointwise_with(kernel: &Kernel, x: &[f32], w: Pointwise, epilogue: Epilogue<&[f32]>) -> Vec<f32> {
    let mut out = vec![0.0; x.len() / w.matrix.k() * w.matrix.n()];
    linear_into(kernel, x, w, epilogue, &mut out);
    out
}

/// [`linear_with`] of the pixels of an image by one thread, into `out`.
pub(crate) fn linear_into(
    kernel: &Kernel,
    x: &[f32],
    w: Pointwise,
    epilogue: Epilogue<&[f32]>,
    out: &mut [f32],
) {
    let (n, k) = (w.matrix.n(), w.matrix.k());
    assert!(x.len().is_multiple_of(k) && w.bias.len() == n && out.len() == x.len() / k * n);
    let codes = QuantizedRows::of_pixels(x, w.matrix, kernel);
    let writer = OutputWriter {
        params: &codes.params,
        w: w.matrix,
        bias: Some(w.bias),
        epilogue,
        out: SharedRows::new(out),
    };
    multiply(kernel, &codes, 0..w.matrix.panels(), &writer);
}

/// Computes the outputs of some panels for all rows.
fn multiply(kernel: &Kernel, codes: &QuantizedRows, panels: Range<usize>, writer: &OutputWriter) {
    let w = writer.w;
    let (mut scratch, mut weights_of_groups) = (Vec::new(), Vec::new());
    let (mut sums, mut high_sums) = ([[0; PANEL]; MAX_TILE_SUMS], [[0; PANEL]; MAX_TILE_SUMS]);
    let end = panels.end;
    for first in panels.step_by(kernel.panels) {
        let panels = first..end.min(first + kernel.panels);
        let weights = w.expanded(first, panels.len(), &mut scratch);
        // The weights that are multiplied next come from memory while these are multiplied.
        let next = w.bytes_of(panels.end..end.min(panels.end + kernel.panels));
        let mut pieces = next.chunks(next.len().div_ceil(codes.tile_count().max(1)).max(1));
        for tile_rows in codes.tiles() {
            let size = (tile_rows.rows.len(), panels.len());
            let mut tile = Tile::new(tile_rows.codes, weights, size.0, size.1, w.groups());
            tile.next = pieces.next().unwrap_or_default();
            writer.prefetch(&tile_rows.rows, &panels);
            kernel.dot(&tile, &mut sums);
            tile_rows.outliers.add_to(
                (kernel, codes.range),
                size,
                weights,
                &mut weights_of_groups,
                &mut sums,
                &mut high_sums,
            );
            let sums = Sums {
                sums: &sums,
                rows: tile_rows.rows,
                panels: panels.clone(),
            };
            store(writer, &sums);
        }
    }
}

vectorized! {
    fn store<V>(isa; writer: &OutputWriter, sums: &Sums) {
        writer.store::<V>(isa, sums);
    }
}

#[cfg(test)]
mod tests {
    use super::super::activation::Activation;
    use super::super::layout::Q4_GROUP;
    use super::super::pack::Bits;
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
            let out = linear(&x, &packed, None, Epilogue::None);
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
        let mut out = linear(&x, &packed, None, Epilogue::None);
        assert!(relative_error(&out, &reference(&x, &dense, n, k)) < 0.02);

        let (bias, residual) = (wave(n, 1.0), wave(rows * n, 0.3));
        let with = linear(&x, &packed, Some(&bias), Epilogue::Residual(&residual));
        for (i, (with, plain)) in with.iter().zip(&out).enumerate() {
            assert!((with - (plain + bias[i % n] + residual[i])).abs() < 1e-5);
        }
        let activated = linear(&x, &packed, None, Epilogue::Activation(Activation::QuickGelu));
        Activation::QuickGelu.apply(&mut out);
        assert_eq!(activated, out);
    }

    #[test]
    fn no_rows_make_no_outputs() {
        let mut builder = PackedMatrix::builder(80, 4, Bits::Q8).unwrap();
        builder.push_q8(&[1; 320], &[1.0; 80]).unwrap();
        let packed = builder.finish().unwrap();
        for kernel in dispatch::available() {
            assert!(linear_with(kernel, &[], &packed, None, Epilogue::None).is_empty());
        }
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
