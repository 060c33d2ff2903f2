//! Float functions written once over a vector of lanes.
//!
//! Which vector that is, [`vectorized`](super::vector::vectorized) says: it compiles what is written here for
//! each that the machine may have. Compilers widen loops over single floats poorly (shuffles, extracted lanes,
//! sums kept in memory), so vectors have names; `f32` is their scalar twin, and what builds without one use.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// The vector of machines of this build of which no more is known.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub type Baseline = super::arch::wasm_lanes::F32x4;
/// The vector of machines of this build of which no more is known.
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub type Baseline = super::arch::aarch64_lanes::F32x4;
/// The vector of machines of this build of which no more is known.
#[cfg(not(any(
    all(target_arch = "wasm32", target_feature = "simd128"),
    all(target_arch = "aarch64", target_feature = "neon")
)))]
pub type Baseline = f32;

/// Most lanes of any vector.
pub const WIDEST: usize = 16;

/// Adding it to a float of magnitude below 2²² rounds that to an integer, ties to even, which then
/// stands in the low mantissa bits.
pub const MAGIC: f32 = 12_582_912.0;
/// [`MAGIC`] as bits.
pub const MAGIC_BITS: i32 = MAGIC.to_bits() as i32;

/// Floats side by side.
pub trait Lanes:
    Copy + AddAssign + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// How many.
    const COUNT: usize;
    /// Columns of a tile of attention: with five rows of sums, columns and one value fill the registers.
    const COLUMNS: usize;
    /// The widest vector that divides a panel of outputs.
    type Panel: Lanes;

    /// `x` in every lane.
    fn splat(x: f32) -> Self;

    /// The first [`Self::COUNT`] of `x`.
    ///
    /// # Panics
    /// Where there are fewer.
    fn load(x: &[f32]) -> Self;

    /// Writes the first [`Self::COUNT`] of `out`.
    ///
    /// # Panics
    /// Where there are fewer.
    fn store(self, out: &mut [f32]);

    /// `self * b + c`, rounded once or twice. (`f32` has a `mul_add` of its own, which calls a function
    /// where the build's baseline lacks the instruction.)
    fn times_plus(self, b: Self, c: Self) -> Self;

    /// `other` where it is less, else `self`: NaN in `other` is passed over.
    fn least(self, other: Self) -> Self;

    /// `other` where it is greater, else `self`: NaN in `other` is passed over.
    fn greatest(self, other: Self) -> Self;

    /// Magnitude.
    fn abs(self) -> Self;

    /// The magnitude of `self` with the sign of `sign`.
    fn with_sign_of(self, sign: Self) -> Self;

    /// `self` times 2ⁿ for integers n, given as `n + MAGIC`; both it and the result must be normal numbers.
    fn times_power(self, n: Self) -> Self;

    /// `dots - zero * totals` of the first [`Self::COUNT`] as floats.
    ///
    /// # Panics
    /// Where there are fewer.
    fn corrected(dots: &[i32], zero: i32, totals: &[i32]) -> Self;

    /// Largest of the lanes.
    fn max_of_lanes(self) -> f32;
}

impl Lanes for f32 {
    const COUNT: usize = 1;
    const COLUMNS: usize = 16;
    type Panel = Self;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        x[0]
    }

    #[inline(always)]
    fn store(self, out: &mut [f32]) {
        out[0] = self;
    }

    #[inline(always)]
    fn times_plus(self, b: Self, c: Self) -> Self {
        self * b + c
    }

    #[inline(always)]
    fn least(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    #[inline(always)]
    fn greatest(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }

    #[inline(always)]
    fn with_sign_of(self, sign: Self) -> Self {
        self.copysign(sign)
    }

    #[inline(always)]
    fn times_power(self, n: Self) -> Self {
        // Of the bits of `n + MAGIC` only n's own are left.
        f32::from_bits(self.to_bits().wrapping_add(n.to_bits() << 23))
    }

    #[inline(always)]
    fn corrected(dots: &[i32], zero: i32, totals: &[i32]) -> Self {
        (dots[0] - zero * totals[0]) as f32
    }

    #[inline(always)]
    fn max_of_lanes(self) -> f32 {
        self
    }
}

