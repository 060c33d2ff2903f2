//! The numbers that attention multiplies: floats, or codes of 16 bits.
//!
//! A lane of a product sums as many neighboring inputs as the machine multiplies at once: one float, or two codes. So
//! matrices are of items, `GROUP` numbers that lie side by side. Codes take half as many instructions. Their sums are
//! exact, so that each vector's equal those of `f32`, the scalar reference, bit for bit.

use super::lanes::{Lanes, MAGIC, MAX_LANES};

/// Two codes.
pub type Pair = [i16; 2];

/// Largest code.
const MAX_CODE: f32 = i16::MAX as f32;

/// A kind of number, of which a lane sums `GROUP` neighbors at once.
pub trait Number<const GROUP: usize>: Copy + Default {
    /// Sums of products, one a lane.
    type Sums<V: Lanes>: Copy;

    /// The largest magnitude of rows of `inner` numbers whose products with each other are summed.
    fn largest(inner: usize) -> f32;

    /// Writes a row's numbers, `x ≈ scale * number` of a magnitude up to `largest`, and returns the scale.
    fn encode<V: Lanes>(isa: V::Isa, x: &[f32], largest: f32, out: &mut [Self]) -> f32;

    /// Writes the numbers of weights that are not negative and have the sum `total`, as [`Self::encode`].
    fn encode_shares<V: Lanes>(isa: V::Isa, x: &[f32], total: f32, out: &mut [Self]) -> f32;

    /// Sums of nothing.
    fn no_sums<V: Lanes>(isa: V::Isa) -> Self::Sums<V>;

    /// Adds the products of an item with each of `b`.
    fn add<V: Lanes>(
        isa: V::Isa,
        sums: Self::Sums<V>,
        a: [Self; GROUP],
        b: &[[Self; GROUP]],
    ) -> Self::Sums<V>;

    /// Sums as floats.
    fn floats<V: Lanes>(isa: V::Isa, sums: Self::Sums<V>) -> V;
}

impl Number<1> for f32 {
    type Sums<V: Lanes> = V;

    fn largest(_: usize) -> f32 {
        f32::MAX
    }

    #[inline(always)]
    fn encode<V: Lanes>(_: V::Isa, x: &[f32], _: f32, out: &mut [Self]) -> f32 {
        out[..x.len()].copy_from_slice(x);
        1.0
    }

    #[inline(always)]
    fn encode_shares<V: Lanes>(isa: V::Isa, x: &[f32], _: f32, out: &mut [Self]) -> f32 {
        Self::encode::<V>(isa, x, f32::MAX, out)
    }

    #[inline(always)]
    fn no_sums<V: Lanes>(isa: V::Isa) -> V {
        V::splat(isa, 0.0)
    }

    #[inline(always)]
    fn add<V: Lanes>(isa: V::Isa, sums: V, [a]: [Self; 1], b: &[[Self; 1]]) -> V {
        V::splat(isa, a).mul_add(V::load(isa, b.as_flattened()), sums)
    }

    #[inline(always)]
    fn floats<V: Lanes>(_: V::Isa, sums: V) -> V {
        sums
    }
}

impl Number<2> for i16 {
    type Sums<V: Lanes> = V::PairSums;

    fn largest(inner: usize) -> f32 {
        let squares = f64::from(i32::MAX) / inner.max(1) as f64;
        (squares.sqrt().floor() as f32).min(MAX_CODE)
    }

    #[inline(always)]
    fn encode<V: Lanes>(isa: V::Isa, x: &[f32], largest: f32, out: &mut [Self]) -> f32 {
        codes::<V>(isa, x, peak::<V>(isa, x), largest, out)
    }

    /// As fractions of the total, the codes of any number of weights sum up to [`MAX_CODE`], and up to one half more for
    /// each that is rounded up. So sums of their products with codes fit 32 bits, of up to 65 000 weights.
    #[inline(always)]
    fn encode_shares<V: Lanes>(isa: V::Isa, x: &[f32], total: f32, out: &mut [Self]) -> f32 {
        codes::<V>(isa, x, total, MAX_CODE, out)
    }

