//! Pillow's antialiased resize, to the last bit, of the part that a crop will show.
//!
//! The method is that of Pillow's `Resample.c`: a filter stretched by the scale, its weights
//! normalized and rounded to 22-bit fixed point, a horizontal pass into bytes, then a vertical one, or
//! the other way round for tall images. Only the taps of the crop's columns and rows are computed, and
//! only the source pixels they read.

use super::decoded::DecodedImage;
use cliplet_kernels::resample::{HALF, PRECISION, Taps, across, add_rows, clip_sums};
use std::collections::VecDeque;
use std::f64::consts::PI;
use std::ops::Range;

/// Source rows read at once: a cache line's worth of columns where the image is turned.
const BLOCK: usize = 16;

/// Pillow's filters, by its numbers in `preprocessor_config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// 0: the pixel under the center.
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

/// The part of the resized image that is wanted.
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
        let centers = std::iter::successors(Some(scale * 0.5), |center| Some(center + scale));
        return centers
            .skip(outputs.start)
            .take(outputs.len())
            .map(|center| Taps::single((center as usize).min(input - 1)))
            .collect();
    }
    outputs
        .map(|index| taps_around(filter, input, scale, (index as f64 + 0.5) * scale))
        .collect()
}

/// The taps around `center` among `input` pixels.
fn taps_around(filter: Filter, input: usize, scale: f64, center: f64) -> Taps {
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    let first = (center - support + 0.5).max(0.0) as usize;
    let end = ((center + support + 0.5) as usize).min(input);
    let mut weights: Vec<f64> = (first..end)
        .map(|x| filter.weight((x as f64 - center + 0.5) * (1.0 / stretch)))
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

/// Resizes `image` to `width` x `height` and returns the `crop` of it: RGB bytes, row by row.
pub(super) fn resize_and_crop(
    image: &DecodedImage,
    width: usize,
    height: usize,
    filter: Filter,
    crop: &Crop,
) -> Vec<u8> {
    if (width, height) == (image.width(), image.height()) {
        let mut out = vec![0; crop.rows.len() * crop.columns.len() * 3];
        image.read(crop.rows.clone(), crop.columns.clone(), &mut out);
        return out;
    }
    let columns = taps_of_each(filter, image.width(), width, crop.columns.clone());
    let rows = taps_of_each(filter, image.height(), height, crop.rows.clone());
    if is_vertical_first(image, width, height) {
        vertical_first(image, &columns, &rows)
    } else {
        horizontal_first(image, &columns, &rows)
    }
}

/// Pillow resizes vertically first where the height shrinks by more than twice as many pixels as the width does
/// (since its version 13). Bytes are rounded between the passes, so the order shows.
fn is_vertical_first(image: &DecodedImage, width: usize, height: usize) -> bool {
    let shrinks_by = |from: usize, to: usize| from as i64 - to as i64;
    let (less_width, less_height) = (
        shrinks_by(image.width(), width),
        shrinks_by(image.height(), height),
    );
    less_height > 0 && less_height > 2 * less_width
}

/// The source pixels that any of `taps` reads.
fn hull(taps: &[Taps]) -> Range<usize> {
    let first = taps.iter().map(|taps| taps.first).min().unwrap_or(0);
    let end = taps.iter().map(|taps| taps.range().end).max().unwrap_or(0);
    first..end
}

/// Source rows as RGB, a block at a time, of the columns that are needed.
struct Blocks<'a> {
    image: &'a DecodedImage<'a>,
    columns: Range<usize>,
    rows: Range<usize>,
    rgb: Vec<u8>,
}

impl<'a> Blocks<'a> {
    fn new(image: &'a DecodedImage, columns: Range<usize>, rows: Range<usize>) -> Self {
        let room = columns.len() * 3 * BLOCK.min(rows.len());
        Self {
            image,
            columns,
            rows,
            // A byte more than there are, since pixels are read four bytes at a time.
            rgb: vec![0; room + 1],
        }
    }

    fn row_bytes(&self) -> usize {
        self.columns.len() * 3
    }

    /// The next rows and their bytes, one byte more than pixels; none at the end.
    fn next(&mut self) -> Option<(Range<usize>, &[u8])> {
        let rows = self.rows.start..(self.rows.start + BLOCK).min(self.rows.end);
        if rows.is_empty() {
            return None;
        }
        self.rows.start = rows.end;
        let bytes = rows.len() * self.row_bytes();
        self.image
            .read(rows.clone(), self.columns.clone(), &mut self.rgb[..bytes]);
        Some((rows, &self.rgb[..bytes + 1]))
    }
}

/// Each source row is narrowed into bytes, then those rows are added up.
fn horizontal_first(image: &DecodedImage, columns: &[Taps], rows: &[Taps]) -> Vec<u8> {
    let (source_columns, source_rows) = (hull(columns), hull(rows));
    let out_bytes = columns.len() * 3;
    let mut narrowed = vec![0; source_rows.len() * out_bytes + 1];
    let mut blocks = Blocks::new(image, source_columns.clone(), source_rows.clone());
    let row_bytes = blocks.row_bytes();
    while let Some((block_rows, rgb)) = blocks.next() {
        for row in block_rows.clone() {
            let source = &rgb[(row - block_rows.start) * row_bytes..][..row_bytes + 1];
            let out = &mut narrowed[(row - source_rows.start) * out_bytes..][..out_bytes + 1];
            across(source, source_columns.start, columns, out);
        }
    }
    let mut out = vec![0; rows.len() * out_bytes];
    let mut sums = vec![0; out_bytes];
    for (taps, out) in rows.iter().zip(out.chunks_exact_mut(out_bytes)) {
        sums.fill(HALF);
        add_rows(
            &narrowed[(taps.first - source_rows.start) * out_bytes..],
            &taps.weights,
            &mut sums,
        );
        clip_sums(&sums, out);
    }
    out
}

/// Source rows are added up into rows of bytes, then each of those is narrowed.
fn vertical_first(image: &DecodedImage, columns: &[Taps], rows: &[Taps]) -> Vec<u8> {
    let source_columns = hull(columns);
    let out_bytes = columns.len() * 3;
    let mut out = vec![0; rows.len() * out_bytes + 1];
    let mut blocks = Blocks::new(image, source_columns.clone(), hull(rows));
    let row_bytes = blocks.row_bytes();
    let mut flattened = vec![0; row_bytes + 1];
    // Sums of the output rows that the blocks so far have begun and not ended, from the row `done` on.
    let mut begun: VecDeque<Vec<i32>> = VecDeque::new();
    let mut done = 0;
    while let Some((block_rows, rgb)) = blocks.next() {
        while let Some(taps) = rows.get(done + begun.len())
            && taps.first < block_rows.end
        {
            begun.push_back(vec![HALF; row_bytes]);
        }
        for (taps, sums) in rows[done..].iter().zip(&mut begun) {
            let shared = taps.first.max(block_rows.start)..taps.range().end.min(block_rows.end);
            if !shared.is_empty() {
                let weights = &taps.weights[shared.start - taps.first..shared.end - taps.first];
                add_rows(
                    &rgb[(shared.start - block_rows.start) * row_bytes..],
                    weights,
                    sums,
                );
            }
        }
        while let Some(sums) = begun.front()
            && rows[done].range().end <= block_rows.end
        {
            clip_sums(sums, &mut flattened);
            let out = &mut out[done * out_bytes..][..out_bytes + 1];
            across(&flattened, source_columns.start, columns, out);
            begun.pop_front();
            done += 1;
        }
    }
    out.pop();
    out
}