/// `e` to the power of `x` to 2 ulp, for x clamped to −87..=88: a power of two times a polynomial of
/// degree 6 on ±ln(2)/2 (Cephes' `expf` coefficients).
#[inline(always)]
pub fn exp<V: Lanes>(x: V) -> V {
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = V::splat(88.0).least(V::splat(-87.0).greatest(x));
    let shifted = x.times_plus(V::splat(std::f32::consts::LOG2_E), V::splat(MAGIC));
    let n = shifted - V::splat(MAGIC);
    let r = n.times_plus(V::splat(-LN2_LOW), n.times_plus(V::splat(-LN2_HIGH), x));
    let mut p = V::splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p.times_plus(r, V::splat(c));
    }
    let p = (p * r).times_plus(r, r) + V::splat(1.0);
    p.times_power(shifted)
}

/// 2 to the power of `x` to 4 ulp, for x clamped to ±126: an exact power times a polynomial of degree 5 on ±1/2
/// (of least relative error, 7.5e-8).
#[inline(always)]
pub fn exp2<V: Lanes>(x: V) -> V {
    let x = V::splat(126.0).least(V::splat(-126.0).greatest(x));
    let shifted = x + V::splat(MAGIC);
    let r = x - (shifted - V::splat(MAGIC));
    let mut p = V::splat(1.327_647_2e-3);
    for c in [
        9.675_542e-3,
        5.550_713e-2,
        2.402_212e-1,
        6.931_469_4e-1,
        1.000_000_1,
    ] {
        p = p.times_plus(r, V::splat(c));
    }
    p.times_power(shifted)
}

/// A function of each lane. (A closure would do, could it be told to be inlined.)
pub trait Function: Copy {
    /// Its value at `x`.
    fn of<V: Lanes>(self, x: V) -> V;
}

