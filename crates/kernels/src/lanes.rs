//! Float functions written once over a vector of lanes.
//!
//! [`vectorized`](super::vector::vectorized) compiles these functions for each vector type that the machine may
//! have and chooses one at run time. Compilers vectorize loops over single floats poorly (shuffles, extracted lanes,
//! sums in memory), so the vectors are explicit; `f32` is their scalar reference, and the vector of builds that have
//! no other.
//!
//! A vector can only be made with a token of its instruction set ([`Lanes::Isa`]), which exists only where the
//! machine has the instructions. So a value of a vector type is itself the proof that its operations may run.

#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
use super::layout::Code;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// Baseline vector type of the compilation target.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub type Baseline = super::arch::wasm_lanes::F32x4;
/// Baseline vector type of the compilation target.
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub type Baseline = super::arch::aarch64_lanes::F32x4;
/// Baseline vector type of the compilation target.
#[cfg(not(any(
    all(target_arch = "wasm32", target_feature = "simd128"),
    all(target_arch = "aarch64", target_feature = "neon")
)))]
pub type Baseline = f32;

/// Largest number of lanes of any vector.
pub const MAX_LANES: usize = 16;

/// Adding this number to a float of magnitude below 2²² rounds the float to an integer, ties to even; the integer
/// is then in the low bits of the mantissa.
pub const MAGIC: f32 = 12_582_912.0;
/// [`MAGIC`] as bits.
pub const MAGIC_BITS: i32 = MAGIC.to_bits() as i32;

/// A token for vectors that every machine of the compilation target has.
#[derive(Debug, Clone, Copy)]
pub struct BaselineIsa;

/// A vector of floats.
pub trait Lanes:
    Copy + AddAssign + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Number of floats.
    const COUNT: usize;
    /// Columns of a tile of attention: five rows of sums, the columns and one value fill the registers.
    const COLUMNS: usize;
    /// The widest vector that divides a panel of outputs.
    type Panel: Lanes;
    /// Proof that the machine has the vector's instructions and those of [`Self::Panel`].
    type Isa: Copy + Into<<Self::Panel as Lanes>::Isa>;

    /// The proof that led to this value.
    fn isa(self) -> Self::Isa;

    /// `x` in every lane.
    fn splat(isa: Self::Isa, x: f32) -> Self;

    /// `x` in every lane of a vector like this one.
    #[inline(always)]
    fn same(self, x: f32) -> Self {
        Self::splat(self.isa(), x)
    }

    /// The first [`Self::COUNT`] values of `x`.
    ///
    /// # Panics
    /// If there are fewer.
    fn load(isa: Self::Isa, x: &[f32]) -> Self;

    /// Writes the first [`Self::COUNT`] values of `out`.
    ///
    /// # Panics
    /// If there are fewer.
    fn store(self, out: &mut [f32]);

    /// `self * b + c`, rounded once or twice, whichever the machine does faster.
    fn mul_add(self, b: Self, c: Self) -> Self;

    /// `other` where it is less, else `self`: NaN in `other` is ignored.
    fn min(self, other: Self) -> Self;

    /// `other` where it is greater, else `self`: NaN in `other` is ignored.
    fn max(self, other: Self) -> Self;

    /// Magnitude.
    fn abs(self) -> Self;

    /// The magnitude of `self` with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;

    /// `self` times 2ⁿ for integers n, given as `n + MAGIC`; `self` and the result must be normal numbers.
    fn ldexp(self, n: Self) -> Self;

    /// `dots - zero * totals` of the first [`Self::COUNT`] values, as floats.
    ///
    /// # Panics
    /// If there are fewer.
    fn sub_zero_point(isa: Self::Isa, dots: &[i32], zero: i32, totals: &[i32]) -> Self;

    /// Largest of the lanes.
    fn reduce_max(self) -> f32;

    /// Writes integers that have [`MAGIC`] added as the first [`Self::COUNT`] codes of `out`.
    ///
    /// # Panics
    /// If there are fewer.
    #[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
    #[inline(always)]
    fn store_codes(self, out: &mut [Code]) {
        let mut lanes = [0.0; MAX_LANES];
        self.store(&mut lanes);
        for (code, lane) in out[..Self::COUNT].iter_mut().zip(lanes) {
            *code = (lane.to_bits() as i32).wrapping_sub(MAGIC_BITS) as Code;
        }
    }
}

impl Lanes for f32 {
    const COUNT: usize = 1;
    const COLUMNS: usize = 16;
    type Panel = Self;
    type Isa = BaselineIsa;

