//! Pillow's antialiased resize, to the last bit, of the part that a crop will show.
//!
//! The method is that of Pillow's `Resample.c`: a filter stretched by the scale, its weights
//! normalised and rounded to 22-bit fixed point, a horizontal pass into bytes, then a vertical one.
//! Only the taps of the crop's columns and rows are computed, and only the source rows they read.

use super::picture::Picture;
use cliplet_kernels::resample::{PRECISION, Taps, across, down};
use std::f64::consts::PI;
use std::ops::Range;

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

/// The taps of each of `outputs` when `input` pixels become `output`.
fn taps_of_each(filter: Filter, input: usize, output: usize, outputs: Range<usize>) -> Vec<Taps> {
    if input == output {
        return outputs.map(Taps::single).collect();
    }
    let scale = input as f64 / output as f64;
    if filter == Filter::Nearest {
        // Pillow adds the scale up, and on edges between pixels the sum's rounding decides.
        let centres = std::iter::successors(Some(scale * 0.5), |centre| Some(centre + scale));
        return centres
            .skip(outputs.start)
            .take(outputs.len())
            .map(|centre| Taps::single((centre as usize).min(input - 1)))
            .collect();
    }
    outputs
        .map(|index| taps_around(filter, input, scale, (index as f64 + 0.5) * scale))
        .collect()
}

/// The taps around `centre` among `input` pixels.
fn taps_around(filter: Filter, input: usize, scale: f64, centre: f64) -> Taps {
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
    Taps {
        first,
        weights: weights.into_iter().map(fixed).collect(),
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
    let columns = taps_of_each(filter, picture.width(), width, crop.columns.clone());
    let lines = taps_of_each(filter, picture.height(), height, crop.rows.clone());
    let rows = hull(&lines);
    let narrowed = horizontal(picture, rows.clone(), &columns);

    let row_bytes = crop.columns.len() * 3;
    let mut out = vec![0; crop.rows.len() * row_bytes];
    let mut sums = vec![0i32; row_bytes];
    for (taps, out) in lines.iter().zip(out.chunks_exact_mut(row_bytes)) {
        let source = &narrowed[(taps.first - rows.start) * row_bytes..];
        down(source, &taps.weights, &mut sums, out);
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
    let (row_bytes, out_bytes) = (columns.len() * 3, taps.len() * 3);
    // A byte more than there are, since pixels are read and written four bytes at a time.
    let mut block = vec![0; row_bytes * BLOCK.min(rows.len()) + 1];
    let mut out = vec![0; rows.len() * out_bytes + 1];
    for start in rows.clone().step_by(BLOCK) {
        let end = (start + BLOCK).min(rows.end);
        picture.read(
            start..end,
            columns.clone(),
            &mut block[..(end - start) * row_bytes],
        );
        for row in start..end {
            let source = &block[(row - start) * row_bytes..][..row_bytes + 1];
            let out = &mut out[(row - rows.start) * out_bytes..][..out_bytes + 1];
            across(source, columns.start, taps, out);
        }
    }
    out.pop();
    out
}
