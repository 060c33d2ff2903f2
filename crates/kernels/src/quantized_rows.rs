//! Quantized rows of activations in the order in which a product reads them.
//!
//! Rows are cut into tiles as high as the kernel's registers allow. Within a tile the codes run
//! `[k / GROUP][row][GROUP inputs]`, so that a kernel walks one pointer and every row's next group lies
//! at a constant distance from it.

use std::ops::Range;

use super::dispatch::Kernel;
use super::layout::{Code, CodeRange, GROUP};
use super::outliers::{self, Outliers};
use super::pack::PackedMatrix;
use super::parallel;
use super::quantize::{CODES, QuantParams};
use super::vector::vectorized;

/// Codes of some rows of activations, tile by tile.
pub struct QuantizedRows {
    /// Scale and zero point of each row.
    pub params: Vec<QuantParams>,
    codes: Vec<Code>,
    /// Range of the codes.
    pub range: CodeRange,
    /// Codes of a row, a whole number of groups.
    stride: usize,
    /// Rows of every tile but the last.
    height: usize,
    /// Second codes of each tile.
    outliers: Vec<Outliers>,
}

/// A tile of quantized rows.
pub struct TileRows<'a> {
    /// Which rows these are.
    pub rows: Range<usize>,
    /// Their codes, `[k / GROUP, rows, GROUP]`.
    pub codes: &'a [Code],
    /// Their second codes.
    pub outliers: &'a Outliers,
}

impl QuantizedRows {
    /// Quantizes `x`, `[rows, k]`, for the product with a matrix by a kernel.
    pub fn of(x: &[f32], w: &PackedMatrix, kernel: &Kernel) -> Self {
        let (k, range) = (w.k(), kernel.range_for(w));
        let mut all = Self::zeros(x.len() / k, k, kernel, range);
        parallel::each(all.jobs(x, k).collect(), kernel.rows * k, |job| {
            quantize_tile(job.x, k, range, true, job.codes, job.params);
            job.add_outliers(k, range);
        });
        all
    }

    /// Quantizes pixels of an image between two convolutions, by one thread. ReLU6 bounds them and leaves many zeros,
    /// so that a row's largest values are no outliers, however far they are above its mean.
    pub fn of_pixels(x: &[f32], w: &PackedMatrix, kernel: &Kernel) -> Self {
        let (k, range) = (w.k(), kernel.range_for(w));
        let mut all = Self::zeros(x.len() / k, k, kernel, range);
        for job in all.jobs(x, k) {
            quantize_tile(job.x, k, range, false, job.codes, job.params);
        }
        all
    }

    fn zeros(count: usize, k: usize, kernel: &Kernel, range: CodeRange) -> Self {
        let stride = k.next_multiple_of(GROUP);
        // As few tiles as there can be, of heights as even as they can be: a low one takes longer for each of its rows.
        let tiles = count.div_ceil(kernel.rows);
        let mut outliers = Vec::new();
        outliers.resize_with(tiles, Outliers::default);
        Self {
            params: vec![QuantParams::default(); count],
            codes: vec![0; count * stride],
            range,
            stride,
            height: count.div_ceil(tiles.max(1)).max(1),
            outliers,
        }
    }

    /// A job for every tile.
    fn jobs<'a>(&'a mut self, x: &'a [f32], k: usize) -> impl Iterator<Item = Job<'a>> {
        let codes = self.codes.chunks_mut(self.height * self.stride);
        let tiles = x.chunks(self.height * k).zip(codes);
        let results = self.params.chunks_mut(self.height).zip(&mut self.outliers);
        tiles.zip(results).map(|((x, codes), (params, outliers))| Job {
            x,
            codes,
            params,
            outliers,
        })
    }

    /// Number of tiles.
    pub fn tile_count(&self) -> usize {
        self.outliers.len()
    }

    /// Every tile.
    pub fn tiles(&self) -> impl Iterator<Item = TileRows<'_>> {
        let tiles = self.codes.chunks(self.height * self.stride);
        tiles
            .zip(&self.outliers)
            .enumerate()
            .map(|(tile, (codes, outliers))| {
                let first = tile * self.height;
                TileRows {
                    rows: first..first + codes.len() / self.stride,
                    codes,
                    outliers,
                }
            })
    }
}

/// The rows of activations of one tile, and memory for their codes.
struct Job<'a> {
    x: &'a [f32],
    codes: &'a mut [Code],
    params: &'a mut [QuantParams],
    outliers: &'a mut Outliers,
}

impl Job<'_> {
    /// Replaces the code of each outlier by the first of its two, and collects the second.
    fn add_outliers(self, k: usize, range: CodeRange) {
        let height = self.params.len();
        for (row, (x, params)) in self.x.chunks_exact(k).zip(self.params).enumerate() {
            if params.limit == f32::INFINITY {
                continue;
            }
            for (input, x) in outliers::above(x, params.limit) {
                let (low, high) = params.split(x, range);
                self.codes[(input / GROUP * height + row) * GROUP + input % GROUP] = low as Code;
                if high != 0 {
                    self.outliers.push(height, row, input, high);
                }
            }
        }
    }
}

vectorized! {
    /// Quantizes the rows of one tile and interleaves their codes.
    fn quantize_tile<V>(
        isa; x: &[f32], k: usize, range: CodeRange, outliers: bool, codes: &mut [Code], params: &mut [QuantParams],
    ) {
        let (groups, _) = codes.as_chunks_mut::<GROUP>();
        let height = params.len();
        for (row, (x, params)) in x.chunks_exact(k).zip(params).enumerate() {
            *params = match outliers {
                true => QuantParams::of::<V>(isa, x, range),
                false => QuantParams::spanning::<V>(isa, x, range),
            };
            let mut place = row;
            let (whole, rest) = x.as_chunks::<CODES>();
            for x in whole {
                // As words, which compilers move whole.
                let words: [u32; CODES / GROUP] = bytemuck::cast(params.encode::<V>(isa, x, range));
                for word in words {
                    groups[place] = bytemuck::cast(word);
                    place += height;
                }
            }
            if !rest.is_empty() {
                // Codes that fill up the last group are multiplied by weights of zero.
                let mut last = [0.0; CODES];
                last[..rest.len()].copy_from_slice(rest);
                let codes = params.encode::<V>(isa, &last, range);
                for group in codes.as_chunks().0.iter().take(rest.len().div_ceil(GROUP)) {
                    groups[place] = *group;
                    place += height;
                }
            }
        }
    }
}