    #[inline(always)]
    fn isa(self) -> BaselineIsa {
        BaselineIsa
    }

    #[inline(always)]
    fn splat(_: BaselineIsa, x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn load(_: BaselineIsa, x: &[f32]) -> Self {
        x[0]
    }

    #[inline(always)]
    fn store(self, out: &mut [f32]) {
        out[0] = self;
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        self * b + c
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        f32::copysign(self, sign)
    }

    #[inline(always)]
    fn ldexp(self, n: Self) -> Self {
        // The shift leaves only n of the bits of `n + MAGIC`.
        f32::from_bits(self.to_bits().wrapping_add(n.to_bits() << 23))
    }

    #[inline(always)]
    fn sub_zero_point(_: BaselineIsa, dots: &[i32], zero: i32, totals: &[i32]) -> Self {
        (dots[0] - zero * totals[0]) as f32
    }

    #[inline(always)]
    fn reduce_max(self) -> f32 {
        self
    }
}

/// `e` to the power of `x` to 2 ulp, for x clamped to −87..=88: a power of two times a polynomial of
/// degree 6 on ±ln(2)/2 (Cephes' `expf` coefficients).
#[inline(always)]
pub fn exp<V: Lanes>(x: V) -> V {
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.same(88.0).min(x.same(-87.0).max(x));
    let shifted = x.mul_add(x.same(std::f32::consts::LOG2_E), x.same(MAGIC));
    let n = shifted - x.same(MAGIC);
    let r = n.mul_add(x.same(-LN2_LOW), n.mul_add(x.same(-LN2_HIGH), x));
    let mut p = x.same(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p.mul_add(r, x.same(c));
    }
    let p = (p * r).mul_add(r, r) + x.same(1.0);
    p.ldexp(shifted)
}

/// 2 to the power of `x` to 4 ulp, for x clamped to ±126: an exact power times the polynomial of degree 5 with the
/// smallest relative error on ±1/2 (7.5e-8).
#[inline(always)]
pub fn exp2<V: Lanes>(x: V) -> V {
    let x = x.same(126.0).min(x.same(-126.0).max(x));
    let shifted = x + x.same(MAGIC);
    let r = x - (shifted - x.same(MAGIC));
    let mut p = x.same(1.327_647_2e-3);
    for c in [
        9.675_542e-3,
        5.550_713e-2,
        2.402_212e-1,
        6.931_469_4e-1,
        1.000_000_1,
    ] {
        p = p.mul_add(r, x.same(c));
    }
    p.ldexp(shifted)
}

/// A function of each lane; a trait, since a closure cannot be marked for inlining.
pub trait Function: Copy {
    /// The function's value at `x`.
    fn of<V: Lanes>(self, x: V) -> V;
}

/// Replaces each value of `x` by `f` of it.
#[inline(always)]
pub fn map<V: Lanes>(isa: V::Isa, x: &mut [f32], f: impl Function) {
    let mut chunks = x.chunks_exact_mut(V::COUNT);
    for chunk in &mut chunks {
        f.of(V::load(isa, chunk)).store(chunk);
    }
    let rest = chunks.into_remainder();
    if !rest.is_empty() {
        let mut lanes = [0.0; MAX_LANES];
        lanes[..rest.len()].copy_from_slice(rest);
        f.of(V::load(isa, &lanes)).store(&mut lanes);
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
            $check::<Baseline>(BaselineIsa, $($argument),*)?;
            #[cfg(target_arch = "x86_64")]
            {
                use crate::arch::x86_64_lanes::{F32x8, F32x16};
                use crate::arch::x86_64_tokens::{Avx2, Avx512};
                if let Some(isa) = Avx2::detect() {
                    $check::<F32x8>(isa, $($argument),*)?;
                }
                if let Some(isa) = Avx512::detect() {
                    $check::<F32x16>(isa, $($argument),*)?;
                }
            }
        };
    }

    /// The results of `f` for `x`, a vector at a time.
    fn by<V: Lanes>(isa: V::Isa, x: &[f32; MAX_LANES], f: impl Fn(V, usize) -> V) -> [f32; MAX_LANES] {
        let mut out = [0.0; MAX_LANES];
        for at in (0..MAX_LANES).step_by(V::COUNT) {
            f(V::load(isa, &x[at..]), at).store(&mut out[at..]);
        }
        out
    }

