//! The activation functions of CLIP's perceptrons.

use super::vector::{exp, vectorized};

/// An activation function, as `hidden_act` in `config.json` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(1.702 x)` (`quick_gelu`), what OpenAI trained with.
    QuickGelu,
    /// `x * Φ(x)` through the error function (`gelu`).
    Gelu,
}

impl Activation {
    /// Applies the function in place.
    pub fn apply(self, x: &mut [f32]) {
        vectorized(|| self.apply_to_lanes(x));
    }

    /// [`Self::apply`] for callers that are compiled for vectors already.
    #[inline(always)]
    pub(super) fn apply_to_lanes(self, x: &mut [f32]) {
        match self {
            Self::QuickGelu => x.iter_mut().for_each(|x| *x /= 1.0 + exp(-1.702 * *x)),
            Self::Gelu => x
                .iter_mut()
                .for_each(|x| *x *= 0.5 * (1.0 + erf(*x * std::f32::consts::FRAC_1_SQRT_2))),
        }
    }
}

/// The error function to 3e-7 (Abramowitz and Stegun 7.1.26).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let magnitude = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let poly = ((((1.061_405_4 * t - 1.453_152) * t) + 1.421_413_7) * t - 0.284_496_74) * t + 0.254_829_6;
    (1.0 - poly * t * exp(-magnitude * magnitude)).copysign(x)
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
    }
}
