//! Smoothing of progressive images whose AC values have not all arrived: where a low frequency of a block
//! is still unknown, it is estimated from the DC values of the 5x5 blocks around (`jdcoefct.c` of
//! libjpeg-turbo; section K.8 of T.81 describes the idea for 3x3 blocks).

use super::entropy::Block;
use super::store::Store;

/// Coefficients whose state is followed, in zigzag order: DC and the nine that are estimated.
pub(super) const FOLLOWED: usize = 10;

/// For each coefficient the lowest bit that has arrived, -1 for none.
pub(super) type KnownBits = [i8; FOLLOWED];

/// DC values of a block and of those around, row by row.
type Window = [[i32; 5]; 5];

/// Where the nine coefficients stand in natural order.
const PLACES: [usize; FOLLOWED] = [0, 1, 8, 16, 9, 2, 3, 10, 17, 24];

/// Weights of the DC values, in 256ths, where no AC value has arrived: a Gaussian-like surface. The first
/// are those of the DC value itself.
#[rustfmt::skip]
const SURFACE: [Window; FOLLOWED] = [
    [[-2, -6, -8, -6, -2], [-6, 6, 42, 6, -6], [-8, 42, 152, 42, -8], [-6, 6, 42, 6, -6], [-2, -6, -8, -6, -2]],
    [[-1, -1, 0, 1, 1], [-3, 13, 0, -13, 3], [-3, 38, 0, -38, 3], [-3, 13, 0, -13, 3], [-1, -1, 0, 1, 1]],
    [[-1, -3, -3, -3, -1], [-1, 13, 38, 13, -1], [0; 5], [1, -13, -38, -13, 1], [1, 3, 3, 3, 1]],
    [[0, 0, 1, 0, 0], [0, 2, 7, 2, 0], [0, -5, -14, -5, 0], [0, 2, 7, 2, 0], [0, 0, 1, 0, 0]],
    [[-1, 0, 0, 0, 1], [0, 9, 0, -9, 0], [0; 5], [0, -9, 0, 9, 0], [1, 0, 0, 0, -1]],
    [[0; 5], [0, 2, -5, 2, 0], [1, 7, -14, 7, 1], [0, 2, -5, 2, 0], [0; 5]],
    [[0; 5], [0, 1, 0, -1, 0], [0, 2, 0, -2, 0], [0, 1, 0, -1, 0], [0; 5]],
    [[0; 5], [0, 1, -3, 1, 0], [0; 5], [0, -1, 3, -1, 0], [0; 5]],
    [[0; 5], [0, 1, 0, -1, 0], [0, -3, 0, 3, 0], [0, 1, 0, -1, 0], [0; 5]],
    [[0; 5], [0, 1, 2, 1, 0], [0; 5], [0, -1, -2, -1, 0], [0; 5]],
];

/// Smoothing where some AC values have arrived: five coefficients, and the DC value stays as it is.
#[rustfmt::skip]
const PARTIAL: [Window; 5] = [
    [[0; 5], [0; 5], [-7, 50, 0, -50, 7], [0; 5], [0; 5]],
    [[0, 0, -7, 0, 0], [0, 0, 50, 0, 0], [0; 5], [0, 0, -50, 0, 0], [0, 0, 7, 0, 0]],
    [[0, 0, -1, 0, 0], [0, 0, 13, 0, 0], [0, 0, -24, 0, 0], [0, 0, 13, 0, 0], [0, 0, -1, 0, 0]],
    [[0, -1, 0, 1, 0], [-1, 10, 0, -10, 1], [0; 5], [1, -10, 0, 10, -1], [0, 1, 0, -1, 0]],
    [[0; 5], [0; 5], [-1, 13, -24, 13, -1], [0; 5], [0; 5]],
];

/// Reports whether estimates are possible and of use: every component has its DC values and non-zero
/// quantization steps, and some low frequency is not exact yet.
pub(super) fn applies<'a>(components: impl Iterator<Item = (Option<&'a [u16; 64]>, &'a KnownBits)>) -> bool {
    let mut useful = false;
    for (quant, known) in components {
        let Some(quant) = quant else {
            return false;
        };
        if known[0] < 0 || PLACES.iter().any(|&place| quant[place] == 0) {
            return false;
        }
        useful |= known[1..].iter().any(|&bits| bits != 0);
    }
    useful
}

