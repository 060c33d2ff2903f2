//! Float loops written so that the compiler turns them into vector instructions on every target:
//! lanes are explicit, nothing branches, and rounding is done by adding a magic number. One source
//! therefore serves as fast path and as its own scalar twin, with the same bits on every machine.

/// Lanes that sums and maxima run in.
pub const LANES: usize = 16;

/// Adding it to a float of magnitude below 2²² rounds that to an integer, ties to even, which then
/// stands in the low mantissa bits.
const MAGIC: f32 = 12_582_912.0;
const MAGIC_BITS: i32 = MAGIC.to_bits() as i32;

/// Runs `f` compiled for the widest vectors that the machine has.
#[inline(always)]
pub fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn with_avx512<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        #[target_feature(enable = "avx2")]
        fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        if is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the features were just detected.
            return unsafe { with_avx512(f) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was just detected.
            return unsafe { with_avx2(f) };
        }
    }
    f()
}

/// `x` rounded to the nearest integer, ties to even, for |x| below 2²²; anything for other values.
#[inline(always)]
pub fn round_to_i32(x: f32) -> i32 {
    ((x + MAGIC).to_bits() as i32).wrapping_sub(MAGIC_BITS)
}

/// `e` to the power of `x` to 2 ulp, for x clamped to −87..=88: a power of two times a polynomial of
/// degree 6 on ±ln(2)/2 (Cephes' `expf` coefficients).
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    let p = p * r * r + r + 1.0;
    let power = (shifted.to_bits() as i32)
        .wrapping_sub(MAGIC_BITS)
        .wrapping_add(127)
        << 23;
    p * f32::from_bits(power as u32)
}

/// Sum in lanes.
#[inline(always)]
pub fn sum(x: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|&x| of(x)).sum();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += of(x);
        }
    }
    rest + lanes.iter().sum::<f32>()
}

/// Smallest and largest value, zero among them; NaN is passed over.
#[inline(always)]
pub fn span_with_zero(x: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = ([0.0f32; LANES], [0.0f32; LANES]);
    let mut take = |chunk: &[f32]| {
        for ((low, high), &x) in low.iter_mut().zip(&mut high).zip(chunk) {
            *low = if x < *low { x } else { *low };
            *high = if x > *high { x } else { *high };
        }
    };
    let chunks = x.chunks_exact(LANES);
    take(chunks.remainder());
    chunks.for_each(take);
    (
        low.into_iter().fold(0.0, f32::min),
        high.into_iter().fold(0.0, f32::max),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_within_two_ulp(x in -87.0f32..88.0) {
            let want = f64::from(x).exp();
            prop_assert!(((f64::from(exp(x)) - want) / want).abs() < 2.5e-7, "exp({}) = {}", x, exp(x));
        }

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
