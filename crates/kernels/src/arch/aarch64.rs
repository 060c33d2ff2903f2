//! 64-bit Arm: `sdot` (the dotprod extension) on signed bytes, or products of sixteen bits that are added in pairs.

use core::arch::aarch64::*;
use core::arch::asm;

use super::super::dispatch::{Kernel, Product, Tile};
use super::super::layout::{CodeRange, PANEL};

/// NEON, which every 64-bit Arm processor has.
#[derive(Debug, Clone, Copy)]
pub struct Neon;

/// NEON with the dotprod extension; exists only where the processor has it.
#[derive(Debug, Clone, Copy)]
pub struct DotProd(());

impl DotProd {
    /// A token if this processor has the extension.
    pub fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("dotprod").then_some(Self(()))
    }
}

/// The kernels that this machine can run, the fastest first.
pub fn available() -> impl Iterator<Item = Kernel> {
    let dotprod = DotProd::detect().map(|token| Kernel {
        name: "neon-dotprod",
        range: CodeRange::S8,
        pairwise: false,
        // Thirty-two registers hold far more sums than are needed to hide latency.
        rows: 8,
        panels: 16,
        product: Product::DotProd(token),
    });
    let neon = Kernel {
        name: "neon",
        range: CodeRange::S8,
        pairwise: false,
        rows: 6,
        panels: 24,
        product: Product::Neon(Neon),
    };
    dotprod.into_iter().chain([neon])
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

/// Defines a kernel of one panel at a time: the load of a vector of weights and how many a group's are, the
/// splat of a code's four bytes, the accumulation of both to a vector of sums, and the first and the second four
/// sums of those vectors.
macro_rules! kernel {
    (
        $(#[$meta:meta])* $dot:ident($token:ty), $rows:ident, $features:literal, $load:ident $count:literal, $splat:expr, $accumulate:expr,
        $sums:expr, $($n:literal)*
    ) => {
        $(#[$meta])*
        pub fn $dot(_: $token, tile: &Tile, sums: &mut [[i32; PANEL]]) {
            // SAFETY: the token proves that the machine has the features.
            unsafe { by_rows!(tile.rows, $rows, (tile, sums), $($n)*) };
        }

        #[target_feature(enable = $features)]
        fn $rows<const R: usize>(tile: &Tile, sums: &mut [[i32; PANEL]]) {
            let stride = tile.groups * 4;
            assert!(tile.codes.len() == R * stride);
            let codes = tile.codes.as_ptr();
            for (panel, weights) in tile.weights.chunks_exact(8 * stride).enumerate() {
                let mut acc = [[vdupq_n_s32(0); $count]; R];
                for group in 0..tile.groups {
                    // SAFETY: a group is 32 bytes of a panel's 8 * stride, which $count vectors are, and 4 bytes
                    // of codes a row, whose length was checked above; group < tile.groups, row < R.
                    unsafe {
                        let first = weights.as_ptr().add(group * 32);
                        let mut weights = [$load(first); $count];
                        for (i, weights) in weights.iter_mut().enumerate().skip(1) {
                            *weights = $load(first.add(i * 32 / $count));
                        }
                        for (row, acc) in acc.iter_mut().enumerate() {
                            let code = codes.add((group * R + row) * 4).cast::<i32>().read_unaligned();
                            let code = $splat(code);
                            for (acc, weights) in acc.iter_mut().zip(weights) {
                                *acc = $accumulate(*acc, weights, code);
                            }
                        }
                    }
                }
                for (row, acc) in acc.into_iter().enumerate() {
                    let sums = &mut sums[row * tile.panels + panel];
                    let [first, second]: [int32x4_t; 2] = $sums(acc);
                    // SAFETY: eight i32 are two vectors.
                    unsafe {
                        vst1q_s32(sums.as_mut_ptr(), first);
                        vst1q_s32(sums.as_mut_ptr().add(4), second);
                    }
                }
            }
        }
    };
}

kernel!(
    /// The product by `sdot`: [`Kernel::dot`].
    dot_sdot(DotProd), sdot_rows, "neon,dotprod", vld1q_s8 2, |code| vreinterpretq_s8_s32(vdupq_n_s32(code)),
    |acc, weights, code| sdot(acc, weights, code), |acc| acc, 1 2 3 4 5 6 7 8
);
// A vector of sums has two halves of each: 128 * 128 fits sixteen bits, two of them do not.
kernel!(
    /// The product by NEON: [`Kernel::dot`].
    dot_neon(Neon), neon_rows, "neon", vld1_s8 4, |code| vreinterpret_s8_s32(vdup_n_s32(code)),
    |acc, weights, code| vpadalq_s16(acc, vmull_s8(weights, code)),
    |acc: [int32x4_t; 4]| [vpaddq_s32(acc[0], acc[1]), vpaddq_s32(acc[2], acc[3])], 1 2 3 4 5 6
);
