//! Rows packed into a panel by squares of sixteen bytes a row, which shuffles transpose in the registers.

use core::arch::wasm32::*;
use std::mem::MaybeUninit;

use super::super::layout::{GROUP, PANEL};
use super::super::transpose_pack::{self, PackStats};

/// Rows of a square, and groups of each.
const SIDE: usize = 16 / GROUP;
/// Vectors whose pairs of codes a 16-bit lane can sum.
const SUMMED: usize = 128;

/// The groups of two vectors by turns.
#[inline(always)]
fn zip(a: v128, b: v128) -> [v128; 2] {
    if GROUP == 4 {
        [
            i32x4_shuffle::<0, 4, 1, 5>(a, b),
            i32x4_shuffle::<2, 6, 3, 7>(a, b),
        ]
    } else {
        [
            i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b),
            i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b),
        ]
    }
}

#[inline(always)]
fn transposed(mut square: [v128; SIDE]) -> [v128; SIDE] {
    for _ in 0..SIDE.ilog2() {
        let rows = square;
        for i in 0..SIDE / 2 {
            [square[2 * i], square[2 * i + 1]] = zip(rows[i], rows[i + SIDE / 2]);
        }
    }
    square
}

/// [`transpose_pack::transpose_pack`], to which rows that are not whole vectors are left.
pub fn transpose_pack(rows: &[i8], panel: &mut [MaybeUninit<u8>]) -> PackStats {
    assert_eq!(rows.len(), panel.len());
    let k = rows.len() / PANEL;
    if !k.is_multiple_of(16) {
        return transpose_pack::transpose_pack(rows, panel);
    }
    let mut min = i8x16_splat(0);
    let mut sums = [0; PANEL];
    for (first, sums) in (0..PANEL).step_by(SIDE).zip(sums.chunks_exact_mut(SIDE)) {
        let (rows, columns) = (&rows[first * k..][..SIDE * k], first * GROUP);
        let mut wide = [i32x4_splat(0); SIDE];
        for from in (0..k).step_by(16 * SUMMED) {
            let mut narrow = [i16x8_splat(0); SIDE];
            for at in (from..k.min(from + 16 * SUMMED)).step_by(16) {
                let square: [v128; SIDE] = std::array::from_fn(|row| {
                    let codes: &[i8; 16] = rows[row * k + at..].first_chunk().expect("a row's vector");
                    // SAFETY: they are a vector's sixteen bytes; loads need no alignment.
                    unsafe { v128_load(codes.as_ptr().cast()) }
                });
                for (sum, codes) in narrow.iter_mut().zip(square) {
                    *sum = i16x8_add(*sum, i16x8_extadd_pairwise_i8x16(codes));
                    min = i8x16_min(min, codes);
                }
                for (group, codes) in transposed(square).into_iter().enumerate() {
                    let place = (at / GROUP + group) * PANEL * GROUP + columns;
                    let place: &mut [_; 16] = panel[place..].first_chunk_mut().expect("a block's vector");
                    // SAFETY: they are a vector's sixteen bytes; stores need no alignment.
                    unsafe { v128_store(place.as_mut_ptr().cast(), codes) }
                }
            }
            for (wide, narrow) in wide.iter_mut().zip(narrow) {
                *wide = i32x4_add(*wide, i32x4_extadd_pairwise_i16x8(narrow));
            }
        }
        for (sum, wide) in sums.iter_mut().zip(wide) {
            let halves = i32x4_add(wide, i32x4_shuffle::<2, 3, 0, 1>(wide, wide));
            *sum = i32x4_extract_lane::<0>(halves) + i32x4_extract_lane::<1>(halves);
        }
    }
    let mut codes = [0; 16];
    // SAFETY: there is room for a vector's sixteen bytes; stores need no alignment.
    unsafe { v128_store(codes.as_mut_ptr().cast(), min) }
    PackStats {
        sums,
        min: transpose_pack::min(&codes),
    }
}