/// Replaces each value of `x` by `f` of it.
#[inline(always)]
pub fn map<V: Lanes>(x: &mut [f32], f: impl Function) {
    let mut chunks = x.chunks_exact_mut(V::COUNT);
    for chunk in &mut chunks {
        f.of(V::load(chunk)).store(chunk);
    }
    let rest = chunks.into_remainder();
    if !rest.is_empty() {
        let mut lanes = [0.0; WIDEST];
        lanes[..rest.len()].copy_from_slice(rest);
        f.of(V::load(&lanes)).store(&mut lanes);
        rest.copy_from_slice(&lanes[..rest.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a check for every vector that this machine has.
    macro_rules! of_each_vector {
        ($check:ident($($argument:expr),*)) => {
            $check::<Baseline>($($argument),*)?;
            #[cfg(target_arch = "x86_64")]
            {
                use crate::arch::x86_64_lanes::{F32x8, F32x16};
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    $check::<F32x8>($($argument),*)?;
                }
                if is_x86_feature_detected!("avx512f") {
                    $check::<F32x16>($($argument),*)?;
                }
            }
        };
    }

    /// What `f` makes of `x`, a vector at a time.
    fn by<V: Lanes>(x: &[f32; WIDEST], f: impl Fn(V, usize) -> V) -> [f32; WIDEST] {
        let mut out = [0.0; WIDEST];
        for at in (0..WIDEST).step_by(V::COUNT) {
            f(V::load(&x[at..]), at).store(&mut out[at..]);
        }
        out
    }

    /// Every operation, lane by lane.
    fn operations<V: Lanes>(a: &[f32; WIDEST], b: &[f32; WIDEST]) -> Vec<[f32; WIDEST]> {
        let integers = |x: &[f32; WIDEST]| x.map(|x| x as i32);
        let (dots, totals) = (integers(a), integers(b));
        let rounded = a.map(|x| (x / 10.0).round() + MAGIC);
        let most = by::<V>(a, |x, _| V::splat(x.max_of_lanes()));
        vec![
            by::<V>(a, |x, at| x + V::load(&b[at..])),
            by::<V>(a, |x, at| x - V::load(&b[at..])),
            by::<V>(a, |x, at| x * V::load(&b[at..])),
            by::<V>(a, |x, at| x / V::load(&b[at..])),
            by::<V>(a, |x, at| x.least(V::load(&b[at..]))),
            by::<V>(a, |x, at| x.greatest(V::load(&b[at..]))),
            by::<V>(a, |x, at| x.with_sign_of(V::load(&b[at..]))),
            by::<V>(a, |x, _| x.abs()),
            by::<V>(a, |_, at| V::corrected(&dots[at..], 77, &totals[at..])),
            by::<V>(&rounded, |x, at| V::load(&b[at..]).times_power(x)),
            [most.into_iter().fold(f32::NEG_INFINITY, f32::max); WIDEST],
        ]
    }

    fn equals_twin<V: Lanes>(a: &[f32; WIDEST], b: &[f32; WIDEST]) -> Result<(), TestCaseError> {
        let bits = |all: Vec<[f32; WIDEST]>| all.into_iter().map(|x| x.map(f32::to_bits)).collect::<Vec<_>>();
        prop_assert_eq!(bits(operations::<V>(a, b)), bits(operations::<f32>(a, b)));
        let plus = |x: V, at| x.times_plus(V::load(&b[at..]), V::load(&a[at..]));
        for (i, sum) in by(a, plus).into_iter().enumerate() {
            let product = f64::from(a[i]) * f64::from(b[i]);
            let most = (product.abs() + f64::from(a[i]).abs()) * 1e-6;
            prop_assert!((f64::from(sum) - product - f64::from(a[i])).abs() <= most);
        }
        let powers = [
            (by(a, |x: V, _| exp(x)), by(a, |x: f32, _| exp(x))),
            (by(a, |x: V, _| exp2(x)), by(a, |x: f32, _| exp2(x))),
        ];
        for (got, want) in powers
            .into_iter()
            .flat_map(|(got, want)| got.into_iter().zip(want))
        {
            prop_assert!((got - want).abs() <= 1e-6 * want);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn exp_is_within_two_ulp(x in -87.0f32..88.0) {
            let want = f64::from(x).exp();
            prop_assert!(((f64::from(exp(x)) - want) / want).abs() < 2.5e-7, "exp({}) = {}", x, exp(x));
        }

        #[test]
        fn exp2_is_within_four_ulp(x in -126.0f32..126.0) {
            let want = f64::from(x).exp2();
            prop_assert!(((f64::from(exp2(x)) - want) / want).abs() < 2.5e-7, "exp2({}) = {}", x, exp2(x));
        }

        #[test]
        fn vectors_equal_their_twin(a in prop::array::uniform16(-1e3f32..1e3), b in prop::array::uniform16(0.5f32..1e3)) {
            let b = std::array::from_fn(|i| b[i].copysign(a[WIDEST - 1 - i]));
            of_each_vector!(equals_twin(&a, &b));
        }
    }

    #[test]
    fn vectors_pass_over_what_their_twin_does() -> Result<(), TestCaseError> {
        fn extremes<V: Lanes>() -> [[u32; WIDEST]; 2] {
            const X: [f32; 8] = [
                f32::NAN,
                1.0,
                f32::INFINITY,
                -0.0,
                f32::NEG_INFINITY,
                f32::NAN,
                0.0,
                2.0,
            ];
            let a: [f32; WIDEST] = std::array::from_fn(|i| X[i % 8]);
            let b: [f32; WIDEST] = std::array::from_fn(|i| X[(3 * i + i / 8) % 8]);
            let least = by(&a, |x: V, at| x.least(V::load(&b[at..])));
            let greatest = by(&a, |x: V, at| x.greatest(V::load(&b[at..])));
            [least, greatest].map(|x| x.map(f32::to_bits))
        }
        fn passes_over<V: Lanes>() -> Result<(), TestCaseError> {
            prop_assert_eq!(extremes::<V>(), extremes::<f32>());
            Ok(())
        }
        of_each_vector!(passes_over());
        Ok(())
    }

    #[test]
    fn powers_are_bounded_and_pass_over_nan() {
        for x in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e30, -1e30] {
            for power in [exp(x), exp2(x)] {
                assert!(power.is_finite() && power >= 0.0, "of {x}: {power}");
            }
        }
    }
}
