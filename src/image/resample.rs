//! Pillow's antialiased resize, to the last bit, of the part that a crop will show.
//!
//! The method is that of Pillow's `Resample.c`: a filter stretched by the scale, its weights
//! normalised and rounded to 22-bit fixed point, a horizontal pass into bytes, then a vertical one.
//! Only the taps of the crop's columns and rows are computed, and only the source rows they read.

use super::picture::Picture;
use std::f64::consts::PI;
use std::ops::Range;

/// Fraction bits of a weight: 8 bits of pixel and 2 of headroom remain in an `i32`.
const PRECISION: u32 = 32 - 8 - 2;
/// Source rows read at once: a cache line's worth of columns where the picture is turned.
const BLOCK: usize = 16;

/// Pillow's filters, by its numbers in `preprocessor_config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// 0: the pixel under the centre.
    Nearest,
    /// 1
    Lanczos,
    /// 2
    Bilinear,
    /// 3, with a = -0.5
    Bicubic,
    /// 4
    Box,
    /// 5
    Hamming,
}

impl Filter {
    /// The filter of Pillow's number, if there is one.
    pub fn from_pillow(number: u8) -> Option<Self> {
        let all = [
            Self::Nearest,
            Self::Lanczos,
            Self::Bilinear,
            Self::Bicubic,
            Self::Box,
            Self::Hamming,
        ];
        all.get(usize::from(number)).copied()
    }

