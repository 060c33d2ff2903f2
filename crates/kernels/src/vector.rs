//! Passes over rows of floats, and what chooses the vector they run on. Lanes are explicit, nothing branches,
//! and rounding is done by adding a magic number, so one source serves every machine.

use super::lanes::{Lanes, MAGIC, MAGIC_BITS, WIDEST};

/// Defines functions of a vector type that are compiled for each vector that the machine may have, and
/// choose when called.
///
/// What they call has to be marked `#[inline(always)]`, since a function by itself is compiled for the oldest
/// machine of the target, and closures have to be short, since they cannot be marked.
macro_rules! vectorized {
    ($(
        $(#[$meta:meta])*
        $visible:vis fn $name:ident<$vector:ident>($($argument:ident: $type:ty),* $(,)?) $body:block
    )*) => {$(
        $(#[$meta])*
        #[inline]
        $visible fn $name($($argument: $type),*) {
            #[inline(always)]
            fn of<$vector: $crate::lanes::Lanes>($($argument: $type),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::arch::x86_64_lanes::{F32x8, F32x16};
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn with_avx512($($argument: $type),*) {
                    of::<F32x16>($($argument),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($argument: $type),*) {
                    of::<F32x8>($($argument),*);
                }
                if is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the features were just detected.
                    return unsafe { with_avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the features were just detected.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            #[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
            fn with_baseline($($argument: $type),*) {
                of::<$crate::lanes::Baseline>($($argument),*);
            }
            with_baseline($($argument),*);
        }
    )*};
}
pub(super) use vectorized;

/// Vectors that a sum runs in side by side, so that none waits for the one before.
const CHAINS: usize = 4;

/// `x` rounded to the nearest integer, ties to even, for |x| below 2²²; anything for other values.
#[inline(always)]
pub fn round_to_i32(x: f32) -> i32 {
    ((x + MAGIC).to_bits() as i32).wrapping_sub(MAGIC_BITS)
}

/// Calls `take` with each vector of `x`, told which of [`CHAINS`] it is for; a last one that is not whole is
/// filled up with `filler`.
#[inline(always)]
fn each_vector<V: Lanes>(x: &[f32], filler: f32, mut take: impl FnMut(usize, V)) {
    let chunks = x.chunks_exact(CHAINS * V::COUNT);
    let rest = chunks.remainder().chunks_exact(V::COUNT);
    let last = rest.remainder();
    for chunk in chunks {
        for chain in 0..CHAINS {
            take(chain, V::load(&chunk[chain * V::COUNT..]));
        }
    }
    for vector in rest {
        take(0, V::load(vector));
    }
    if !last.is_empty() {
        let mut lanes = [filler; WIDEST];
        lanes[..last.len()].copy_from_slice(last);
        take(0, V::load(&lanes));
    }
}

/// Sum of `of` each value; of `nothing` it is zero.
#[inline(always)]
pub fn sum<V: Lanes>(x: &[f32], nothing: f32, of: impl Fn(V) -> V) -> f32 {
    let mut sums = [V::splat(0.0); CHAINS];
    each_vector(x, nothing, |chain, x| sums[chain] += of(x));
    let mut lanes = [0.0; WIDEST];
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).store(&mut lanes);
    lanes[..V::COUNT].iter().sum()
}

/// Largest value; negative infinity of none.
#[inline(always)]
pub fn greatest<V: Lanes>(x: &[f32]) -> f32 {
    let mut most = [V::splat(f32::NEG_INFINITY); CHAINS];
    each_vector(x, f32::NEG_INFINITY, |chain, x| {
        most[chain] = most[chain].greatest(x)
    });
    greatest_of(most)
}

/// Smallest and largest value, zero among them; NaN is passed over.
#[inline(always)]
pub fn span_with_zero<V: Lanes>(x: &[f32]) -> (f32, f32) {
    let zero = V::splat(0.0);
    let (mut low, mut high) = ([zero; CHAINS], [zero; CHAINS]);
    each_vector(x, 0.0, |chain, x| {
        low[chain] = low[chain].least(x);
        high[chain] = high[chain].greatest(x);
    });
    (-greatest_of(low.map(|low| zero - low)), greatest_of(high))
}

/// Largest of all lanes.
#[inline(always)]
fn greatest_of<V: Lanes>([a, b, c, d]: [V; CHAINS]) -> f32 {
    a.greatest(b).greatest(c.greatest(d)).max_of_lanes()
}

#[cfg(test)]
mod tests {
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
            prop_assert!((f64::from(sum::<f32>(&x, 0.0, |x| x)) - want).abs() <= 1e-6 * scale);
            let (low, high) = span_with_zero::<f32>(&x);
            prop_assert_eq!(low, x.iter().copied().fold(0.0, f32::min));
            prop_assert_eq!(high, x.iter().copied().fold(0.0, f32::max));
        }
    }
}
