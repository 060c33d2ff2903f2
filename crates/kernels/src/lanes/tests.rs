//! Every vector against `f32`, its scalar reference.

use super::*;
use proptest::prelude::*;

/// Runs a check for every vector that this machine has.
macro_rules! of_each_vector {
    ($check:ident($($argument:expr),*)) => {
        $check::<Baseline>(BaselineIsa, $($argument),*)?;
        #[cfg(target_arch = "x86_64")]
        {
            use crate::arch::x86_64_lanes::{F32x8, F32x16};
            use crate::arch::x86_64_tokens::{Avx2, Avx512};
            if let Some(isa) = Avx2::detect() {
                $check::<F32x8>(isa, $($argument),*)?;
            }
            if let Some(isa) = Avx512::detect() {
                $check::<F32x16>(isa, $($argument),*)?;
            }
        }
    };
}

/// The results of `f` for `x`, a vector at a time.
fn by<V: Lanes>(isa: V::Isa, x: &[f32; MAX_LANES], f: impl Fn(V, usize) -> V) -> [f32; MAX_LANES] {
    let mut out = [0.0; MAX_LANES];
    for at in (0..MAX_LANES).step_by(V::COUNT) {
        f(V::load(isa, &x[at..]), at).store(&mut out[at..]);
    }
    out
}

/// The results of every operation, lane by lane.
fn operations<V: Lanes>(isa: V::Isa, a: &[f32; MAX_LANES], b: &[f32; MAX_LANES]) -> Vec<[f32; MAX_LANES]> {
    let integers = |x: &[f32; MAX_LANES]| x.map(|x| x as i32);
    let (dots, totals) = (integers(a), integers(b));
    let rounded = a.map(|x| (x / 10.0).round() + MAGIC);
    let max = by::<V>(isa, a, |x, _| x.same(x.reduce_max()));
    vec![
        by::<V>(isa, a, |x, at| x + V::load(isa, &b[at..])),
        by::<V>(isa, a, |x, at| x - V::load(isa, &b[at..])),
        by::<V>(isa, a, |x, at| x * V::load(isa, &b[at..])),
        by::<V>(isa, a, |x, at| x / V::load(isa, &b[at..])),
        by::<V>(isa, a, |x, at| x.min(V::load(isa, &b[at..]))),
        by::<V>(isa, a, |x, at| x.max(V::load(isa, &b[at..]))),
        by::<V>(isa, a, |x, at| x.copysign(V::load(isa, &b[at..]))),
        by::<V>(isa, a, |x, _| x.abs()),
        by::<V>(isa, a, |_, at| {
            V::sub_zero_point(isa, &dots[at..], 77, &totals[at..])
        }),
        by::<V>(isa, &rounded, |x, at| V::load(isa, &b[at..]).ldexp(x)),
        [max.into_iter().fold(f32::NEG_INFINITY, Lanes::max); MAX_LANES],
        by::<V>(isa, a, |_, at| {
            // Codes of any size, and sums that do not fit.
            let pairs: [Pair; MAX_LANES] =
                std::array::from_fn(|i| [(a[i] * 40.0) as i16, (b[i] * 1e6) as i16]);
            let once = V::add_pairs(isa, V::no_pairs(isa), [i16::MIN, i16::MAX], &pairs[at..]);
            V::from_pairs(isa, V::add_pairs(isa, once, [-5000, i16::MIN], &pairs[at..]))
        }),
        by::<V>(isa, a, |x, _| {
            let mut codes = [0; MAX_LANES];
            (x * x.same(32.0) + x.same(MAGIC)).store_pairs(&mut codes);
            V::load(isa, &codes.map(f32::from))
        }),
    ]
}

fn equals_reference<V: Lanes>(
    isa: V::Isa,
    a: &[f32; MAX_LANES],
    b: &[f32; MAX_LANES],
) -> Result<(), TestCaseError> {
    let bits = |all: Vec<[f32; MAX_LANES]>| all.into_iter().map(|x| x.map(f32::to_bits)).collect::<Vec<_>>();
    prop_assert_eq!(
        bits(operations::<V>(isa, a, b)),
        bits(operations::<f32>(BaselineIsa, a, b))
    );
    let sum = |x: V, at| x.mul_add(V::load(isa, &b[at..]), V::load(isa, &a[at..]));
    for (i, sum) in by(isa, a, sum).into_iter().enumerate() {
        let product = f64::from(a[i]) * f64::from(b[i]);
        let bound = (product.abs() + f64::from(a[i]).abs()) * 1e-6;
        prop_assert!((f64::from(sum) - product - f64::from(a[i])).abs() <= bound);
    }
    let powers = [
        (
            by(isa, a, |x: V, _| exp(x)),
            by(BaselineIsa, a, |x: f32, _| exp(x)),
        ),
        (
            by(isa, a, |x: V, _| exp2(x)),
            by(BaselineIsa, a, |x: f32, _| exp2(x)),
        ),
    ];
    for (got, want) in powers
        .into_iter()
        .flat_map(|(got, want)| got.into_iter().zip(want))
    {
        prop_assert!((got - want).abs() <= 1e-6 * want);
    }
    Ok(())
}

proptest! {
    #[test]
    fn exp_is_within_two_ulp(x in -87.0f32..88.0) {
        let want = f64::from(x).exp();
        prop_assert!(((f64::from(exp(x)) - want) / want).abs() < 2.5e-7, "exp({}) = {}", x, exp(x));
    }

    #[test]
    fn exp2_is_within_four_ulp(x in -126.0f32..126.0) {
        let want = f64::from(x).exp2();
        prop_assert!(((f64::from(exp2(x)) - want) / want).abs() < 2.5e-7, "exp2({}) = {}", x, exp2(x));
    }

    #[test]
    fn vectors_equal_their_reference(a in prop::array::uniform16(-1e3f32..1e3), b in prop::array::uniform16(0.5f32..1e3)) {
        let b = std::array::from_fn(|i| b[i].copysign(a[MAX_LANES - 1 - i]));
        of_each_vector!(equals_reference(&a, &b));
    }
}

#[test]
fn vectors_ignore_nan_as_their_reference_does() -> Result<(), TestCaseError> {
    fn extremes<V: Lanes>(isa: V::Isa) -> [[u32; MAX_LANES]; 2] {
        const X: [f32; 8] = [
            f32::NAN,
            1.0,
            f32::INFINITY,
            -0.0,
            f32::NEG_INFINITY,
            f32::NAN,
            0.0,
            2.0,
        ];
        let a: [f32; MAX_LANES] = std::array::from_fn(|i| X[i % 8]);
        let b: [f32; MAX_LANES] = std::array::from_fn(|i| X[(3 * i + i / 8) % 8]);
        let min = by(isa, &a, |x: V, at| x.min(V::load(isa, &b[at..])));
        let max = by(isa, &a, |x: V, at| x.max(V::load(isa, &b[at..])));
        [min, max].map(|x| x.map(f32::to_bits))
    }
    fn agrees<V: Lanes>(isa: V::Isa) -> Result<(), TestCaseError> {
        prop_assert_eq!(extremes::<V>(isa), extremes::<f32>(BaselineIsa));
        Ok(())
    }
    of_each_vector!(agrees());
    Ok(())
}

#[test]
fn powers_are_finite_for_any_argument() {
    for x in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e30, -1e30] {
        for power in [exp(x), exp2(x)] {
            assert!(power.is_finite() && power >= 0.0, "of {x}: {power}");
        }
    }
}
