//! 8-bit weights whose products with wide activation codes fit 16 bits two by two.
//!
//! `pmaddubsw` sums the products of two neighboring inputs in 16 bits, which saturate. With any two weights of 8 bits
//! the sum is exact for codes of 7 bits alone. But in few pairs of a matrix both weights are large and of one sign:
//! where those of each pair sum up to at most [`MAX_PAIR`], codes up to [`MAX_CODE`] are exact, which halves the
//! variance of their rounding. Rows with larger pairs are changed a little when they are packed: their scale is raised,
//! or the two weights of a pair are lowered, or some of both, whichever is estimated to err least. On ViT-B/32 that
//! adds a fifth to the variance of the weights' rounding, which is the smaller part.

use super::vector::{round_to_i32, vectorized};

/// Largest sum of the magnitudes of two neighboring weights of one sign. Of 150 to 220, this one had the least error on
/// checkpoints with activations like those of trained models.
pub const MAX_PAIR: i16 = 180;
/// Largest activation code whose products with such a pair fit 16 bits.
pub const MAX_CODE: i32 = i16::MAX as i32 / MAX_PAIR as i32;

/// Shares of the way from a row's scale to the one at which its largest pair fits.
const SHARES: [f32; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// Pairs that are compared at a time.
const CHUNK: usize = 32;

/// Changes a row of weights so that its pairs fit. The answer is the factor by which its scale is raised, or `None` where
/// they fit already.
pub fn narrow(row: &mut [i8]) -> Option<f32> {
    let mut largest = 0;
    largest_sum(row, &mut largest);
    if largest <= MAX_PAIR {
        return None;
    }
    let sums = row.as_chunks().0.iter().map(sum).enumerate();
    let large: Vec<(usize, i16)> = sums.filter(|(_, sum)| *sum > MAX_PAIR).collect();
    // The variance that is added, in squares of the old step: codes are rounded again, and pairs are lowered by halves.
    let error = |factor: f32| {
        let rounding = if factor > 1.0 {
            row.len() as f32 / 12.0
        } else {
            0.0
        };
        let excess = |&(_, sum): &(usize, i16)| (f32::from(sum) / factor - f32::from(MAX_PAIR)).max(0.0);
        let lowering = large.iter().map(|pair| excess(pair).powi(2) / 2.0);
        factor * factor * (rounding + lowering.sum::<f32>())
    };
    let factors = SHARES.map(|share| 1.0 + share * (f32::from(largest) / f32::from(MAX_PAIR) - 1.0));
    let best = factors.into_iter().min_by(|a, b| error(*a).total_cmp(&error(*b)));
    let factor = best.unwrap_or(1.0);
    if factor > 1.0 {
        divide(row, factor);
    }
    let pairs = row.as_chunks_mut().0;
    large.iter().for_each(|(place, _)| lower(&mut pairs[*place]));
    Some(factor)
}

vectorized! {
    /// Finds the largest [`sum`] of the pairs of a row.
    fn largest_sum<V>(_isa; row: &[i8], largest: &mut i16) {
        // By lanes, so that compilers vectorize it.
        let mut lanes = [0i16; CHUNK];
        for pairs in row.as_chunks::<2>().0.chunks(CHUNK) {
            for (lane, pair) in lanes.iter_mut().zip(pairs) {
                *lane = (*lane).max(sum(pair));
            }
        }
        *largest = lanes.into_iter().fold(0, i16::max);
    }

    /// Divides codes by a factor, rounded to nearest.
    fn divide<V>(_isa; row: &mut [i8], factor: f32) {
        let inverse = 1.0 / factor;
        for code in row {
            *code = round_to_i32(f32::from(*code) * inverse) as i8;
        }
    }
}

/// The larger sum of the magnitudes of those of two weights that have one sign.
#[inline(always)]
fn sum(pair: &[i8; 2]) -> i16 {
    // One number of 16 bits, whose halves shifts take apart, is vectorized better than two of 8.
    let word = i16::from_le_bytes(bytemuck::cast(*pair));
    let (a, b) = (word << 8 >> 8, word >> 8);
    (a.max(0) + b.max(0)).max(-(a.min(0) + b.min(0)))
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
