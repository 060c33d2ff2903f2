//! Quantized activations in the order in which a product reads them.
//!
//! Rows are cut into tiles as high as the kernel's registers allow. Within a tile the codes run
//! `[k / GROUP][row][GROUP inputs]`, so that a kernel walks one pointer and every row's next group lies
//! at a constant distance from it.

use std::ops::Range;

use super::arch::{Code, Kernel};
use super::pack::GROUP;
use super::parallel;
use super::quantize::{CODES, RowCode};
use super::vector::vectorized;

/// The codes of some rows of activations.
pub struct Codes {
    /// How each row was quantized.
    pub rows: Vec<RowCode>,
    codes: Vec<Code>,
    /// Codes a row, whole groups.
    stride: usize,
    /// Rows of every tile but the last.
    height: usize,
}

impl Codes {
    /// Quantizes `x`, `[rows, k]`, for a kernel.
    pub fn of(x: &[f32], k: usize, kernel: &Kernel) -> Self {
        let mut all = Self::zeros(x.len() / k, k, kernel);
        parallel::each(all.jobs(x, k).collect(), kernel.rows * k, |(x, codes, rows)| {
            quantize_tile(x, k, kernel, codes, rows);
        });
        all
    }

    /// [`Self::of`] by one thread.
    pub fn of_part(x: &[f32], k: usize, kernel: &Kernel) -> Self {
        let mut all = Self::zeros(x.len() / k, k, kernel);
        all.jobs(x, k)
            .for_each(|(x, codes, rows)| quantize_tile(x, k, kernel, codes, rows));
        all
    }

    fn zeros(count: usize, k: usize, kernel: &Kernel) -> Self {
        let stride = k.next_multiple_of(GROUP);
        Self {
            rows: vec![RowCode::default(); count],
            codes: vec![0; count * stride],
            stride,
            height: kernel.rows,
        }
    }

    /// For every tile: its rows of `x`, and room for their codes and for how they are quantized.
    fn jobs<'a>(&'a mut self, x: &'a [f32], k: usize) -> impl Iterator<Item = Job<'a>> {
        let codes = self.codes.chunks_mut(self.height * self.stride);
        let tiles = x.chunks(self.height * k).zip(codes);
        tiles
            .zip(self.rows.chunks_mut(self.height))
            .map(|((x, codes), rows)| (x, codes, rows))
    }

    /// Every tile: which rows it holds, and their codes.
    pub fn tiles(&self) -> impl Iterator<Item = (Range<usize>, &[Code])> {
        let tiles = self.codes.chunks(self.height * self.stride).enumerate();
        tiles.map(|(tile, codes)| {
            let first = tile * self.height;
            (first..first + codes.len() / self.stride, codes)
        })
    }
}

/// A tile's rows of activations, its codes, and how each row is quantized.
type Job<'a> = (&'a [f32], &'a mut [Code], &'a mut [RowCode]);

vectorized! {
    /// Quantizes the rows of one tile and lays their codes side by side.
    fn quantize_tile<V>(x: &[f32], k: usize, kernel: &Kernel, codes: &mut [Code], rows: &mut [RowCode]) {
        let (groups, _) = codes.as_chunks_mut::<GROUP>();
        let height = rows.len();
        for (row, (x, coded)) in x.chunks_exact(k).zip(rows).enumerate() {
            *coded = RowCode::of::<V>(x, kernel.range);
            let mut place = row;
            let (whole, rest) = x.as_chunks::<CODES>();
            for x in whole {
                // As words, which compilers move whole.
                let words: [u32; CODES / GROUP] = bytemuck::cast(coded.encode::<V>(x, kernel.range));
                for word in words {
                    groups[place] = bytemuck::cast(word);
                    place += height;
                }
            }
            if !rest.is_empty() {
                // What fills up the last group meets weights of zero.
                let mut last = [0.0; CODES];
                last[..rest.len()].copy_from_slice(rest);
                let codes = coded.encode::<V>(&last, kernel.range);
                for group in codes.as_chunks().0.iter().take(rest.len().div_ceil(GROUP)) {
                    groups[place] = *group;
                    place += height;
                }
            }
        }
    }
}
