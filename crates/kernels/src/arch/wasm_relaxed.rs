//! WebAssembly with relaxed SIMD: `i32x4.relaxed_dot_i8x16_i7x16_add_s`, sixteen products at once.
//!
//! The specification promises the result only for second operands of seven bits. What an engine does
//! with the eighth is one of few things and stays the same for as long as it runs: `vpdpbusd` takes
//! the byte as unsigned and sums exactly, Arm's `sdot` takes it as signed, and `pmaddubsw` saturates.
//! A probe tells which. Where the instruction is exact, activations get the full eight bits; where it is not,
//! [another](super::wasm_relaxed_pairs) is faster.

use core::arch::wasm32::*;

use super::super::dispatch::{Kernel, Product, Tile};
use super::super::layout::{CodeRange, PANEL};
use super::wasm_relaxed_pairs;

/// Rows of a tile: twelve sums, two vectors of weights and one of codes fill the fifteen registers that
/// an engine has on x86-64. That needs the loads where they stand: `build.sh` has the compiler keep the
/// order of the source, since its own scheduler loads the codes of all rows first.
const ROWS: usize = 6;

/// The kernel that suits this engine.
pub fn kernel() -> Kernel {
    let exact = |name, range| Kernel {
        name,
        range,
        pairwise: false,
        rows: ROWS,
        panels: 24,
        product: Product::RelaxedSimd,
    };
    match probe() {
        CodeRange::U8 => exact("relaxed-simd-u8", CodeRange::U8),
        CodeRange::S8 => exact("relaxed-simd-s8", CodeRange::S8),
        _ => Kernel {
            name: "relaxed-simd-u7",
            range: CodeRange::U7,
            pairwise: wasm_relaxed_pairs::takes_pairs(),
            rows: wasm_relaxed_pairs::ROWS,
            panels: 14,
            product: Product::RelaxedSimdPairs,
        },
    }
}

/// The engine's sum of four products of a weight and a code.
fn product(weight: i8, code: u8) -> i32 {
    let (weights, codes) = (
        std::hint::black_box(i8x16_splat(weight)),
        std::hint::black_box(u8x16_splat(code)),
    );
    i32x4_extract_lane::<0>(relaxed_dot(weights, codes, i32x4_splat(0)))
}

/// Finds out how the engine takes the top bit of a code.
fn probe() -> CodeRange {
    let exact_as = |codes: [u8; 3], value: fn(u8) -> i32| {
        codes.iter().all(|&q| {
            [-127i8, 127, 1]
                .iter()
                .all(|&w| product(w, q) == 4 * i32::from(w) * value(q))
        })
    };
    if exact_as([255, 128, 1], i32::from) {
        CodeRange::U8
    } else if exact_as([255, 128, 127], |q| i32::from(q as i8)) {
        CodeRange::S8
    } else {
        CodeRange::U7
    }
}

#[inline]
#[target_feature(enable = "relaxed-simd")]
fn relaxed_dot(weights: v128, codes: v128, sums: v128) -> v128 {
    i32x4_relaxed_dot_i8x16_i7x16_add(weights, codes, sums)
}

/// The product of a tile: [`Kernel::dot`].
pub fn dot(tile: &Tile, sums: &mut [[i32; PANEL]]) {
    let pairs = tile.panels.is_multiple_of(2);
    match (tile.rows, pairs) {
        (1, true) => dot_rows::<1, 2>(tile, sums),
        (2, true) => dot_rows::<2, 2>(tile, sums),
        (3, true) => dot_rows::<3, 2>(tile, sums),
        (1, _) => dot_rows::<1, 1>(tile, sums),
        (2, _) => dot_rows::<2, 1>(tile, sums),
        (3, _) => dot_rows::<3, 1>(tile, sums),
        (4, _) => dot_rows::<4, 1>(tile, sums),
        (5, _) => dot_rows::<5, 1>(tile, sums),
        _ => dot_rows::<ROWS, 1>(tile, sums),
    }
}

/// A tile, `P` panels at once: few rows of one panel would wait for their own sums.
#[target_feature(enable = "relaxed-simd")]
fn dot_rows<const R: usize, const P: usize>(tile: &Tile, sums: &mut [[i32; PANEL]]) {
    let panel = tile.groups * PANEL * 4;
    for (i, weights) in tile.weights.chunks_exact(P * panel).enumerate() {
        for (row, dots) in panel_rows::<R, P>(tile.codes, weights, tile.groups)
            .into_iter()
            .enumerate()
        {
            sums[row * tile.panels + i * P..][..P].copy_from_slice(&dots);
        }
    }
}

/// The sums of `P` panels.
#[inline]
#[target_feature(enable = "relaxed-simd")]
fn panel_rows<const R: usize, const P: usize>(
    codes: &[u8],
    weights: &[i8],
    groups: usize,
) -> [[[i32; PANEL]; P]; R] {
    let stride = groups * 4;
    assert!(codes.len() == R * stride && weights.len() == P * 8 * stride);
    let (codes, weights) = (codes.as_ptr(), weights.as_ptr());
    let mut acc = [[[i32x4_splat(0); 2]; P]; R];
    for group in 0..groups {
        // SAFETY: a group is 32 bytes of weights a panel, whose panels are 8 * stride bytes each, and
        // 4 bytes of codes a row; the lengths of both were checked above, and group < groups, row < R,
        // panel < P.
        unsafe {
            let mut loaded = [[i32x4_splat(0); 2]; P];
            for (panel, loaded) in loaded.iter_mut().enumerate() {
                let weights = weights.add(panel * 8 * stride + group * 32);
                *loaded = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
            }
            for (row, acc) in acc.iter_mut().enumerate() {
                let code = v128_load32_splat(codes.add((group * R + row) * 4).cast());
                for (acc, weights) in acc.iter_mut().zip(&loaded) {
                    acc[0] = i32x4_relaxed_dot_i8x16_i7x16_add(weights[0], code, acc[0]);
                    acc[1] = i32x4_relaxed_dot_i8x16_i7x16_add(weights[1], code, acc[1]);
                }
            }
        }
    }
    let mut sums = [[[0; PANEL]; P]; R];
    for (sums, acc) in sums.as_flattened_mut().iter_mut().zip(acc.as_flattened()) {
        // SAFETY: eight i32 are two vectors.
        unsafe {
            v128_store(sums.as_mut_ptr().cast(), acc[0]);
            v128_store(sums.as_mut_ptr().add(4).cast(), acc[1]);
        }
    }
    sums
}