    #[inline(always)]
    fn no_sums<V: Lanes>(isa: V::Isa) -> V::PairSums {
        V::no_pairs(isa)
    }

    #[inline(always)]
    fn add<V: Lanes>(isa: V::Isa, sums: V::PairSums, a: Pair, b: &[Pair]) -> V::PairSums {
        V::add_pairs(isa, sums, a, b)
    }

    #[inline(always)]
    fn floats<V: Lanes>(isa: V::Isa, sums: V::PairSums) -> V {
        V::from_pairs(isa, sums)
    }
}

/// Writes codes of which `largest` stands for `peak`, and returns what a step of them stands for. All are zero where the
/// peak is so small that a float cannot hold its inverse. Values that are not finite get unspecified codes.
#[inline(always)]
fn codes<V: Lanes>(isa: V::Isa, x: &[f32], peak: f32, largest: f32, out: &mut [i16]) -> f32 {
    let (scale, inverse) = match peak < 1e-30 {
        true => (0.0, 0.0),
        false => (peak / largest, largest / peak),
    };
    let (whole, rest) = x.split_at(x.len() / V::COUNT * V::COUNT);
    for at in (0..whole.len()).step_by(V::COUNT) {
        code(V::load(isa, &whole[at..]), inverse).store_pairs(&mut out[at..]);
    }
    if !rest.is_empty() {
        let (mut last, mut place) = ([0.0; MAX_LANES], [0; MAX_LANES]);
        last[..rest.len()].copy_from_slice(rest);
        code(V::load(isa, &last), inverse).store_pairs(&mut place);
        out[whole.len()..x.len()].copy_from_slice(&place[..rest.len()]);
    }
    scale
}

/// Codes of values as integers with [`MAGIC`] added.
#[inline(always)]
fn code<V: Lanes>(x: V, inverse: f32) -> V {
    x * x.same(inverse) + x.same(MAGIC)
}

/// Largest magnitude; zero if there is none. NaN is ignored.
#[inline(always)]
fn peak<V: Lanes>(isa: V::Isa, x: &[f32]) -> f32 {
    let mut peak = V::splat(isa, 0.0);
    let chunks = x.chunks_exact(V::COUNT);
    let mut last = [0.0; MAX_LANES];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    for x in chunks {
        peak = peak.max(V::load(isa, x).abs());
    }
    peak.max(V::load(isa, &last).abs()).reduce_max()
}

