//! Float functions written once over a vector of lanes.
//!
//! Natively the vector is a single `f32` in loops that the compiler widens, since it knows the
//! machine's width and fuses nothing. In WebAssembly it does this poorly (shuffles, extracted lanes,
//! calls), so there the vector is a `v128` by name; `f32` is then its scalar twin.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// The vector of this build.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub type Vector = super::arch::wasm_lanes::F32x4;
/// The vector of this build.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub type Vector = f32;

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

    /// 2ⁿ of `n + MAGIC` for integers n in −126..=127.
    fn power_of_two(self) -> Self;

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
    fn power_of_two(self) -> Self {
        let n = (self.to_bits() as i32).wrapping_sub(MAGIC_BITS);
        f32::from_bits((n.wrapping_add(127) << 23) as u32)
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
    p * shifted.power_of_two()
}

/// Replaces each value of `x` by `f` of it.
#[inline(always)]
pub fn map(x: &mut [f32], f: impl Fn(Vector) -> Vector) {
    let mut chunks = x.chunks_exact_mut(Vector::COUNT);
    for chunk in &mut chunks {
        f(Vector::load(chunk)).store(chunk);
    }
    let rest = chunks.into_remainder();
    if !rest.is_empty() {
        let mut lanes = [0.0; Vector::COUNT];
        lanes[..rest.len()].copy_from_slice(rest);
        f(Vector::load(&lanes)).store(&mut lanes);
        rest.copy_from_slice(&lanes[..rest.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_within_two_ulp(x in -87.0f32..88.0) {
            let want = f64::from(x).exp();
            prop_assert!(((f64::from(exp(x)) - want) / want).abs() < 2.5e-7, "exp({}) = {}", x, exp(x));
        }
    }

    #[test]
    fn exp_is_bounded_and_passes_over_nan() {
        for x in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e30, -1e30] {
            assert!(exp(x).is_finite() && exp(x) >= 0.0, "exp({x}) = {}", exp(x));
        }
    }
}
