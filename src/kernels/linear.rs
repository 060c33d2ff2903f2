//! The product that CLIP spends its time in: activations times a packed matrix.

use std::ops::Range;

use super::activation::Activation;
use super::arch::{self, Code, Kernel, MOST_SUMS, Tile};
use super::pack::{GROUP, PANEL, PackedMatrix};
use super::parallel::{self, SharedRows};
use super::quantize::{RowCode, quantize_row};
use super::vector::vectorized;

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
/// Each row of `x` is quantized (see [`super::quantize`]); products are summed exactly in 32 bits, so
/// the result does not depend on the number of threads.
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
    linear_with(arch::best(), x, rows, w, bias, epilogue, out);
}

/// [`linear`] by a given implementation.
pub fn linear_with(
    kernel: &Kernel,
    x: &[f32],
    rows: usize,
    w: &PackedMatrix,
    bias: Option<&[f32]>,
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let (n, k) = (w.n(), w.k());
    assert!(x.len() == rows * k && out.len() == rows * n && bias.is_none_or(|b| b.len() == n));
    if let Epilogue::Residual(residual) = epilogue {
        assert_eq!(residual.len(), out.len());
    }
    let stride = w.groups() * GROUP;
    let mut codes: Vec<Code> = vec![0; rows * stride];
    let mut coded = vec![RowCode::default(); rows];
    parallel::zip_rows(x, k, &mut codes, stride, &mut coded, |x, codes, coded| {
        vectorized(|| *coded = quantize_row(x, kernel.range, codes));
    });
    let job = Job {
        kernel,
        codes: &codes,
        coded: &coded,
        w,
        bias,
        epilogue,
        stride,
    };
    let out = SharedRows::new(out, n);
    let blocks = w.panels().div_ceil(kernel.panels);
    parallel::ranges(blocks, rows * kernel.panels * PANEL * k, |blocks| {
        job.run(blocks, &out)
    });
}

/// One product, as every thread sees it.
struct Job<'a> {
    kernel: &'a Kernel,
    codes: &'a [Code],
    coded: &'a [RowCode],
    w: &'a PackedMatrix,
    bias: Option<&'a [f32]>,
    epilogue: Epilogue<'a>,
    stride: usize,
}

impl Job<'_> {
    /// Computes the outputs of some blocks of panels for all rows.
    fn run(&self, blocks: Range<usize>, out: &SharedRows) {
        let Self { kernel, w, .. } = *self;
        let rows = self.coded.len();
        let tiles = rows.div_ceil(kernel.rows);
        let mut scratch = Vec::new();
        let mut sums = [[0; PANEL]; MOST_SUMS];
        for block in blocks {
            let first = block * kernel.panels;
            let panels = kernel.panels.min(w.panels() - first);
            let weights = w.expanded(first, panels, &mut scratch);
            for tile in 0..tiles {
                // Tiles of nearly equal height: a last tile of one row would cost as much as a full one.
                let (from, to) = (tile * rows / tiles, (tile + 1) * rows / tiles);
                let codes = &self.codes[from * self.stride..to * self.stride];
                kernel.dot(
                    &Tile::new(codes, weights, to - from, panels, w.groups()),
                    &mut sums,
                );
                vectorized(|| self.finish(from..to, first, panels, &sums, out));
            }
        }
    }

    /// Turns a tile's integer sums into outputs and stores them.
    #[inline(always)]
    fn finish(
        &self,
        rows: Range<usize>,
        first: usize,
        panels: usize,
        sums: &[[i32; PANEL]],
        out: &SharedRows,
    ) {
        let n = self.w.n();
        for (row, sums) in rows.zip(sums.chunks_exact(panels)) {
            let RowCode { scale, zero } = self.coded[row];
            for (panel, dots) in (first..first + panels).zip(sums) {
                let (scales, totals) = (self.w.scales(panel), self.w.sums(panel));
                let start = panel * PANEL;
                let mut y = [0.0; PANEL];
                for j in 0..PANEL {
                    y[j] = (dots[j] - zero * totals[j]) as f32 * (scale * scales[j]);
                }
                let add =
                    |y: &mut [f32; PANEL], x: [f32; PANEL]| y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                if let Some(bias) = self.bias {
                    add(&mut y, lanes(&bias[start..]));
                }
                match self.epilogue {
                    Epilogue::None => {}
                    Epilogue::Activation(activation) => activation.apply_to_lanes(&mut y),
                    Epilogue::Residual(residual) => add(&mut y, lanes(&residual[row * n..][start..n])),
                }
                // The common case apart: of a known width it is two stores and not a call.
                let width = PANEL.min(n - start);
                // SAFETY: no other thread has this block's panels, so none writes these columns.
                unsafe {
                    if width == PANEL {
                        out.write(row, start, &y);
                    } else {
                        out.write(row, start, &y[..width]);
                    }
                }
            }
        }
    }
}

/// The first [`PANEL`] of some values, zeros where there are fewer: an array, so that what is done with
/// it becomes whole vectors.
#[inline(always)]
fn lanes(x: &[f32]) -> [f32; PANEL] {
    x.first_chunk().copied().unwrap_or_else(|| {
        let mut lanes = [0.0; PANEL];
        lanes[..x.len()].copy_from_slice(x);
        lanes
    })
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
