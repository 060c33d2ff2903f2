//! Code for one instruction set a file; find it by the machine that it is for.
//!
//! An instruction set that is asked for at run time has a token: a type without data whose only constructor is
//! `detect`, which returns a value only if the machine has the instructions. Functions behind it take the token,
//! which makes them safe to call. Instruction sets that a build takes for granted (WebAssembly's) need none: code
//! that uses them is not compiled elsewhere.

/// Calls a function whose const parameter is the number of rows of a tile. Where the function takes instructions that
/// not every machine of the target has, the call stands in an `unsafe` block.
#[allow(
    unused_macros,
    reason = "targets with the scalar kernel alone have no such function"
)]
macro_rules! by_rows {
    ($rows:expr, $call:ident, $arguments:tt, $($n:literal)*) => {
        match $rows {
            $($n => $call::<$n> $arguments,)*
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}

pub mod scalar;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub mod aarch64;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub mod aarch64_lanes;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
mod vector;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub mod wasm_lanes;
#[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
pub mod wasm_relaxed;
#[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
pub mod wasm_relaxed_pairs;
#[cfg(all(
    target_arch = "wasm32",
    target_feature = "simd128",
    not(feature = "relaxed-simd")
))]
pub mod wasm_simd128;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub mod wasm_transpose_pack;
#[cfg(target_arch = "x86_64")]
pub mod x86_64;
#[cfg(target_arch = "x86_64")]
pub mod x86_64_lanes;
#[cfg(target_arch = "x86_64")]
pub mod x86_64_tokens;

/// Asks the memory for the line of an address, which may be any: nothing is read. Targets without a stable instruction
/// for it do nothing.
#[inline(always)]
pub fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every machine of the target has the instruction, which neither reads nor writes.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
