//! Sums, minima and maxima of rows of floats, and the macro that compiles such functions for each vector type.
//! Lanes are explicit, nothing branches, and rounding adds a magic number, so one source serves every machine.

use super::lanes::{Lanes, MAGIC, MAGIC_BITS, MAX_LANES};

/// Defines functions of a vector type that are compiled for each vector that the machine may have; a call runs
/// the version for the widest vector of this machine. The first parameter is the token of its instruction set,
/// which the macro supplies: `fn apply<V>(isa; x: &mut [f32]) { … }` is called as `apply(x)`.
///
/// Functions called in the body have to be marked `#[inline(always)]`, since a function by itself is compiled for
/// the oldest machine of the target, and closures have to be short, since they cannot be marked.
macro_rules! vectorized {
    ($(
        $(#[$meta:meta])*
        $visible:vis fn $name:ident<$vector:ident>($isa:ident; $($argument:ident: $type:ty),* $(,)?) $body:block
    )*) => {$(
        $(#[$meta])*
        #[inline]
        $visible fn $name($($argument: $type),*) {
            #[inline(always)]
            fn of<$vector: $crate::lanes::Lanes>($isa: $vector::Isa, $($argument: $type),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::arch::x86_64_lanes::{F32x8, F32x16};
                use $crate::arch::x86_64_tokens::{Avx2, Avx512};
                use $crate::dispatch::{Vectors, vectors};
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
                fn with_avx512(isa: Avx512, $($argument: $type),*) {
                    of::<F32x16>(isa, $($argument),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2(isa: Avx2, $($argument: $type),*) {
                    of::<F32x8>(isa, $($argument),*);
                }
                match vectors() {
                    // SAFETY: the token proves that the machine has the features.
                    Vectors::Avx512(isa) => return unsafe { with_avx512(isa, $($argument),*) },
                    // SAFETY: the token proves that the machine has the features.
                    Vectors::Avx2(isa) => return unsafe { with_avx2(isa, $($argument),*) },
                    Vectors::Baseline => {}
                }
            }
            #[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
            fn with_baseline($($argument: $type),*) {
                of::<$crate::lanes::Baseline>($crate::lanes::BaselineIsa, $($argument),*);
            }
            with_baseline($($argument),*);
        }
    )*};
}
pub(super) use vectorized;

/// Independent partial sums of a pass, so that no addition waits for the one before.
const CHAINS: usize = 4;

/// `x` rounded to the nearest integer, ties to even, for |x| below 2²²; unspecified for other values.
#[inline(always)]
pub fn round_to_i32(x: f32) -> i32 {
    ((x + MAGIC).to_bits() as i32).wrapping_sub(MAGIC_BITS)
}

/// Calls `take` with each vector of `x` and the index of the chain, below [`CHAINS`], that it belongs to; an
/// incomplete last vector is filled up with `filler`.
#[inline(always)]
fn each_vector<V: Lanes>(isa: V::Isa, x: &[f32], filler: f32, mut take: impl FnMut(usize, V)) {
    let chunks = x.chunks_exact(CHAINS * V::COUNT);
    let rest = chunks.remainder().chunks_exact(V::COUNT);
    let last = rest.remainder();
    for chunk in chunks {
        for chain in 0..CHAINS {
            take(chain, V::load(isa, &chunk[chain * V::COUNT..]));
        }
    }
    for vector in rest {
        take(0, V::load(isa, vector));
    }
    if !last.is_empty() {
        let mut lanes = [filler; MAX_LANES];
        lanes[..last.len()].copy_from_slice(last);
        take(0, V::load(isa, &lanes));
    }
}

/// Sum of `of(x)` over all values; `of(filler)` is zero.
#[inline(always)]
pub fn sum<V: Lanes>(isa: V::Isa, x: &[f32], filler: f32, of: impl Fn(V) -> V) -> f32 {
    let mut sums = [V::splat(isa, 0.0); CHAINS];
    each_vector(isa, x, filler, |chain, x| sums[chain] += of(x));
    sum_of_chains(sums)
}

/// Sum of all lanes of all chains.
#[inline(always)]
fn sum_of_chains<V: Lanes>([a, b, c, d]: [V; CHAINS]) -> f32 {
    ((a + b) + (c + d)).reduce_sum()
}

/// Largest value; negative infinity if there is none.
#[inline(always)]
pub fn max<V: Lanes>(isa: V::Isa, x: &[f32]) -> f32 {
    let mut chains = [V::splat(isa, f32::NEG_INFINITY); CHAINS];
    each_vector(isa, x, f32::NEG_INFINITY, |chain, x| {
        chains[chain] = chains[chain].max(x)
    });
    max_of_chains(chains)
}

/// The values of a row as its quantization sees them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Smallest of the values and zero; NaN is ignored.
    pub min: f32,
    /// Largest of the values and zero; NaN is ignored.
    pub max: f32,
    /// Sum of magnitudes.
    pub magnitude: f32,
}

/// The span of a row.
#[inline(always)]
pub fn span<V: Lanes>(isa: V::Isa, x: &[f32]) -> Span {
    let zero = V::splat(isa, 0.0);
    let (mut low, mut high, mut sums) = ([zero; CHAINS], [zero; CHAINS], [zero; CHAINS]);
    each_vector(isa, x, 0.0, |chain, x| {
        low[chain] = low[chain].min(x);
        high[chain] = high[chain].max(x);
        sums[chain] += x.abs();
    });
    Span {
        min: -max_of_chains(low.map(|low| zero - low)),
        max: max_of_chains(high),
        magnitude: sum_of_chains(sums),
    }
}

/// Largest of all lanes of all chains.
#[inline(always)]
fn max_of_chains<V: Lanes>([a, b, c, d]: [V; CHAINS]) -> f32 {
    a.max(b).max(c.max(d)).reduce_max()
}

#[cfg(test)]
mod tests {
    use super::super::lanes::BaselineIsa;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rounding_is_to_even(x in -1e6f32..1e6) {
            prop_assert_eq!(round_to_i32(x), x.round_ties_even() as i32);
        }

        #[test]
        fn sums_and_spans(x in prop::collection::vec(-1e3f32..1e3, 0..70)) {
            let want: f64 = x.iter().map(|&x| f64::from(x)).sum();
            let scale: f64 = x.iter().map(|&x| f64::from(x).abs()).sum();
            prop_assert!((f64::from(sum::<f32>(BaselineIsa, &x, 0.0, |x| x)) - want).abs() <= 1e-6 * scale);
            let span = span::<f32>(BaselineIsa, &x);
            prop_assert_eq!(span.min, x.iter().copied().fold(0.0, f32::min));
            prop_assert_eq!(span.max, x.iter().copied().fold(0.0, f32::max));
            prop_assert!((f64::from(span.magnitude) - scale).abs() <= 1e-6 * scale);
        }
    }
}