/// The rows of blocks that smoothing looks at for one row of blocks, from two above to two below.
///
/// `row` is the row of the MCU row `mcu_row` (of `mcu_rows`) that is wanted, `rows` how many of those
/// there are in this MCU row and `v` how many in every other. At the edges the nearest row stands for
/// those that are missing. Where the last MCU row is not full, libjpeg counts its place by `rows`.
pub(super) fn window_rows(row: usize, rows: usize, mcu_row: usize, mcu_rows: usize, v: usize) -> [usize; 5] {
    let counted = mcu_row * rows + row;
    let last = rows * mcu_rows - 1;
    let here = mcu_row * v + row;
    let above = if counted > 0 { here - 1 } else { here };
    let above2 = if counted > 1 { here - 2 } else { above };
    let below = if counted < last { here + 1 } else { here };
    let below2 = if counted + 1 < last { here + 2 } else { below };
    [above2, above, here, below, below2]
}

/// A block with its unknown low frequencies estimated. `rows` are as of [`window_rows`]; `width` is the
/// number of blocks across that hold pixels.
pub(super) fn smoothed(
    store: &Store,
    rows: [usize; 5],
    column: usize,
    width: usize,
    known: &KnownBits,
    quant: &[u16; 64],
) -> Block {
    let window: Window = rows.map(|row| {
        std::array::from_fn(|x| {
            let column = (column + x).saturating_sub(2).min(width - 1);
            i32::from(store.block(column, row)[0])
        })
    });
    let mut block = *store.block(column, rows[2]);
    let surface = known[1..].iter().all(|&bits| bits < 0);
    let weights: &[Window] = if surface { &SURFACE[1..] } else { &PARTIAL };
    for (index, weights) in (1..).zip(weights) {
        let place = PLACES[index];
        if known[index] != 0 && block[place] == 0 {
            block[place] = estimate(&window, weights, quant[0], quant[place], known[index]);
        }
    }
    if surface {
        block[0] = estimate(&window, &SURFACE[0], quant[0], quant[0], -1);
    }
    block
}

/// The weighted sum of DC values in units of another quantization step, rounded; where all but the
/// lowest `known` bits are known to be zero, it is kept below them.
fn estimate(window: &Window, weights: &Window, dc_step: u16, step: u16, known: i8) -> i16 {
    let terms = window.iter().flatten().zip(weights.iter().flatten());
    let sum: i32 = terms.map(|(value, weight)| value * weight).sum();
    let sum = i64::from(dc_step) * i64::from(sum);
    let step = i64::from(step);
    let mut size = ((step << 7) + sum.abs()) / (step << 8);
    if known > 0 {
        size = size.min((1 << known) - 1);
    }
    (if sum >= 0 { size } else { -size }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_surface_has_no_frequencies() {
        for weights in SURFACE[1..].iter().chain(&PARTIAL) {
            assert_eq!(weights.iter().flatten().sum::<i32>(), 0);
        }
        assert_eq!(SURFACE[0].iter().flatten().sum::<i32>(), 256);
    }

    #[test]
    fn estimates_round_and_stay_below_what_is_known() {
        let window = [[0, 0, 0, 0, 0], [0; 5], [0, -10, 0, 10, 0], [0; 5], [0; 5]];
        assert_eq!(estimate(&window, &PARTIAL[0], 16, 16, -1), -4);
        assert_eq!(estimate(&window, &PARTIAL[0], 16, 16, 2), -3);
        assert_eq!(estimate(&window, &PARTIAL[0], 16, 64, -1), -1);
    }

    #[test]
    fn rows_end_at_the_edges() {
        assert_eq!(window_rows(0, 2, 0, 3, 2), [0, 0, 0, 1, 2]);
        assert_eq!(window_rows(1, 2, 0, 3, 2), [0, 0, 1, 2, 3]);
        assert_eq!(window_rows(1, 2, 1, 3, 2), [1, 2, 3, 4, 5]);
        assert_eq!(window_rows(0, 1, 2, 3, 2), [2, 3, 4, 4, 4]);
        assert_eq!(window_rows(0, 1, 0, 1, 1), [0; 5]);
    }

    #[test]
    fn smoothing_is_of_use_only_for_what_is_not_exact() {
        let quant = [1; 64];
        let exact = [0; FOLLOWED];
        let mut coarse = exact;
        coarse[5] = 1;
        assert!(!applies([(Some(&quant), &exact)].into_iter()));
        assert!(applies(
            [(Some(&quant), &exact), (Some(&quant), &coarse)].into_iter()
        ));
        assert!(!applies([(None, &coarse)].into_iter()));
        assert!(!applies([(Some(&[0; 64]), &coarse)].into_iter()));
        assert!(!applies([(Some(&quant), &[-1; FOLLOWED])].into_iter()));
    }
}
