//! WebAssembly without relaxed SIMD (Safari): `i32x4.dot_i16x8_s` on weights widened to 16 bits.
//!
//! Sixteen bits leave room, so activations get eleven: this variant is the slowest and the finest.

use core::arch::wasm32::*;

use super::super::dispatch::{Kernel, Product, Tile};
use super::super::layout::{CodeRange, PANEL};

/// Rows of a tile: ten sums, two vectors of weights, one of codes and one of products fit fifteen
/// registers.
const ROWS: usize = 5;

/// The kernel.
pub const KERNEL: Kernel = Kernel {
    name: "simd128",
    range: CodeRange::S11,
    pairwise: false,
    rows: ROWS,
    panels: 24,
    product: Product::Simd128,
};

/// The product of a tile: [`Kernel::dot`].
pub fn dot(tile: &Tile, sums: &mut [[i32; PANEL]]) {
    by_rows!(tile.rows, dot_rows, (tile, sums), 1 2 3 4 5);
}

fn dot_rows<const R: usize>(tile: &Tile, sums: &mut [[i32; PANEL]]) {
    let stride = tile.groups * 2;
    for (panel, weights) in tile.weights.chunks_exact(8 * stride).enumerate() {
        let rows = panel_rows::<R>(tile.codes, weights, tile.groups);
        for (row, dots) in rows.into_iter().enumerate() {
            sums[row * tile.panels + panel] = dots;
        }
    }
}

/// The sums of one panel.
#[inline]
fn panel_rows<const R: usize>(codes: &[i16], weights: &[i8], groups: usize) -> [[i32; PANEL]; R] {
    let stride = groups * 2;
    assert!(codes.len() == R * stride && weights.len() == 8 * stride);
    let (codes, weights) = (codes.as_ptr(), weights.as_ptr());
    let mut acc = [[i32x4_splat(0); 2]; R];
    for group in 0..groups {
        // SAFETY: a group is 16 bytes of weights and two 16-bit codes a row; the lengths of both
        // were checked above, and group < groups, row < R.
        unsafe {
            let first = i16x8_load_extend_i8x8(weights.add(group * 16));
            let second = i16x8_load_extend_i8x8(weights.add(group * 16 + 8));
            for (row, acc) in acc.iter_mut().enumerate() {
                let code = v128_load32_splat(codes.add((group * R + row) * 2).cast());
                acc[0] = i32x4_add(acc[0], i32x4_dot_i16x8(first, code));
                acc[1] = i32x4_add(acc[1], i32x4_dot_i16x8(second, code));
            }
        }
    }
    let mut sums = [[0; PANEL]; R];
    for (sums, acc) in sums.iter_mut().zip(acc) {
        // SAFETY: eight i32 are two vectors.
        unsafe {
            v128_store(sums.as_mut_ptr().cast(), acc[0]);
            v128_store(sums.as_mut_ptr().add(4).cast(), acc[1]);
        }
    }
    sums
}
