//! WebAssembly with relaxed SIMD on processors without a dot product of bytes: `i16x8.relaxed_dot_i8x16_i7x16_s`, which
//! sums products by pairs in 16 bits.
//!
//! Engines turn it into `pmaddubsw`, where `i32x4.relaxed_dot_i8x16_i7x16_add_s` becomes that and two more instructions
//! every time.

use core::arch::wasm32::*;

use super::super::dispatch::Tile;
use super::super::layout::PANEL;
use super::super::pairs::{MAX_CODE, MAX_PAIR};

/// Rows of a tile: ten sums, one vector of weights, one of codes or products and one of ones fit the fifteen registers that
/// an engine has on x86-64.
pub const ROWS: usize = 10;

/// Outputs whose sums are one vector.
const LANES: usize = PANEL / 2;

/// Finds out if the engine takes codes of eight bits as unsigned and sums [pairs that fit](super::super::pairs) exactly.
pub fn takes_pairs() -> bool {
    let code = std::hint::black_box(u8x16_splat(MAX_CODE as u8));
    [MAX_PAIR / 2, -MAX_PAIR / 2].iter().all(|&weight| {
        let weights = std::hint::black_box(i8x16_splat(weight as i8));
        i32::from(i16x8_extract_lane::<0>(relaxed_dot(weights, code))) == 2 * i32::from(weight) * MAX_CODE
    })
}

#[inline]
#[target_feature(enable = "relaxed-simd")]
fn relaxed_dot(weights: v128, codes: v128) -> v128 {
    i16x8_relaxed_dot_i8x16_i7x16(weights, codes)
}

/// The product of a tile: [`Kernel::dot`](super::super::dispatch::Kernel::dot).
pub fn dot(tile: &Tile, sums: &mut [[i32; PANEL]]) {
    by_rows!(tile.rows, dot_rows, (tile, sums), 1 2 3 4 5 6 7 8 9 10);
}

#[target_feature(enable = "relaxed-simd")]
fn dot_rows<const R: usize>(tile: &Tile, sums: &mut [[i32; PANEL]]) {
    let panel_bytes = tile.groups * PANEL * 4;
    for (panel, weights) in tile.weights.chunks_exact(panel_bytes).enumerate() {
        for half in 0..2 {
            let dots = half_panel::<R>(tile, weights, half);
            for (row, dots) in dots.into_iter().enumerate() {
                let sums = &mut sums[row * tile.panels + panel][half * LANES..][..LANES];
                // SAFETY: four i32 are one vector.
                unsafe { v128_store(sums.as_mut_ptr().cast(), dots) };
            }
        }
    }
}

/// The sums of half of a panel's outputs: of the first four where `half` is 0, of the last four where it is 1.
#[inline]
#[target_feature(enable = "relaxed-simd")]
fn half_panel<const R: usize>(tile: &Tile, weights: &[i8], half: usize) -> [v128; R] {
    let groups = tile.groups;
    assert!(tile.codes.len() == R * groups * 4 && weights.len() == groups * PANEL * 4);
    let (codes, weights) = (tile.codes.as_ptr(), weights.as_ptr());
    // The compiler would make a constant anew for every product.
    let ones = std::hint::black_box(i16x8_splat(1));
    let mut acc = [i32x4_splat(0); R];
    for group in 0..groups {
        // SAFETY: a group is 32 bytes of weights, whose length was checked above; group < groups, and callers pass a half
        // of 0 or 1.
        let weights = unsafe { v128_load(weights.add(group * 32 + half * 16).cast()) };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: a group is 4 bytes of codes a row, whose length was checked above; group < groups, row < R.
            let code = unsafe { v128_load32_splat(codes.add((group * R + row) * 4).cast()) };
            let pairs = i16x8_relaxed_dot_i8x16_i7x16(weights, code);
            *acc = i32x4_add(*acc, i32x4_dot_i16x8(pairs, ones));
        }
    }
    acc
}
