//! 8-bit weights whose products with wide activation codes fit 16 bits two by two.
//!
//! `pmaddubsw` sums the products of two neighboring inputs in 16 bits, which saturate. With any two weights of 8 bits
//! the sum is exact for codes of 7 bits alone. But in few pairs of a matrix both weights are large and of one sign:
//! where those of each pair sum up to at most [`MAX_PAIR`], codes up to [`MAX_CODE`] are exact, which halves the
//! variance of their rounding. Rows with larger pairs are changed a little when they are packed: their scale is raised,
//! or the two weights of a pair are lowered, or some of both, whichever is estimated to err least. On ViT-B/32 that
//! adds a fifth to the variance of the weights' rounding, which is the smaller part.

use super::vector::vectorized;

/// Largest sum of the magnitudes of two neighboring weights of one sign. Of 150 to 220, this one had the least error on
/// checkpoints with activations like those of trained models.
pub const MAX_PAIR: i16 = 180;
/// Largest activation code whose products with such a pair fit 16 bits.
pub const MAX_CODE: i32 = i16::MAX as i32 / MAX_PAIR as i32;

/// The multiplier that changes nothing.
const ONE: i32 = 1 << 16;
/// Shares of the way from a row's scale to the one at which its largest pair fits.
const SHARES: [f32; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// Pairs that are compared at a time.
const CHUNK: usize = 64;

/// Changes a row of weights so that its pairs fit. The answer is the factor by which its scale is raised, or `None` where
/// they fit already.
pub fn narrow(row: &mut [i8]) -> Option<f32> {
    let mut largest = 0;
    largest_sum(row, &mut largest);
    if largest <= MAX_PAIR {
        return None;
    }
    let mut large = Vec::new();
    large_pairs(row, &mut large);
    let multiplier = best_multiplier(row.len(), largest, &large);
    if multiplier < ONE {
        multiply(row, multiplier);
    }
    let pairs = row.as_chunks_mut().0;
    large.iter().for_each(|(place, _)| lower(&mut pairs[*place]));
    Some(ONE as f32 / multiplier as f32)
}

/// The multiplier of a row's codes with the least error, in parts of [`ONE`], among some up to the one with which its
/// largest pair fits.
fn best_multiplier(weights: usize, largest: i16, large: &[(usize, i16)]) -> i32 {
    // The variance that is added, in squares of the old step: codes are rounded again, and pairs are lowered by halves.
    let error = |multiplier: i32| {
        let share = multiplier as f32 / ONE as f32;
        let rounding = if multiplier < ONE {
            weights as f32 / 12.0
        } else {
            0.0
        };
        let excess = |sum: i16| (f32::from(sum) * share - f32::from(MAX_PAIR)).max(0.0);
        let lowering: f32 = large.iter().map(|(_, sum)| excess(*sum).powi(2) / 2.0).sum();
        (rounding + lowering) / (share * share)
    };
    let least = f32::from(MAX_PAIR) / f32::from(largest);
    let multipliers = SHARES.map(|share| (ONE as f32 * (1.0 + share * (least - 1.0))) as i32);
    let best = multipliers
        .into_iter()
        .min_by(|a, b| error(*a).total_cmp(&error(*b)));
    best.unwrap_or(ONE)
}

vectorized! {
    /// Finds the largest [`sum`] of the pairs of a row.
    fn largest_sum<V>(_isa; row: &[i8], largest: &mut i16) {
        // By lanes, so that compilers vectorize it.
        let (mut most, mut least) = ([0i16; CHUNK], [0i16; CHUNK]);
        let mut take = |chunk: &[i8; 2 * CHUNK]| {
            for ((sum, most), least) in sums(chunk).iter().zip(&mut most).zip(&mut least) {
                *most = (*most).max(*sum);
                *least = (*least).min(*sum);
            }
        };
        let (chunks, rest) = row.as_chunks();
        chunks.iter().for_each(&mut take);
        take(&padded(rest));
        let of_both = most.into_iter().zip(least).map(|(most, least)| most.max(-least));
        *largest = of_both.fold(0, i16::max);
    }

    /// Finds the pairs of a row whose [`sum`] is too large.
    fn large_pairs<V>(_isa; row: &[i8], large: &mut Vec<(usize, i16)>) {
        for (i, chunk) in row.chunks(2 * CHUNK).enumerate() {
            let sums = sums(&padded(chunk));
            // Without an early exit, so that compilers vectorize it.
            if sums.iter().fold(0, |most, sum| most.max(sum.abs())) > MAX_PAIR {
                let places = sums.iter().map(|sum| sum.abs()).enumerate();
                let places = places.filter(|(_, sum)| *sum > MAX_PAIR);
                large.extend(places.map(|(place, sum)| (i * CHUNK + place, sum)));
            }
        }
    }

    /// Multiplies codes by parts of [`ONE`], rounded to nearest.
    fn multiply<V>(_isa; row: &mut [i8], multiplier: i32) {
        for code in row {
            *code = ((i32::from(*code) * multiplier + ONE / 2) >> ONE.trailing_zeros()) as i8;
        }
    }
}

/// A chunk, with zeros behind it where it is short.
#[inline(always)]
fn padded(chunk: &[i8]) -> [i8; 2 * CHUNK] {
    let mut padded = [0; 2 * CHUNK];
    padded[..chunk.len()].copy_from_slice(chunk);
    padded
}

/// The sums of the pairs of a chunk.
#[inline(always)]
fn sums(chunk: &[i8; 2 * CHUNK]) -> [i16; CHUNK] {
    // Numbers of 16 bits, whose halves shifts take apart, are vectorized better than two of 8.
    let words: [i16; CHUNK] = bytemuck::cast(*chunk);
    let mut sums = [0; CHUNK];
    for (sum, word) in sums.iter_mut().zip(&words) {
        *sum = (word << 8 >> 8) + (word >> 8);
    }
    sums
}

/// The sum of the magnitudes of two weights of one sign. (Where signs differ it is something smaller: a pair that is too
/// large has one sign.)
fn sum([a, b]: &[i8; 2]) -> i16 {
    (i16::from(*a) + i16::from(*b)).abs()
}

/// Lowers both weights of a pair by half of what their sum exceeds the largest by.
fn lower(pair: &mut [i8; 2]) {
    let excess = sum(pair) - MAX_PAIR;
    if excess > 0 {
        let [a, b] = pair;
        *a -= ((excess + 1) / 2) as i8 * a.signum();
        *b -= (excess / 2) as i8 * b.signum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest(row: &[i8]) -> i16 {
        row.as_chunks().0.iter().map(sum).max().unwrap_or(0)
    }

    #[test]
    fn rows_that_fit_are_not_changed() {
        let row: Vec<i8> = (0..64).map(|i| if i % 2 == 0 { 127 } else { -127 }).collect();
        let mut narrowed = row.clone();
        assert_eq!(narrow(&mut narrowed), None);
        assert_eq!(narrowed, row);
    }

    #[test]
    fn all_pairs_fit_and_weights_stay_near() {
        for seed in 0..300u32 {
            let spread = 20 + seed % 100;
            let mut state = seed;
            let row: Vec<i8> = (0..768)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let sum: i32 = [0, 8, 16]
                        .map(|shift| (state >> shift & 255) as i32 - 127)
                        .iter()
                        .sum();
                    (sum * spread as i32 / 100).clamp(-127, 127) as i8
                })
                .collect();
            let mut narrowed = row.clone();
            let factor = narrow(&mut narrowed).unwrap_or(1.0);
            assert!(largest(&narrowed) <= MAX_PAIR && (1.0..1.42).contains(&factor));
            for (new, old) in narrowed.iter().zip(&row) {
                assert!((f32::from(*new) * factor - f32::from(*old)).abs() <= 38.0);
            }
        }
    }

    #[test]
    fn extremes_fit_exactly() {
        for pair in [
            [127, 127],
            [-127, -127],
            [127, 54],
            [-127, -54],
            [91, 90],
            [0, -127],
        ] {
            for others in [0, 766] {
                let mut row = vec![0i8; others];
                row.extend(pair);
                narrow(&mut row);
                assert!(largest(&row) <= MAX_PAIR);
                assert!(i32::from(largest(&row)) * MAX_CODE <= i32::from(i16::MAX));
            }
        }
    }
}
