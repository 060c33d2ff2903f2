//! 64-bit Arm: `sdot` (the dotprod extension) on signed bytes.

use core::arch::aarch64::*;
use core::arch::asm;

use super::super::pack::PANEL;
use super::super::quantize::CodeRange;
use super::{Kernel, Tile};

/// Rows of a tile: thirty-two registers hold far more sums than are needed to hide latency.
const ROWS: usize = 8;

/// What this machine has.
pub fn available() -> impl Iterator<Item = Kernel> {
    let kernel = Kernel {
        name: "neon-dotprod",
        range: CodeRange::S8,
        rows: ROWS,
        panels: 16,
        dot,
    };
    std::arch::is_aarch64_feature_detected!("dotprod")
        .then_some(kernel)
        .into_iter()
}

fn dot(tile: &Tile, _: CodeRange, sums: &mut [[i32; PANEL]]) {
    // SAFETY: the kernel is only built where dotprod was detected.
    unsafe {
        match tile.rows {
            1 => dot_rows::<1>(tile, sums),
            2 => dot_rows::<2>(tile, sums),
            3 => dot_rows::<3>(tile, sums),
            4 => dot_rows::<4>(tile, sums),
            5 => dot_rows::<5>(tile, sums),
            6 => dot_rows::<6>(tile, sums),
            7 => dot_rows::<7>(tile, sums),
            _ => dot_rows::<ROWS>(tile, sums),
        }
    }
}

/// `sums + weights · codes` in groups of four. The intrinsic is not stable, the instruction is.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot(mut sums: int32x4_t, weights: int8x16_t, codes: int8x16_t) -> int32x4_t {
    // SAFETY: `sdot` reads and writes only the registers it is given; dotprod is enabled here.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {codes:v}.16b",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            codes = in(vreg) codes,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[target_feature(enable = "neon,dotprod")]
fn dot_rows<const R: usize>(tile: &Tile, sums: &mut [[i32; PANEL]]) {
    let stride = tile.groups * 4;
    assert!(tile.codes.len() == R * stride);
    let codes = tile.codes.as_ptr();
    for (panel, weights) in tile.weights.chunks_exact(8 * stride).enumerate() {
        let mut acc = [[vdupq_n_s32(0); 2]; R];
        for group in 0..tile.groups {
            // SAFETY: a group is 32 bytes of a panel's 8 * stride and 4 bytes of codes a row, whose length was
            // checked above; group < tile.groups, row < R.
            unsafe {
                let weights = weights.as_ptr().add(group * 32);
                let (first, second) = (vld1q_s8(weights), vld1q_s8(weights.add(16)));
                for (row, acc) in acc.iter_mut().enumerate() {
                    let code = codes.add((group * R + row) * 4).cast::<i32>().read_unaligned();
                    let code = vreinterpretq_s8_s32(vdupq_n_s32(code));
                    acc[0] = sdot(acc[0], first, code);
                    acc[1] = sdot(acc[1], second, code);
                }
            }
        }
        for (row, acc) in acc.into_iter().enumerate() {
            let sums = &mut sums[row * tile.panels + panel];
            // SAFETY: eight i32 are two vectors.
            unsafe {
                vst1q_s32(sums.as_mut_ptr(), acc[0]);
                vst1q_s32(sums.as_mut_ptr().add(4), acc[1]);
            }
        }
    }
}
