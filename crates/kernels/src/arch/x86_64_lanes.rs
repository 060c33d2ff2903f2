//! Floats side by side in the vectors of AVX2 and of AVX-512.

use core::arch::x86_64::*;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use super::super::lanes::{Lanes, reduce};
use super::super::layout::Code;
use super::super::numbers::Pair;
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

/// Adds `a` times each of `b`, both pairs of 16-bit codes, whose products are summed.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn add_pairs_256(sums: __m256i, a: i32, b: &[Pair; 8]) -> __m256i {
    // SAFETY: the caller's machine has AVX2; eight pairs are a vector; loads need no alignment.
    unsafe {
        let b = _mm256_loadu_si256(b.as_ptr().cast());
        _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_set1_epi32(a), b))
    }
}

/// Adds `a` times each of `b`, both pairs of 16-bit codes, whose products are summed.
///
/// # Safety
/// The machine has AVX-512 VNNI.
#[inline(always)]
unsafe fn add_pairs_512(sums: __m512i, a: i32, b: &[Pair; 16]) -> __m512i {
    // SAFETY: the caller's machine has AVX-512 VNNI; sixteen pairs are a vector; loads need no alignment.
    unsafe {
        let b = _mm512_loadu_si512(b.as_ptr().cast());
        _mm512_dpwssd_epi32(sums, _mm512_set1_epi32(a), b)
    }
}

/// Writes the lower half of each integer.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn store_pairs_256(integers: __m256i, out: &mut [i16; 8]) {
    // SAFETY: the caller's machine has AVX2; sixteen bytes are stored to an array of as many.
    unsafe {
        let order = _mm256_set1_epi64x(0x0d0c_0908_0504_0100);
        let halves = _mm256_permute4x64_epi64::<0x08>(_mm256_shuffle_epi8(integers, order));
        _mm_storeu_si128(out.as_mut_ptr().cast(), _mm256_castsi256_si128(halves));
    }
}

/// Writes the lower half of each integer.
///
/// # Safety
/// The machine has AVX-512.
#[inline(always)]
unsafe fn store_pairs_512(integers: __m512i, out: &mut [i16; 16]) {
    // SAFETY: the caller's machine has AVX-512; 32 bytes are stored to an array of as many.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(integers)) }
}

vector! {
    /// Eight floats (AVX2 and FMA).
    F32x8(__m256) of 8 by Avx2, attention by 16, panel F32x8,
    _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps
    _mm256_fmadd_ps _mm256_min_ps _mm256_max_ps, integers _mm256_set1_epi32 _mm256_loadu_si256 _mm256_add_epi32
    _mm256_sub_epi32 _mm256_mullo_epi32 _mm256_and_si256 _mm256_or_si256 _mm256_slli_epi32 _mm256_cvtepi32_ps
    _mm256_castps_si256 _mm256_castsi256_ps,
    pairs __m256i: _mm256_setzero_si256 add_pairs_256 _mm256_cvtepi32_ps store_pairs_256, codes store_codes_256
}

vector! {
    /// Sixteen floats (AVX-512 with VNNI).
    F32x16(__m512) of 16 by Avx512, attention by 32, panel F32x8,
    _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps
    _mm512_fmadd_ps _mm512_min_ps _mm512_max_ps, integers _mm512_set1_epi32 _mm512_loadu_si512 _mm512_add_epi32
    _mm512_sub_epi32 _mm512_mullo_epi32 _mm512_and_si512 _mm512_or_si512 _mm512_slli_epi32 _mm512_cvtepi32_ps
    _mm512_castps_si512 _mm512_castsi512_ps,
    pairs __m512i: _mm512_setzero_si512 add_pairs_512 _mm512_cvtepi32_ps store_pairs_512, codes store_codes_512
}
