//! Floats side by side in a `v128`, and codes made of them sixteen at a time.
//!
//! With relaxed SIMD products and sums are fused where the engine has an instruction for it. Every
//! function is inlined into one that is compiled for the features it uses (see `vector::vectorized`).

use core::arch::wasm32::*;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use super::super::lanes::{BaselineIsa, Lanes, MAGIC, MAGIC_BITS};
use super::super::layout::{Code, CodeRange};
use super::super::numbers::Pair;
use super::super::quantize::CODES;

/// Four floats.
#[derive(Clone, Copy)]
pub struct F32x4(v128);

macro_rules! operator {
    ($($trait:ident $name:ident $instruction:ident)*) => {$(
        impl $trait for F32x4 {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                Self($instruction(self.0, other.0))
            }
        }
    )*};
}

operator!(Add add f32x4_add  Sub sub f32x4_sub  Mul mul f32x4_mul  Div div f32x4_div);

impl AddAssign for F32x4 {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Lanes for F32x4 {
    const COUNT: usize = 4;
    const COLUMNS: usize = 8;
    type Panel = Self;
    type Isa = BaselineIsa;

    #[inline(always)]
    fn isa(self) -> BaselineIsa {
        BaselineIsa
    }

    #[inline(always)]
    fn splat(_: BaselineIsa, x: f32) -> Self {
        Self(f32x4_splat(x))
    }

    #[inline(always)]
    fn load(_: BaselineIsa, x: &[f32]) -> Self {
        let x: &[f32; 4] = x.first_chunk().expect("a vector's values");
        // SAFETY: four floats are a vector's sixteen bytes; loads need no alignment.
        Self(unsafe { v128_load(x.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, out: &mut [f32]) {
        let out: &mut [f32; 4] = out.first_chunk_mut().expect("room for a vector");
        // SAFETY: four floats are a vector's sixteen bytes; stores need no alignment.
        unsafe { v128_store(out.as_mut_ptr().cast(), self.0) }
    }

    #[cfg(feature = "relaxed-simd")]
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // A module with relaxed instructions only loads where the engine has them.
        Self(f32x4_relaxed_madd(self.0, b.0, c.0))
    }

    #[cfg(not(feature = "relaxed-simd"))]
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        self * b + c
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(f32x4_pmin(self.0, other.0))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(f32x4_pmax(self.0, other.0))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(f32x4_abs(self.0))
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        Self(v128_bitselect(sign.0, self.0, i32x4_splat(i32::MIN)))
    }

    #[inline(always)]
    fn ldexp(self, n: Self) -> Self {
        Self(i32x4_add(self.0, i32x4_shl(n.0, 23)))
    }

    #[inline(always)]
    fn sub_zero_point(_: BaselineIsa, dots: &[i32], zero: i32, totals: &[i32]) -> Self {
        let four = |x: &[i32]| {
            let x: &[i32; 4] = x.first_chunk().expect("a vector's values");
            // SAFETY: four integers are a vector's sixteen bytes; loads need no alignment.
            unsafe { v128_load(x.as_ptr().cast()) }
        };
        let share = i32x4_mul(i32x4_splat(zero), four(totals));
        Self(f32x4_convert_i32x4(i32x4_sub(four(dots), share)))
    }

    #[inline(always)]
    fn reduce_max(self) -> f32 {
        let halves = f32x4_pmax(self.0, i32x4_shuffle::<2, 3, 0, 1>(self.0, self.0));
        f32x4_extract_lane::<0>(f32x4_pmax(halves, i32x4_shuffle::<1, 0, 3, 2>(halves, halves)))
    }

    type PairSums = v128;

    #[inline(always)]
    fn no_pairs(_: BaselineIsa) -> v128 {
        i32x4_splat(0)
    }

    #[inline(always)]
    fn add_pairs(_: BaselineIsa, sums: v128, a: Pair, b: &[Pair]) -> v128 {
        let b: &[Pair; 4] = b.first_chunk().expect("a vector's pairs");
        // SAFETY: four pairs are a vector's sixteen bytes; loads need no alignment.
        let b = unsafe { v128_load(b.as_ptr().cast()) };
        i32x4_add(sums, i32x4_dot_i16x8(i32x4_splat(bytemuck::cast(a)), b))
    }

    #[inline(always)]
    fn from_pairs(_: BaselineIsa, sums: v128) -> Self {
        Self(f32x4_convert_i32x4(sums))
    }

    #[inline(always)]
    fn store_pairs(self, out: &mut [i16]) {
        let out: &mut [i16; 4] = out.first_chunk_mut().expect("room for a vector's codes");
        // The lower halves of the integers.
        let halves = i16x8_shuffle::<0, 2, 4, 6, 0, 2, 4, 6>(self.0, self.0);
        // SAFETY: four codes are half a vector; stores need no alignment.
        unsafe { v128_store64_lane::<0>(halves, out.as_mut_ptr().cast()) }
    }
}

/// Codes of [`CODES`] values: `x * inverse` rounded to nearest, plus `zero`, clamped to the range.
#[inline(always)]
pub fn encode(x: &[f32; CODES], inverse: f32, zero: i32, range: CodeRange) -> [Code; CODES] {
    let offset = i32x4_splat(zero.wrapping_sub(MAGIC_BITS));
    let code = |i: usize| {
        let rounded = f32x4_add(
            f32x4_mul(F32x4::load(BaselineIsa, &x[i..]).0, f32x4_splat(inverse)),
            f32x4_splat(MAGIC),
        );
        i32x4_add(rounded, offset)
    };
    let words = [
        i16x8_narrow_i32x4(code(0), code(4)),
        i16x8_narrow_i32x4(code(8), code(12)),
    ];
    clamped(words, range)
}

/// Words as codes of the range.
#[cfg(feature = "relaxed-simd")]
#[inline(always)]
fn clamped([low, high]: [v128; 2], range: CodeRange) -> [Code; CODES] {
    let mut codes = [0; CODES];
    let bytes = if range.low < 0 {
        i8x16_narrow_i16x8(low, high)
    } else {
        u8x16_min(u8x16_narrow_i16x8(low, high), u8x16_splat(range.high as u8))
    };
    // SAFETY: sixteen codes of a byte are a vector; stores need no alignment.
    unsafe { v128_store(codes.as_mut_ptr().cast(), bytes) }
    codes
}

/// Words as codes of the range.
#[cfg(not(feature = "relaxed-simd"))]
#[inline(always)]
fn clamped(words: [v128; 2], range: CodeRange) -> [Code; CODES] {
    let mut codes = [0; CODES];
    let (low, high) = (i16x8_splat(range.low as i16), i16x8_splat(range.high as i16));
    for (words, codes) in words.into_iter().zip(codes.chunks_exact_mut(8)) {
        // SAFETY: eight codes of two bytes are a vector; stores need no alignment.
        unsafe { v128_store(codes.as_mut_ptr().cast(), i16x8_max(i16x8_min(words, high), low)) }
    }
    codes
}
