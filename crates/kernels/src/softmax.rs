//! Exponentials of a row over their sum.

use super::lanes::{Function, Lanes, exp, map};
use super::vector::{max, sum, vectorized};

vectorized! {
    /// Exponentials of a row over their sum, in place, shifted by the maximum so that none overflows.
    pub fn softmax<V>(isa; x: &mut [f32]) {
        softmax_lanes::<V>(isa, x);
    }
}

#[inline(always)]
fn softmax_lanes<V: Lanes>(isa: V::Isa, x: &mut [f32]) {
    let max = max::<V>(isa, x);
    let total = exp_and_sum::<V>(isa, x, max);
    map::<V>(isa, x, Scale(1.0 / total));
}

/// Replaces each value by the exponential of its difference from `max`, and returns their sum.
#[inline(always)]
fn exp_and_sum<V: Lanes>(isa: V::Isa, x: &mut [f32], max: f32) -> f32 {
    map::<V>(isa, x, ExpOfDifference(max));
    sum::<V>(isa, x, 0.0, |x| x)
}

/// `exp(x - self.0)`
#[derive(Clone, Copy)]
struct ExpOfDifference(f32);

impl Function for ExpOfDifference {
    #[inline(always)]
    fn of<V: Lanes>(self, x: V) -> V {
        exp(x - x.same(self.0))
    }
}

/// `x * self.0`
#[derive(Clone, Copy)]
pub struct Scale(pub f32);

impl Function for Scale {
    #[inline(always)]
    fn of<V: Lanes>(self, x: V) -> V {
        x * x.same(self.0)
    }
}
