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
use super::numbers::Pair;
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

    /// Sum of the lanes.
    #[inline(always)]
    fn reduce_sum(self) -> f32 {
        let mut lanes = [0.0; MAX_LANES];
        self.store(&mut lanes);
        reduce(lanes, |a, b| a + b)
    }

    /// Sums of products of pairs of 16-bit codes, one a lane.
    type PairSums: Copy;

    /// Sums of nothing.
    fn no_pairs(isa: Self::Isa) -> Self::PairSums;

    /// Adds `a[0] * b[i][0] + a[1] * b[i][1]` to each sum, exactly where it fits 32 bits.
    ///
    /// # Panics
    /// If `b` has fewer pairs than a vector has lanes.
    fn add_pairs(isa: Self::Isa, sums: Self::PairSums, a: Pair, b: &[Pair]) -> Self::PairSums;

    /// Sums as floats.
    fn from_pairs(isa: Self::Isa, sums: Self::PairSums) -> Self;

    /// Writes integers that have [`MAGIC`] added as the first [`Self::COUNT`] 16-bit codes of `out`.
    ///
    /// # Panics
    /// If there are fewer.
    fn store_pairs(self, out: &mut [i16]);

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

    #[inline(always)]
    fn reduce_sum(self) -> f32 {
        self
    }

    type PairSums = i32;

    #[inline(always)]
    fn no_pairs(_: BaselineIsa) -> i32 {
        0
    }

    #[inline(always)]
    fn add_pairs(_: BaselineIsa, sum: i32, a: Pair, b: &[Pair]) -> i32 {
        let products: [i32; 2] = std::array::from_fn(|i| i32::from(a[i]) * i32::from(b[0][i]));
        sum.wrapping_add(products[0].wrapping_add(products[1]))
    }

    #[inline(always)]
    fn from_pairs(_: BaselineIsa, sum: i32) -> Self {
        sum as f32
    }

    #[inline(always)]
    fn store_pairs(self, out: &mut [i16]) {
        // The low half of MAGIC is zero.
        out[0] = self.to_bits() as i16;
    }
}

/// All lanes together, halves first, which compilers do by vectors.
#[inline(always)]
pub fn reduce<const COUNT: usize>(mut lanes: [f32; COUNT], of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = COUNT / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = of(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
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
mod tests;
