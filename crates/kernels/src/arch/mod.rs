//! The integer product of a tile, one file an instruction set; find the code by the machine it is for.
//!
//! On x86-64 the machine is asked at run time. On wasm it cannot be: a module that holds an
//! instruction unknown to the engine does not load at all, so the build chooses, and the page loads
//! the right module.

use std::sync::OnceLock;

use super::pack::{GROUP, PANEL};
use super::quantize::CodeRange;

mod scalar;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod aarch64;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub mod aarch64_lanes;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
mod vector;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub mod wasm_lanes;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm_lay;
#[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
mod wasm_relaxed;
#[cfg(all(
    target_arch = "wasm32",
    target_feature = "simd128",
    not(feature = "relaxed-simd")
))]
mod wasm_simd128;
#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub mod x86_64_lanes;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use super::lay::lay;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm_lay::lay;

/// What an activation's code is stored as: without a byte product, 16 bits.
#[cfg(all(target_arch = "wasm32", not(feature = "relaxed-simd")))]
pub type Code = i16;
/// What an activation's code is stored as.
#[cfg(not(all(target_arch = "wasm32", not(feature = "relaxed-simd"))))]
pub type Code = u8;

/// Most rows times panels of any implementation's tile.
pub const MOST_SUMS: usize = 144;

/// A few rows of codes and a few panels of weights to be multiplied.
pub struct Tile<'a> {
    codes: &'a [Code],
    weights: &'a [i8],
    rows: usize,
    panels: usize,
    groups: usize,
}

impl<'a> Tile<'a> {
    /// `codes` is `[groups, rows, GROUP]`, `weights` is `[panels, groups, PANEL, GROUP]`.
    ///
    /// # Panics
    /// Where the lengths are others: the implementations read without further checks.
    pub fn new(codes: &'a [Code], weights: &'a [i8], rows: usize, panels: usize, groups: usize) -> Self {
        assert_eq!(codes.len(), rows * groups * GROUP);
        assert_eq!(weights.len(), panels * groups * PANEL * GROUP);
        Self {
            codes,
            weights,
            rows,
            panels,
            groups,
        }
    }
}

/// One way to multiply a tile.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// As reported to users.
    pub name: &'static str,
    /// Codes whose products it sums exactly.
    pub range: CodeRange,
    /// Most rows of a tile.
    pub rows: usize,
    /// Most panels of a tile. With many the codes of its rows come from the first-level cache for all but the
    /// first, and its outputs, whole cache lines, follow one another.
    pub panels: usize,
    /// Writes the sums `[rows, panels]` of [`PANEL`] outputs each.
    dot: fn(&Tile, CodeRange, &mut [[i32; PANEL]]),
}

impl Kernel {
    /// Plain Rust on the same codes: what this implementation must equal bit for bit.
    pub fn twin(&self) -> Self {
        Self {
            range: self.range,
            ..scalar::KERNEL
        }
    }

    /// Sums of products of every row with every output of a tile: `[rows, panels]` of [`PANEL`].
    ///
    /// # Panics
    /// Where the tile is larger than this kernel takes or `sums` is too short.
    pub fn dot(&self, tile: &Tile, sums: &mut [[i32; PANEL]]) {
        assert!(
            tile.rows <= self.rows && tile.panels <= self.panels && sums.len() >= tile.rows * tile.panels
        );
        (self.dot)(tile, self.range, sums);
    }
}

/// Every implementation that this machine can run, the fastest first; plain Rust is always last.
pub fn available() -> &'static [Kernel] {
    static AVAILABLE: OnceLock<Vec<Kernel>> = OnceLock::new();
    AVAILABLE.get_or_init(|| {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        kernels.extend(x86_64::available());
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        kernels.extend(aarch64::available());
        #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
        kernels.push(wasm_relaxed::kernel());
        #[cfg(all(
            target_arch = "wasm32",
            target_feature = "simd128",
            not(feature = "relaxed-simd")
        ))]
        kernels.push(wasm_simd128::KERNEL);
        kernels.push(scalar::KERNEL);
        kernels
    })
}

/// The fastest implementation that this machine can run.
pub fn best() -> &'static Kernel {
    &available()[0]
}
