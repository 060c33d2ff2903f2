//! Selection of the kernel and of the float vectors that this machine runs fastest.
//!
//! On x86-64 and Arm the machine is asked at run time. WebAssembly cannot be asked: a module that holds an
//! instruction unknown to the engine does not load at all, so the build chooses, and the page loads the right
//! module.
//!
//! An instruction set is represented by a token (see [`crate::arch`]): a value that can only be obtained where
//! the machine was found to have the instructions. A kernel carries its token, so running it needs no further
//! check.

use std::sync::OnceLock;

use super::arch::scalar;
use super::layout::{Code, CodeRange, GROUP, PANEL};
use super::pack::PackedMatrix;
use crate::{Error, Result};

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use super::arch::aarch64::{self, DotProd, Neon};
#[cfg(all(
    target_arch = "wasm32",
    target_feature = "simd128",
    not(feature = "relaxed-simd")
))]
use super::arch::wasm_simd128;
#[cfg(target_arch = "x86_64")]
use super::arch::x86_64;
#[cfg(target_arch = "x86_64")]
use super::arch::x86_64_tokens::{Avx2, Avx512, Avx512Vnni, AvxVnni};
#[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
use super::arch::{wasm_relaxed, wasm_relaxed_pairs};

/// Environment variable that names the kernel to use instead of the fastest one, so that one machine can measure
/// what slower machines do. The float vectors follow: `CLIPLET_KERNEL=avx2` uses no AVX-512 anywhere.
pub const KERNEL_VARIABLE: &str = "CLIPLET_KERNEL";

/// A few rows of codes and a few panels of weights to be multiplied.
pub struct Tile<'a> {
    pub(super) codes: &'a [Code],
    pub(super) weights: &'a [i8],
    pub(super) rows: usize,
    pub(super) panels: usize,
    pub(super) groups: usize,
    /// Bytes that are read after this tile, which a kernel may ask the memory for meanwhile.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "other targets have no such instruction")
    )]
    pub(super) next: &'a [u8],
}

impl<'a> Tile<'a> {
    /// A tile of `codes`, `[groups, rows, GROUP]`, and `weights`, `[panels, groups, PANEL, GROUP]`.
    ///
    /// # Panics
    /// If a length does not match: kernels read without further checks.
    pub fn new(codes: &'a [Code], weights: &'a [i8], rows: usize, panels: usize, groups: usize) -> Self {
        assert_eq!(codes.len(), rows * groups * GROUP);
        assert_eq!(weights.len(), panels * groups * PANEL * GROUP);
        Self {
            codes,
            weights,
            rows,
            panels,
            groups,
            next: &[],
        }
    }
}

/// One implementation of the integer product of a tile.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// Name, as reported to users.
    pub name: &'static str,
    /// Activation codes whose products with any weights the kernel sums exactly.
    pub range: CodeRange,
    /// The products of two neighboring inputs are summed in 16 bits, so that [pairs of weights](super::pairs) that fit
    /// allow wider codes.
    pub(super) pairwise: bool,
    /// Largest number of rows in a tile.
    pub(super) rows: usize,
    /// Largest number of panels in a tile. With many panels, the codes of the tile's rows come from the first-level
    /// cache for all panels but the first, and the outputs, whole cache lines, follow one another.
    pub(super) panels: usize,
    /// The code that multiplies.
    pub(super) product: Product,
}

/// The code of a kernel, with the proof that the machine can run it.
#[derive(Clone, Copy)]
pub(super) enum Product {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    DotProd(DotProd),
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon(Neon),
    #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
    RelaxedSimd,
    #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
    RelaxedSimdPairs,
    #[cfg(all(
        target_arch = "wasm32",
        target_feature = "simd128",
        not(feature = "relaxed-simd")
    ))]
    Simd128,
}

impl Kernel {
    /// The scalar reference on the same codes, which this kernel equals bit for bit.
    pub fn reference(&self) -> Self {
        Self {
            range: self.range,
            pairwise: self.pairwise,
            ..scalar::KERNEL
        }
    }

