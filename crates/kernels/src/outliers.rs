//! Activations far outside of the usual range of their row.
//!
//! Trained transformers have a few channels, and a few tokens, whose activations stand out by ten or a hundred times
//! ("massive activations", Sun et al. 2024, arXiv:2402.17762). A row's scale that covers them leaves few codes for all
//! other values. So a row's codes cover its usual range, and an outlier keeps what its code cannot hold in a second
//! code, a [`step`] of the first one's range each:
//!
//! `x ≈ scale * (code ± step * high - zero)`
//!
//! The second codes of a tile are nearly all zero. Only those groups of inputs that hold an outlier are multiplied,
//! as one more small product by the same kernel, with a copy of their weights (negated for outliers below the range,
//! so that second codes are never negative). All sums are exact integers, as without outliers.

use super::dispatch::{Kernel, Tile};
use super::layout::{Code, CodeRange, GROUP, PANEL};

/// Multiple of a row's mean magnitude that is tried as the limit first: for normally distributed values 3.6 standard
/// deviations, which one in three thousand exceeds.
const MIN_RATIO: f32 = 4.5;
/// Least ratio of the largest value to the limit: a range that is hardly smaller is not worth second codes.
const MIN_GAIN: f32 = 1.25;
/// Largest number of outliers in a row. Where more values exceed the limit, the limit is raised.
const MAX_OUTLIERS: usize = 5;
/// Factor by which the limit is raised.
const RAISE: f32 = std::f32::consts::SQRT_2;
/// Largest ratio of an outlier to its row's limit, so that second codes fit the range of every kernel.
const MAX_PEAK: f32 = 48.0;
/// Smallest range of first codes, in limits: an outlier of [`MAX_PEAK`] limits then has a second code of at most 120.
const MIN_RANGE: f32 = 0.4;
/// Values that are compared at a time.
const CHUNK: usize = 32;

/// Multiples of a code that one second code stands for: all codes of the range.
pub fn step(range: CodeRange) -> i32 {
    range.high - range.low + 1
}

/// The magnitude above which values of a row are outliers: infinite where there are none.
///
/// `mean` is the mean magnitude of the row, `peak` the largest. A range of more than 8 bits needs no second codes.
#[inline(always)]
pub fn limit(x: &[f32], mean: f32, peak: f32, range: CodeRange) -> f32 {
    let mut limit = MIN_RATIO * mean;
    // Also where a value is not finite: no limit is less than infinity then.
    if step(range) > 256 || !(peak > MIN_GAIN * limit && peak < f32::MAX) {
        return f32::INFINITY;
    }
    limit = limit.max(peak / MAX_PEAK);
    // Rounding would hold up the growth of a number that is not normal.
    if limit < f32::MIN_POSITIVE {
        return f32::INFINITY;
    }
    loop {
        match count_above(x, limit) {
            0 => return f32::INFINITY,
            1..=MAX_OUTLIERS => return limit,
            _ => limit *= RAISE,
        }
    }
}

/// Number of values whose magnitude is above `limit`.
#[inline(always)]
fn count_above(x: &[f32], limit: f32) -> usize {
    // By lanes, so that compilers vectorize it.
    let mut counts = [0u32; CHUNK];
    let (chunks, rest) = x.as_chunks::<CHUNK>();
    for chunk in chunks {
        for (count, x) in counts.iter_mut().zip(chunk) {
            *count += u32::from(x.abs() > limit);
        }
    }
    let of_rest = rest.iter().filter(|x| x.abs() > limit).count();
    counts.iter().sum::<u32>() as usize + of_rest
}

/// The places and values of a row whose magnitude is above `limit`.
pub fn above(x: &[f32], limit: f32) -> impl Iterator<Item = (usize, f32)> {
    let chunks = x.chunks(CHUNK).enumerate();
    // Without an early exit, so that compilers vectorize it.
    let has_any = move |chunk: &[f32]| chunk.iter().fold(false, |found, x| found | (x.abs() > limit));
    chunks
        .filter(move |(_, chunk)| has_any(chunk))
        .flat_map(move |(i, chunk)| {
            let places = chunk.iter().enumerate().map(move |(j, &x)| (i * CHUNK + j, x));
            places.filter(move |(_, x)| x.abs() > limit)
        })
}

/// The range that first codes are to cover: from the smallest to the largest of zero and the values whose magnitude is
/// at most `limit`, and wide enough that second codes of all others fit.
#[inline(always)]
pub fn usual_range(x: &[f32], limit: f32) -> (f32, f32) {
    // By lanes, so that compilers vectorize it.
    let (mut low, mut high) = ([0.0f32; CHUNK], [0.0f32; CHUNK]);
    let mut take = |chunk: &[f32; CHUNK]| {
        for ((x, low), high) in chunk.iter().zip(&mut low).zip(&mut high) {
            let x = if x.abs() <= limit { *x } else { 0.0 };
            *low = if x < *low { x } else { *low };
            *high = if x > *high { x } else { *high };
        }
    };
    let (chunks, rest) = x.as_chunks::<CHUNK>();
    chunks.iter().for_each(&mut take);
    let mut last = [0.0; CHUNK];
    last[..rest.len()].copy_from_slice(rest);
    take(&last);
    let low = low.into_iter().fold(0.0, f32::min);
    let high = high.into_iter().fold(0.0, f32::max);
    (low, high.max(MIN_RANGE * limit))
}