    /// Half the width of the filter at scale one.
    fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
        let distance = x.abs();
        match self {
            Self::Nearest | Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear if distance < 1.0 => 1.0 - distance,
            Self::Hamming if distance == 0.0 => 1.0,
            Self::Hamming if distance < 1.0 => sinc(distance) * (0.54 + 0.46 * (distance * PI).cos()),
            Self::Bicubic if distance < 1.0 => ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0,
            Self::Bicubic if distance < 2.0 => (((distance - 5.0) * distance + 8.0) * distance - 4.0) * A,
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

/// The part of the resized picture that is wanted.
pub(super) struct Crop {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

/// Which source pixels make one output pixel, and their weights.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Taps {
    /// The taps of each of `outputs` when `input` pixels become `output`.
    fn of_each(filter: Filter, input: usize, output: usize, outputs: Range<usize>) -> Vec<Self> {
        if input == output {
            return outputs.map(Self::one).collect();
        }
        let scale = input as f64 / output as f64;
        if filter == Filter::Nearest {
            // Pillow adds the scale up, and on edges between pixels the sum's rounding decides.
            let centres = std::iter::successors(Some(scale * 0.5), |centre| Some(centre + scale));
            return centres
                .skip(outputs.start)
                .take(outputs.len())
                .map(|centre| Self::one((centre as usize).min(input - 1)))
                .collect();
        }
        outputs
            .map(|index| Self::weighted(filter, input, scale, (index as f64 + 0.5) * scale))
            .collect()
    }

    fn one(pixel: usize) -> Self {
        Self {
            first: pixel,
            weights: vec![1 << PRECISION],
        }
    }

    /// The taps around `centre` among `input` pixels.
    fn weighted(filter: Filter, input: usize, scale: f64, centre: f64) -> Self {
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(input);
        let mut weights: Vec<f64> = (first..end)
            .map(|x| filter.weight((x as f64 - centre + 0.5) * (1.0 / stretch)))
            .collect();
        let sum: f64 = weights.iter().sum();
        if sum != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        let fixed = |weight: f64| (weight * f64::from(1 << PRECISION)).round() as i32;
        Self {
            first,
            weights: weights.into_iter().map(fixed).collect(),
        }
    }

    fn range(&self) -> Range<usize> {
        self.first..self.first + self.weights.len()
    }
}

/// Resizes `picture` to `width` x `height` and returns the `crop` of it: RGB bytes, row by row.
pub(super) fn resize_and_crop(
    picture: &Picture,
    width: usize,
    height: usize,
    filter: Filter,
    crop: &Crop,
) -> Vec<u8> {
    if (width, height) == (picture.width(), picture.height()) {
        let mut out = vec![0; crop.rows.len() * crop.columns.len() * 3];
        picture.read(crop.rows.clone(), crop.columns.clone(), &mut out);
        return out;
    }
    let across = Taps::of_each(filter, picture.width(), width, crop.columns.clone());
    let down = Taps::of_each(filter, picture.height(), height, crop.rows.clone());
    let rows = hull(&down);
    let narrowed = horizontal(picture, rows.clone(), &across);

    let row_bytes = crop.columns.len() * 3;
    let mut out = vec![0; crop.rows.len() * row_bytes];
    let mut sums = vec![0i32; row_bytes];
    for (taps, out) in down.iter().zip(out.chunks_exact_mut(row_bytes)) {
        sums.fill(1 << (PRECISION - 1));
        let source = &narrowed[(taps.first - rows.start) * row_bytes..];
        for (weight, source) in taps.weights.iter().zip(source.chunks_exact(row_bytes)) {
            for (sum, byte) in sums.iter_mut().zip(source) {
                *sum += weight * i32::from(*byte);
            }
        }
        for (byte, sum) in out.iter_mut().zip(&sums) {
            *byte = clip(*sum);
        }
    }
    out
}

/// The source pixels that any of `taps` reads.
fn hull(taps: &[Taps]) -> Range<usize> {
    let first = taps.iter().map(|taps| taps.first).min().unwrap_or(0);
    let end = taps.iter().map(|taps| taps.range().end).max().unwrap_or(0);
    first..end
}

/// The horizontal pass over `rows` of the picture: RGB bytes, a row as long as there are `taps`.
fn horizontal(picture: &Picture, rows: Range<usize>, taps: &[Taps]) -> Vec<u8> {
    let columns = hull(taps);
    let row_bytes = columns.len() * 3;
    let mut block = vec![0; row_bytes * BLOCK.min(rows.len())];
    let mut out = Vec::with_capacity(rows.len() * taps.len() * 3);
    // Each weight thrice, so that weights and interleaved bytes run side by side.
    let thrice: Vec<Vec<i32>> = taps
        .iter()
        .map(|taps| taps.weights.iter().flat_map(|weight| [*weight; 3]).collect())
        .collect();
    for start in rows.clone().step_by(BLOCK) {
        let end = (start + BLOCK).min(rows.end);
        let block = &mut block[..(end - start) * row_bytes];
        picture.read(start..end, columns.clone(), block);
        for row in block.chunks_exact(row_bytes) {
            for (taps, weights) in taps.iter().zip(&thrice) {
                let source = &row[(taps.first - columns.start) * 3..][..weights.len()];
                out.extend(weighted_pixel(source, weights));
            }
        }
    }
    out
}

/// One output pixel: `source` interleaved RGB, `weights` as long.
fn weighted_pixel(source: &[u8], weights: &[i32]) -> [u8; 3] {
    // Twelve sums, four pixels at a time: a shape that compilers turn into vectors.
    let mut sums = [0i32; 12];
    let (source_chunks, source_rest) = source.as_chunks::<12>();
    let (weight_chunks, weight_rest) = weights.as_chunks::<12>();
    for (source, weights) in source_chunks.iter().zip(weight_chunks) {
        for ((sum, byte), weight) in sums.iter_mut().zip(source).zip(weights) {
            *sum += i32::from(*byte) * weight;
        }
    }
    for ((sum, byte), weight) in sums.iter_mut().zip(source_rest).zip(weight_rest) {
        *sum += i32::from(*byte) * weight;
    }
    std::array::from_fn(|c| clip((1 << (PRECISION - 1)) + sums[c] + sums[c + 3] + sums[c + 6] + sums[c + 9]))
}

/// A fixed-point sum to the byte it means.
fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