    /// Activation codes whose products with a matrix the kernel sums exactly.
    pub(super) fn range_for(&self, w: &PackedMatrix) -> CodeRange {
        if self.pairwise && w.fits_pairs() {
            CodeRange::PAIRED
        } else {
            self.range
        }
    }

    /// Writes the sums of products of every row with every output of a tile: `[rows, panels]` of `PANEL` sums.
    ///
    /// # Panics
    /// If the tile is larger than this kernel takes or `sums` is too short.
    pub fn dot(&self, tile: &Tile, sums: &mut [[i32; PANEL]]) {
        assert!(
            tile.rows <= self.rows && tile.panels <= self.panels && sums.len() >= tile.rows * tile.panels
        );
        match self.product {
            Product::Scalar => scalar::dot(tile, self.range, sums),
            #[cfg(target_arch = "x86_64")]
            Product::Avx512Vnni(token) => x86_64::dot_avx512(token, tile, sums),
            #[cfg(target_arch = "x86_64")]
            Product::AvxVnni(token) => x86_64::dot_avx_vnni(token, tile, sums),
            #[cfg(target_arch = "x86_64")]
            Product::Avx2(token) => x86_64::dot_avx2(token, tile, sums),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Product::DotProd(token) => aarch64::dot_sdot(token, tile, sums),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Product::Neon(token) => aarch64::dot_neon(token, tile, sums),
            #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
            Product::RelaxedSimd => wasm_relaxed::dot(tile, sums),
            #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
            Product::RelaxedSimdPairs => wasm_relaxed_pairs::dot(tile, sums),
            #[cfg(all(
                target_arch = "wasm32",
                target_feature = "simd128",
                not(feature = "relaxed-simd")
            ))]
            Product::Simd128 => wasm_simd128::dot(tile, sums),
        }
    }
}

/// Every kernel that this machine can run, the fastest first; the scalar reference is always last.
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
        kernels.extend([scalar::KERNEL_S8, scalar::KERNEL]);
        kernels
    })
}

/// The kernel that [`KERNEL_VARIABLE`] names; `None` where it is unset or empty.
///
/// # Errors
/// [`Error`] if this machine has no kernel of that name; the message lists those that it has.
pub fn requested() -> Result<Option<&'static Kernel>> {
    let name = match std::env::var(KERNEL_VARIABLE) {
        Ok(name) if !name.is_empty() => name,
        _ => return Ok(None),
    };
    let found = available().iter().find(|kernel| kernel.name == name);
    found.map(Some).ok_or_else(|| {
        let names: Vec<&str> = available().iter().map(|kernel| kernel.name).collect();
        Error::new(format!(
            "{KERNEL_VARIABLE} is {name:?}, but this machine's kernels are {}",
            names.join(", ")
        ))
    })
}

/// The kernel that is used: the requested one, or the fastest that this machine can run.
pub fn best() -> &'static Kernel {
    static BEST: OnceLock<&Kernel> = OnceLock::new();
    BEST.get_or_init(|| requested().ok().flatten().unwrap_or(&available()[0]))
}

/// The widest float vectors that this machine has and that go with the kernel in use.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub enum Vectors {
    /// Sixteen floats.
    Avx512(Avx512),
    /// Eight floats.
    Avx2(Avx2),
    /// Those of every machine of the target.
    Baseline,
}

/// The float vectors that are used.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn vectors() -> Vectors {
    static VECTORS: OnceLock<Vectors> = OnceLock::new();
    *VECTORS.get_or_init(|| {
        let narrow = || Avx2::detect().map_or(Vectors::Baseline, Vectors::Avx2);
        match requested().ok().flatten().map(|kernel| kernel.product) {
            None | Some(Product::Avx512Vnni(_)) => Avx512::detect().map_or_else(narrow, Vectors::Avx512),
            Some(Product::AvxVnni(_) | Product::Avx2(_)) => narrow(),
            Some(Product::Scalar) => Vectors::Baseline,
        }
    })
}
