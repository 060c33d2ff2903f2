//! The sums of a resampled image: bytes times fixed-point weights, exactly, in 32 bits.

use std::ops::Range;

use super::vector::vectorized;

/// Fraction bits of a weight: 8 bits of pixel and 2 of headroom remain in an `i32`.
pub const PRECISION: u32 = 32 - 8 - 2;
/// One half: a sum that begins with it is rounded to the nearest byte.
pub const HALF: i32 = 1 << (PRECISION - 1);

/// Which source pixels make one output pixel, and their weights.
pub struct Taps {
    /// The first of them.
    pub first: usize,
    /// Their weights, with [`PRECISION`] fraction bits.
    pub weights: Vec<i32>,
}

impl Taps {
    /// One source pixel, unchanged.
    pub fn single(pixel: usize) -> Self {
        Self {
            first: pixel,
            weights: vec![1 << PRECISION],
        }
    }

    /// The source pixels that are read.
    pub fn range(&self) -> Range<usize> {
        self.first..self.first + self.weights.len()
    }
}

vectorized! {
    /// One row of the horizontal pass: `row` is interleaved RGB from pixel `start` on, and a byte more; `out` a
    /// pixel for each of `taps`, and a byte more, which has no meaning.
    ///
    /// # Panics
    /// Where lengths do not match.
    pub fn across<V>(_isa; row: &[u8], start: usize, taps: &[Taps], out: &mut [u8]) {
        for (pixel, taps) in taps.iter().enumerate() {
            let source = &row[3 * (taps.first - start)..][..3 * taps.weights.len() + 1];
            // Four sums, as many as a vector has: the last is written over by the next pixel's.
            let mut sums = [HALF; 4];
            for (tap, weight) in taps.weights.iter().enumerate() {
                let bytes: &[u8; 4] = source[3 * tap..].first_chunk().expect("a byte more than pixels");
                for c in 0..4 {
                    sums[c] += weight * i32::from(bytes[c]);
                }
            }
            let out: &mut [u8; 4] = out[3 * pixel..].first_chunk_mut().expect("a byte more than pixels");
            for c in 0..4 {
                out[c] = clip(sums[c]);
            }
        }
    }

    /// A part of the vertical pass: adds to `sums` the bytes of `rows`, each as long as `sums`, times their weights.
    /// Sums begin at [`HALF`].
    pub fn add_rows<V>(_isa; rows: &[u8], weights: &[i32], sums: &mut [i32]) {
        for (weight, row) in weights.iter().zip(rows.chunks_exact(sums.len())) {
            for (sum, byte) in sums.iter_mut().zip(row) {
                *sum += weight * i32::from(*byte);
            }
        }
    }

    /// The end of the vertical pass: the bytes of `sums`.
    pub fn clip_sums<V>(_isa; sums: &[i32], out: &mut [u8]) {
        for (byte, sum) in out.iter_mut().zip(sums) {
            *byte = clip(*sum);
        }
    }
}

/// A fixed-point sum to the byte it means.
#[inline(always)]
fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
