//! The activation functions of CLIP's perceptrons.

use super::lanes::{Function, Lanes, exp, exp2, map};
use super::vector::vectorized;

/// An activation function, as `hidden_act` in `config.json` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(1.702 x)` (`quick_gelu`), what OpenAI trained with.
    QuickGelu,
    /// `x * Φ(x)` through the error function (`gelu`).
    Gelu,
    /// The approximation of [`Self::Gelu`] by a hyperbolic tangent (`gelu_pytorch_tanh`), what SigLIP is trained with.
    GeluTanh,
    /// `min(max(x, 0), 6)` (`relu6`), what EfficientNet-Lite and MobileNets are trained with.
    Relu6,
}

impl Activation {
    /// Applies the function in place.
    pub fn apply(self, x: &mut [f32]) {
        apply(self, x);
    }
}

impl Function for Activation {
    #[inline(always)]
    fn of<V: Lanes>(self, x: V) -> V {
        match self {
            Self::QuickGelu => quick_gelu(x),
            Self::Gelu => gelu(x),
            Self::GeluTanh => gelu_tanh(x),
            Self::Relu6 => relu6(x),
        }
    }
}

vectorized! {
    fn apply<V>(isa; activation: Activation, x: &mut [f32]) {
        match activation {
            Activation::QuickGelu => map::<V>(isa, x, Activation::QuickGelu),
            Activation::Gelu => map::<V>(isa, x, Activation::Gelu),
            Activation::GeluTanh => map::<V>(isa, x, Activation::GeluTanh),
            Activation::Relu6 => map::<V>(isa, x, Activation::Relu6),
        }
    }
}

/// [`Activation::QuickGelu`] of each lane.
#[inline(always)]
fn quick_gelu<V: Lanes>(x: V) -> V {
    const SLOPE: f32 = -1.702 * std::f32::consts::LOG2_E;
    x / (x.same(1.0) + exp2(x * x.same(SLOPE)))
}

/// [`Activation::Gelu`] of each lane.
#[inline(always)]
fn gelu<V: Lanes>(x: V) -> V {
    x * x.same(0.5) * (x.same(1.0) + erf(x * x.same(std::f32::consts::FRAC_1_SQRT_2)))
}

/// [`Activation::GeluTanh`] of each lane: `x (1 + tanh(u)) / 2 = x sigmoid(2 u)` with `u = sqrt(2 / π) (x + 0.044715 x³)`.
#[inline(always)]
fn gelu_tanh<V: Lanes>(x: V) -> V {
    // Twice the square root of 2 / π.
    const SLOPE: f32 = -1.595_769 * std::f32::consts::LOG2_E;
    let u = x * (x * x).mul_add(x.same(0.044_715 * SLOPE), x.same(SLOPE));
    x / (x.same(1.0) + exp2(u))
}

/// [`Activation::Relu6`] of each lane: NaN becomes 0.
#[inline(always)]
pub fn relu6<V: Lanes>(x: V) -> V {
    x.same(6.0).min(x.same(0.0).max(x))
}

/// The error function to 3e-7 (Abramowitz and Stegun 7.1.26).
#[inline(always)]
fn erf<V: Lanes>(x: V) -> V {
    let magnitude = x.abs();
    let t = x.same(1.0) / magnitude.mul_add(x.same(0.327_591_1), x.same(1.0));
    let mut poly = x.same(1.061_405_4);
    for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        poly = poly.mul_add(t, x.same(c));
    }
    let tail = poly * t * exp(x.same(0.0) - magnitude * magnitude);
    (x.same(1.0) - tail).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // torch.nn.functional.gelu and x * torch.sigmoid(1.702 * x)
        let mut x = [-3.0, -1.0, 0.0, 0.5, 2.0];
        Activation::Gelu.apply(&mut x);
        for (got, want) in x
            .iter()
            .zip([-0.004_049_69, -0.158_655_25, 0.0, 0.345_731_23, 1.954_499_8])
        {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
        let mut x = [-3.0, -1.0, 0.0, 0.5, 2.0];
        Activation::QuickGelu.apply(&mut x);
        for (got, want) in x
            .iter()
            .zip([-0.018_071_8, -0.154_203_6, 0.0, 0.350_388_5, 1.935_659_8])
        {
            assert!((got - want).abs() < 1e-5, "{got} is not {want}");
        }
        // torch.nn.functional.gelu(x, approximate="tanh")
        let mut x = [-3.0, -1.0, 0.0, 0.5, 2.0];
        Activation::GeluTanh.apply(&mut x);
        for (got, want) in x
            .iter()
            .zip([-0.003_637_39, -0.158_808, 0.0, 0.345_714, 1.954_597_7])
        {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
        let mut x = [-3.0, 0.0, 0.5, 6.0, 7.0, f32::NAN];
        Activation::Relu6.apply(&mut x);
        assert_eq!(x, [0.0, 0.0, 0.5, 6.0, 6.0, 0.0]);
    }
}
