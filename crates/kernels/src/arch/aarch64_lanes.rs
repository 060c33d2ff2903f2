//! Floats side by side in the vectors of NEON, which every 64-bit Arm processor has.

use core::arch::aarch64::*;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use super::super::lanes::{BaselineIsa, Lanes};
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

vector! {
    /// Four floats.
    F32x4(float32x4_t) of 4 by BaselineIsa, attention by 16, panel F32x4,
    vdupq_n_f32 vld1q_f32 vst1q_f32 vaddq_f32 vsubq_f32 vmulq_f32 vdivq_f32
    fused min max, integers vdupq_n_s32 vld1q_s32 vaddq_s32
    vsubq_s32 vmulq_s32 vandq_s32 vorrq_s32 vshlq_n_s32 vcvtq_f32_s32
    vreinterpretq_s32_f32 vreinterpretq_f32_s32
}