/// `out = a b`, each column times its scale where there are any: `a` is `[ROWS, at least inner]` of items, `b` is
/// `[tiles, inner, COLUMNS]` of items, `out` is `[ROWS, tiles * COLUMNS]`.
#[inline(always)]
pub fn multiply<V: Lanes, N: Number<GROUP>, const GROUP: usize, const ROWS: usize>(
    isa: V::Isa,
    a: &[[N; GROUP]],
    inner: usize,
    b: &[[N; GROUP]],
    scales: Option<&[f32]>,
    out: &mut [f32],
) {
    let (stride, columns) = (a.len() / ROWS, out.len() / ROWS);
    let mut rows = [a; ROWS];
    for (row, a) in rows.iter_mut().enumerate() {
        *a = &a[row * stride..][..inner];
    }
    for (tile, b) in b.chunks_exact(inner * V::COLUMNS).enumerate() {
        // As many vectors as a tile has columns for are used.
        let mut sums = [[N::no_sums::<V>(isa); MAX_LANES]; ROWS];
        for (i, b) in b.chunks_exact(V::COLUMNS).enumerate() {
            for (a, sums) in rows.iter().zip(&mut sums) {
                // SAFETY: `b` has `inner` rows, and each row of `a` was cut to as many items.
                let a = unsafe { *a.get_unchecked(i) };
                for j in 0..V::COLUMNS / V::COUNT {
                    sums[j] = N::add::<V>(isa, sums[j], a, &b[j * V::COUNT..]);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for j in 0..V::COLUMNS / V::COUNT {
                let column = tile * V::COLUMNS + j * V::COUNT;
                let mut sums = N::floats::<V>(isa, sums[j]);
                if let Some(scales) = scales {
                    sums = sums * V::load(isa, &scales[column..]);
                }
                sums.store(&mut out[row * columns + column..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{Baseline, BaselineIsa};
    use super::*;

    #[test]
    fn the_largest_sums_fit() {
        for inner in [1, 2, 64, 80, 577] {
            let largest = <i16 as Number<2>>::largest(inner) as i64;
            assert!(inner as i64 * largest * largest <= i64::from(i32::MAX));
        }
        // Weights of one and of many tokens, all with the largest value.
        for count in [1, 2, 50, 577, 60_000] {
            let mut shares = vec![0; count];
            let scale = <i16 as Number<2>>::encode_shares::<f32>(
                BaselineIsa,
                &vec![0.7; count],
                0.7 * count as f32,
                &mut shares,
            );
            let sum: i64 = shares.iter().map(|&share| i64::from(share)).sum();
            assert!(sum * i64::from(i16::MAX) <= i64::from(i32::MAX), "{count}");
            assert!((scale * f32::from(shares[0]) - 0.7).abs() <= 0.51 * scale);
        }
    }

    #[test]
    fn codes_reproduce_values_to_half_a_step() {
        let x: Vec<f32> = (0..67).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
        let mut codes = [0; 67];
        let scale = <i16 as Number<2>>::encode::<f32>(BaselineIsa, &x, 5000.0, &mut codes);
        for (x, code) in x.iter().zip(codes) {
            assert!((x - scale * f32::from(code)).abs() <= 0.501 * scale);
        }
        assert_eq!(
            <i16 as Number<2>>::encode::<f32>(BaselineIsa, &[1e-42, 0.0], 5000.0, &mut codes),
            0.0
        );
        assert_eq!(codes[..2], [0, 0]);
    }

    /// Products of codes by vectors against sums of integers.
    fn products_are_exact<V: Lanes>(isa: V::Isa) {
        const ROWS: usize = 5;
        let (inner, tiles) = (9, 3);
        let code = |i: usize| {
            [
                (i * 7919 % 30_011) as i16 - 15_005,
                (i * 104_729 % 29_989) as i16 - 14_994,
            ]
        };
        let a: Vec<Pair> = (0..ROWS * inner).map(code).collect();
        let b: Vec<Pair> = (0..tiles * inner * V::COLUMNS).map(|i| code(i + 50)).collect();
        let scales: Vec<f32> = (0..tiles * V::COLUMNS).map(|i| 1.0 + i as f32).collect();
        let mut out = vec![0.0; ROWS * tiles * V::COLUMNS];
        multiply::<V, i16, 2, ROWS>(isa, &a, inner, &b, Some(&scales), &mut out);
        for (i, out) in out.iter().enumerate() {
            let (row, column) = (i / scales.len(), i % scales.len());
            let place = |j: usize| (column / V::COLUMNS * inner + j) * V::COLUMNS + column % V::COLUMNS;
            let product = |j: usize| {
                let (a, b) = (a[row * inner + j].map(i32::from), b[place(j)].map(i32::from));
                (a[0] * b[0]).wrapping_add(a[1] * b[1])
            };
            let sum = (0..inner).map(product).fold(0, i32::wrapping_add);
            assert_eq!(*out, sum as f32 * scales[column], "row {row}, column {column}");
        }
    }

    #[test]
    fn products_of_codes_are_exact() {
        products_are_exact::<f32>(BaselineIsa);
        products_are_exact::<Baseline>(BaselineIsa);
        #[cfg(target_arch = "x86_64")]
        {
            use crate::arch::x86_64_lanes::{F32x8, F32x16};
            use crate::arch::x86_64_tokens::{Avx2, Avx512};
            if let Some(isa) = Avx2::detect() {
                products_are_exact::<F32x8>(isa);
            }
            if let Some(isa) = Avx512::detect() {
                products_are_exact::<F32x16>(isa);
            }
        }
    }
}
