//! Float loops written so that the compiler turns them into vector instructions on every target:
//! lanes are explicit, nothing branches, and rounding is done by adding a magic number. One source
//! therefore serves as fast path and as its own scalar twin, with the same bits on every machine.

use super::lanes::{Lanes, MAGIC, MAGIC_BITS, Vector};

/// Lanes that sums and maxima run in.
pub const LANES: usize = 16;
/// Vectors that hold them.
const VECTORS: usize = LANES / Vector::COUNT;

/// Defines functions that are compiled several times, for the widest vectors that the machine may have, and
/// choose when called.
///
/// What they call has to be marked `#[inline(always)]`, since a function by itself is compiled for the oldest
/// machine of the target, and closures have to be short, since they cannot be marked.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $visible:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        $(#[$meta])*
        #[inline]
        $visible fn $name($($argument: $type),*) {
            #[inline(always)]
            fn generic($($argument: $type),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn with_avx512($($argument: $type),*) {
                    generic($($argument),*);
                }
                #[target_feature(enable = "avx2")]
                fn with_avx2($($argument: $type),*) {
                    generic($($argument),*);
                }
                if is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the features were just detected.
                    return unsafe { with_avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the feature was just detected.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
            let generic = {
                #[target_feature(enable = "relaxed-simd")]
                fn with_relaxed_simd($($argument: $type),*) {
                    generic($($argument),*);
                }
                with_relaxed_simd
            };
            generic($($argument),*);
        }
    )*};
}
pub(super) use vectorized;

/// `x` rounded to the nearest integer, ties to even, for |x| below 2²²; anything for other values.
#[inline(always)]
pub fn round_to_i32(x: f32) -> i32 {
    ((x + MAGIC).to_bits() as i32).wrapping_sub(MAGIC_BITS)
}

/// Sum of `of` each value.
#[inline(always)]
pub fn sum(x: &[f32], of: impl Fn(Vector) -> Vector) -> f32 {
    let mut sums = [Vector::splat(0.0); VECTORS];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += of(Vector::load(&chunk[i * Vector::COUNT..]));
        }
    }
    let mut lanes = [0.0; LANES];
    for (i, sum) in sums.iter().enumerate() {
        sum.store(&mut lanes[i * Vector::COUNT..]);
    }
    let mut total: f32 = lanes.iter().sum();
    for &x in rest {
        let mut one = [0.0; Vector::COUNT];
        of(Vector::splat(x)).store(&mut one);
        total += one[0];
    }
    total
}

/// Largest value; negative infinity of none.
#[inline(always)]
pub fn greatest(x: &[f32]) -> f32 {
    let mut most = [Vector::splat(f32::NEG_INFINITY); VECTORS];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (i, most) in most.iter_mut().enumerate() {
            *most = most.greatest(Vector::load(&chunk[i * Vector::COUNT..]));
        }
    }
    let most = most.map(Vector::max_of_lanes).into_iter();
    most.chain(rest.iter().copied())
        .fold(f32::NEG_INFINITY, f32::greatest)
}

/// Smallest and largest value, zero among them; NaN is passed over.
#[inline(always)]
pub fn span_with_zero(x: &[f32]) -> (f32, f32) {
    let zero = Vector::splat(0.0);
    let (mut low, mut high) = ([zero; VECTORS], [zero; VECTORS]);
    let mut take = |chunk: &[f32; LANES]| {
        for (i, (low, high)) in low.iter_mut().zip(&mut high).enumerate() {
            let x = Vector::load(&chunk[i * Vector::COUNT..]);
            *low = low.least(x);
            *high = high.greatest(x);
        }
    };
    let (chunks, rest) = x.as_chunks::<LANES>();
    chunks.iter().for_each(&mut take);
    if !rest.is_empty() {
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        take(&last);
    }
    let most = |x: [Vector; VECTORS]| x.into_iter().fold(zero, Vector::greatest).max_of_lanes();
    (-most(low.map(|low| zero - low)), most(high))
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
            prop_assert!((f64::from(sum(&x, |x| x)) - want).abs() <= 1e-6 * scale);
            let (low, high) = span_with_zero(&x);
            prop_assert_eq!(low, x.iter().copied().fold(0.0, f32::min));
            prop_assert_eq!(high, x.iter().copied().fold(0.0, f32::max));
        }
    }
}
