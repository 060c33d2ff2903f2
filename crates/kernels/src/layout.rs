//! The memory layout that packing, quantization and the products agree on, and the range of activation codes.

use super::pairs;

/// Outputs in a panel of packed weights.
pub const PANEL: usize = 8;

/// Inputs that lie side by side for one output: as many as one 32-bit lane of a product sums.
#[cfg(all(target_arch = "wasm32", not(feature = "relaxed-simd")))]
pub const GROUP: usize = 2;
/// Inputs that lie side by side for one output: as many as one 32-bit lane of a product sums.
#[cfg(not(all(target_arch = "wasm32", not(feature = "relaxed-simd"))))]
pub const GROUP: usize = 4;

/// Largest number of inputs: every sum of products then fits 32 bits, whatever the codes.
pub const MAX_INPUTS: usize = 8192;

/// Inputs that share one multiplier in a 4-bit matrix.
pub const Q4_GROUP: usize = 32;

/// Largest number of rows times panels of any kernel's tile.
pub const MAX_TILE_SUMS: usize = 144;

/// Storage of one activation code: 16 bits where the machine has no product of bytes.
#[cfg(all(target_arch = "wasm32", not(feature = "relaxed-simd")))]
pub type Code = i16;
/// Storage of one activation code: a byte, signed or unsigned as the [`CodeRange`] says.
#[cfg(not(all(target_arch = "wasm32", not(feature = "relaxed-simd"))))]
pub type Code = u8;

/// Range of the integer codes whose products a kernel sums exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRange {
    /// Smallest code.
    pub low: i32,
    /// Largest code.
    pub high: i32,
}

impl CodeRange {
    /// Seven bits: exact in every engine's relaxed dot product and in `pmaddubsw`.
    pub const U7: Self = Self { low: 0, high: 127 };
    /// Seven and a half bits: exact in `pmaddubsw` with weights that fit by pairs (`pairs.rs`).
    pub const PAIRED: Self = Self {
        low: 0,
        high: pairs::MAX_CODE,
    };
    /// Unsigned eight bits.
    pub const U8: Self = Self { low: 0, high: 255 };
    /// Signed eight bits.
    pub const S8: Self = Self { low: -128, high: 127 };
    /// Eleven bits, for products of 16-bit codes: sums of 8192 products with 8-bit weights fit 32 bits,
    /// also after the zero point's share has been subtracted.
    pub const S11: Self = Self {
        low: -1024,
        high: 1023,
    };
}