    /// The results of every operation, lane by lane.
    fn operations<V: Lanes>(
        isa: V::Isa,
        a: &[f32; MAX_LANES],
        b: &[f32; MAX_LANES],
    ) -> Vec<[f32; MAX_LANES]> {
        let integers = |x: &[f32; MAX_LANES]| x.map(|x| x as i32);
        let (dots, totals) = (integers(a), integers(b));
        let rounded = a.map(|x| (x / 10.0).round() + MAGIC);
        let max = by::<V>(isa, a, |x, _| x.same(x.reduce_max()));
        vec![
            by::<V>(isa, a, |x, at| x + V::load(isa, &b[at..])),
            by::<V>(isa, a, |x, at| x - V::load(isa, &b[at..])),
            by::<V>(isa, a, |x, at| x * V::load(isa, &b[at..])),
            by::<V>(isa, a, |x, at| x / V::load(isa, &b[at..])),
            by::<V>(isa, a, |x, at| x.min(V::load(isa, &b[at..]))),
            by::<V>(isa, a, |x, at| x.max(V::load(isa, &b[at..]))),
            by::<V>(isa, a, |x, at| x.copysign(V::load(isa, &b[at..]))),
            by::<V>(isa, a, |x, _| x.abs()),
            by::<V>(isa, a, |_, at| {
                V::sub_zero_point(isa, &dots[at..], 77, &totals[at..])
            }),
            by::<V>(isa, &rounded, |x, at| V::load(isa, &b[at..]).ldexp(x)),
            [max.into_iter().fold(f32::NEG_INFINITY, Lanes::max); MAX_LANES],
        ]
    }

    fn equals_reference<V: Lanes>(
        isa: V::Isa,
        a: &[f32; MAX_LANES],
        b: &[f32; MAX_LANES],
    ) -> Result<(), TestCaseError> {
        let bits =
            |all: Vec<[f32; MAX_LANES]>| all.into_iter().map(|x| x.map(f32::to_bits)).collect::<Vec<_>>();
        prop_assert_eq!(
            bits(operations::<V>(isa, a, b)),
            bits(operations::<f32>(BaselineIsa, a, b))
        );
        let sum = |x: V, at| x.mul_add(V::load(isa, &b[at..]), V::load(isa, &a[at..]));
        for (i, sum) in by(isa, a, sum).into_iter().enumerate() {
            let product = f64::from(a[i]) * f64::from(b[i]);
            let bound = (product.abs() + f64::from(a[i]).abs()) * 1e-6;
            prop_assert!((f64::from(sum) - product - f64::from(a[i])).abs() <= bound);
        }
        let powers = [
            (
                by(isa, a, |x: V, _| exp(x)),
                by(BaselineIsa, a, |x: f32, _| exp(x)),
            ),
            (
                by(isa, a, |x: V, _| exp2(x)),
                by(BaselineIsa, a, |x: f32, _| exp2(x)),
            ),
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
        fn vectors_equal_their_reference(a in prop::array::uniform16(-1e3f32..1e3), b in prop::array::uniform16(0.5f32..1e3)) {
            let b = std::array::from_fn(|i| b[i].copysign(a[MAX_LANES - 1 - i]));
            of_each_vector!(equals_reference(&a, &b));
        }
    }

    #[test]
    fn vectors_ignore_nan_as_their_reference_does() -> Result<(), TestCaseError> {
        fn extremes<V: Lanes>(isa: V::Isa) -> [[u32; MAX_LANES]; 2] {
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
            let a: [f32; MAX_LANES] = std::array::from_fn(|i| X[i % 8]);
            let b: [f32; MAX_LANES] = std::array::from_fn(|i| X[(3 * i + i / 8) % 8]);
            let min = by(isa, &a, |x: V, at| x.min(V::load(isa, &b[at..])));
            let max = by(isa, &a, |x: V, at| x.max(V::load(isa, &b[at..])));
            [min, max].map(|x| x.map(f32::to_bits))
        }
        fn agrees<V: Lanes>(isa: V::Isa) -> Result<(), TestCaseError> {
            prop_assert_eq!(extremes::<V>(isa), extremes::<f32>(BaselineIsa));
            Ok(())
        }
        of_each_vector!(agrees());
        Ok(())
    }

    #[test]
    fn powers_are_finite_for_any_argument() {
        for x in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e30, -1e30] {
            for power in [exp(x), exp2(x)] {
                assert!(power.is_finite() && power >= 0.0, "of {x}: {power}");
            }
        }
    }
}
