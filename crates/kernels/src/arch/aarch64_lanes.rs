//! Floats side by side in the vectors of NEON, which every 64-bit Arm processor has.

use core::arch::aarch64::*;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use super::super::lanes::{BaselineIsa, Lanes, reduce};
use super::super::numbers::Pair;
use super::vector::vector;

/// `a * b + c`, rounded once.
///
/// # Safety
/// The machine has NEON, as for every instruction.
#[inline(always)]
unsafe fn fused(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
    // SAFETY: the caller's.
    unsafe { vfmaq_f32(c, a, b) }
}

/// The lesser; `b` where one is NaN.
///
/// # Safety
/// The machine has NEON, as for every instruction.
#[inline(always)]
unsafe fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: the caller's.
    unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
}

/// The greater; `b` where one is NaN.
///
/// # Safety
/// The machine has NEON, as for every instruction.
#[inline(always)]
unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: the caller's.
    unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
}

/// Sums of products of pairs: those of the first four, and of the last four, of the codes that lie side by side.
type PairSums = [int32x4_t; 2];

/// Sums of nothing.
///
/// # Safety
/// The machine has NEON, as for every instruction.
#[inline(always)]
unsafe fn no_pairs() -> PairSums {
    // SAFETY: the caller's.
    unsafe { [vdupq_n_s32(0); 2] }
}

/// Adds the products of `a` and each of `b`, both pairs of 16-bit codes. They are summed at the end.
///
/// # Safety
/// The machine has NEON, as for every instruction.
#[inline(always)]
unsafe fn add_pairs([low, high]: PairSums, a: i32, b: &[Pair; 4]) -> PairSums {
    // SAFETY: the caller's; four pairs are a vector; loads need no alignment.
    unsafe {
        let (a, b) = (
            vreinterpretq_s16_s32(vdupq_n_s32(a)),
            vld1q_s16(b.as_ptr().cast()),
        );
        [
            vmlal_s16(low, vget_low_s16(a), vget_low_s16(b)),
            vmlal_high_s16(high, a, b),
        ]
    }
}

/// Sums as floats.
///
/// # Safety
/// The machine has NEON, as for every instruction.
#[inline(always)]
unsafe fn from_pairs([low, high]: PairSums) -> float32x4_t {
    // SAFETY: the caller's.
    unsafe { vcvtq_f32_s32(vpaddq_s32(low, high)) }
}

/// Writes the lower half of each integer.
///
/// # Safety
/// The machine has NEON, as for every instruction.
#[inline(always)]
unsafe fn store_pairs(integers: int32x4_t, out: &mut [i16; 4]) {
    // SAFETY: the caller's; four halves are stored to an array of as many.
    unsafe { vst1_s16(out.as_mut_ptr(), vmovn_s32(integers)) }
}

vector! {
    /// Four floats.
    F32x4(float32x4_t) of 4 by BaselineIsa, attention by 8, panel F32x4,
    vdupq_n_f32 vld1q_f32 vst1q_f32 vaddq_f32 vsubq_f32 vmulq_f32 vdivq_f32
    fused min max, integers vdupq_n_s32 vld1q_s32 vaddq_s32
    vsubq_s32 vmulq_s32 vandq_s32 vorrq_s32 vshlq_n_s32 vcvtq_f32_s32
    vreinterpretq_s32_f32 vreinterpretq_f32_s32,
    pairs PairSums: no_pairs add_pairs from_pairs store_pairs
}
