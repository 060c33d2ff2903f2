//! Floats side by side in the vectors of AVX2 and of AVX-512.

use core::arch::x86_64::*;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use super::super::lanes::Lanes;
use super::super::layout::Code;
use super::vector::vector;
use super::x86_64_tokens::{Avx2, Avx512};

/// Writes the lowest byte of each integer.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn store_codes_256(integers: __m256i, out: &mut [Code; 8]) {
    // SAFETY: the caller's machine has AVX2; eight bytes are stored to an array of as many.
    unsafe {
        // The lowest bytes of each half's four integers, together.
        let bytes = _mm256_shuffle_epi8(integers, _mm256_set1_epi32(0x0c08_0400));
        let halves = _mm_unpacklo_epi32(
            _mm256_castsi256_si128(bytes),
            _mm256_extracti128_si256::<1>(bytes),
        );
        _mm_storel_epi64(out.as_mut_ptr().cast(), halves);
    }
}

/// Writes the lowest byte of each integer.
///
/// # Safety
/// The machine has AVX-512.
#[inline(always)]
unsafe fn store_codes_512(integers: __m512i, out: &mut [Code; 16]) {
    // SAFETY: the caller's machine has AVX-512; sixteen bytes are stored to an array of as many.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(integers)) }
}

vector! {
    /// Eight floats (AVX2 and FMA).
    F32x8(__m256) of 8 by Avx2, attention by 16, panel F32x8,
    _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps
    _mm256_fmadd_ps _mm256_min_ps _mm256_max_ps, integers _mm256_set1_epi32 _mm256_loadu_si256 _mm256_add_epi32
    _mm256_sub_epi32 _mm256_mullo_epi32 _mm256_and_si256 _mm256_or_si256 _mm256_slli_epi32 _mm256_cvtepi32_ps
    _mm256_castps_si256 _mm256_castsi256_ps, codes store_codes_256
}

vector! {
    /// Sixteen floats (AVX-512).
    F32x16(__m512) of 16 by Avx512, attention by 32, panel F32x8,
    _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps
    _mm512_fmadd_ps _mm512_min_ps _mm512_max_ps, integers _mm512_set1_epi32 _mm512_loadu_si512 _mm512_add_epi32
    _mm512_sub_epi32 _mm512_mullo_epi32 _mm512_and_si512 _mm512_or_si512 _mm512_slli_epi32 _mm512_cvtepi32_ps
    _mm512_castps_si512 _mm512_castsi512_ps, codes store_codes_512
}