/// First and second code of an outlier whose integer is `total`; the second is negative below the range.
pub fn split(total: i32, range: CodeRange) -> (i32, i32) {
    let step = step(range);
    let above = (total - range.high + step - 1).div_euclid(step).max(0);
    let below = (range.low - total + step - 1).div_euclid(step).max(0);
    let high = (above - below).clamp(-range.high, range.high);
    ((total - step * high).clamp(range.low, range.high), high)
}

/// The second codes of a tile.
#[derive(Debug, Default)]
pub struct Outliers {
    /// Groups of inputs with an outlier, and if the outlier is below its row's range.
    groups: Vec<(usize, bool)>,
    /// Their second codes, `[groups, rows, GROUP]`.
    codes: Vec<Code>,
}

impl Outliers {
    /// Adds the second code `high` of `input` in `row` of a tile of `rows`.
    pub fn push(&mut self, rows: usize, row: usize, input: usize, high: i32) {
        let key = (input / GROUP, high < 0);
        let index = self.groups.iter().position(|group| *group == key);
        let index = index.unwrap_or_else(|| {
            self.groups.push(key);
            self.codes.resize(self.groups.len() * rows * GROUP, 0);
            self.groups.len() - 1
        });
        self.codes[(index * rows + row) * GROUP + input % GROUP] = high.unsigned_abs() as Code;
    }

    /// Adds the products of second codes to `sums`, `[rows, panels]`, of a tile of `rows` whose codes have the `range`,
    /// with `weights`, `[panels, groups, PANEL, GROUP]`. `weights_of_groups` and `high_sums` are memory to be reused.
    pub fn add_to(
        &self,
        (kernel, range): (&Kernel, CodeRange),
        (rows, panels): (usize, usize),
        weights: &[i8],
        weights_of_groups: &mut Vec<i8>,
        sums: &mut [[i32; PANEL]],
        high_sums: &mut [[i32; PANEL]],
    ) {
        const BLOCK: usize = PANEL * GROUP;
        if self.groups.is_empty() {
            return;
        }
        weights_of_groups.clear();
        for panel in weights.chunks_exact(weights.len() / panels) {
            for &(group, negative) in &self.groups {
                let block = &panel[group * BLOCK..][..BLOCK];
                if negative {
                    weights_of_groups.extend(block.iter().map(|w| -w));
                } else {
                    weights_of_groups.extend_from_slice(block);
                }
            }
        }
        let tile = Tile::new(&self.codes, weights_of_groups, rows, panels, self.groups.len());
        kernel.dot(&tile, high_sums);
        let step = step(range);
        let sums = sums[..rows * panels].as_flattened_mut();
        for (sum, high) in sums.iter_mut().zip(high_sums.as_flattened()) {
            *sum += step * high;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_second_codes_make_the_integer() {
        for range in [CodeRange::U7, CodeRange::U8, CodeRange::S8] {
            for total in -12_000..12_000 {
                let (low, high) = split(total, range);
                assert!((range.low..=range.high).contains(&low), "{total} became {low}");
                assert_eq!(low + step(range) * high, total);
                assert_eq!(high == 0, (range.low..=range.high).contains(&total));
            }
        }
    }

    #[test]
    fn limits_leave_few_values_above() {
        let wave: Vec<f32> = (0..768).map(|i| (i as f32 * 0.7).sin()).collect();
        let of = |x: &[f32], range| {
            let mean = x.iter().map(|x| x.abs()).sum::<f32>() / x.len() as f32;
            limit(x, mean, x.iter().fold(0.0, |peak, x| peak.max(x.abs())), range)
        };
        assert_eq!(of(&wave, CodeRange::U8), f32::INFINITY);
        let mut x = wave.clone();
        (x[3], x[500]) = (40.0, -70.0);
        assert!((3.0..4.5).contains(&of(&x, CodeRange::U7)));
        assert_eq!(of(&x, CodeRange::S11), f32::INFINITY);
        let (low, high) = usual_range(&x, 2.0);
        assert!((-1.0..-0.99).contains(&low) && (0.99..=1.0).contains(&high));
        assert_eq!(usual_range(&x, 5.0).1, 5.0 * MIN_RANGE);
        x[..20].fill(30.0);
        assert!((30.0..70.0).contains(&of(&x, CodeRange::S8)));
        for tiny in [1e-45, 1e-44, 1e-40] {
            let few: Vec<f32> = (0..768).map(|i| if i % 100 == 0 { tiny } else { 0.0 }).collect();
            assert_eq!(of(&few, CodeRange::U8), f32::INFINITY, "{tiny}");
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            x[7] = bad;
            assert_eq!(of(&x, CodeRange::U8), f32::INFINITY, "{bad}");
        }
    }
}
