//! The affine maps of CLIP, with what follows them fused where the backend can.

use candle_core::{Module, Tensor};
use candle_transformers::models::clip::text_model::Activation as ClipActivation;

use crate::error::Result;
use crate::kernels::Activation;
use crate::weights::Weights;

/// `x W^T + b`.
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

/// What is done with the output of a [`Linear`].
pub enum Then<'a> {
    /// Nothing.
    Nothing,
    /// The activation is applied.
    Activate(Activation),
    /// This tensor, of the output's shape, is added.
    Add(&'a Tensor),
}

impl Linear {
    /// Takes `name.weight`, its first dimension the outputs, and `name.bias` out of `weights`.
    pub fn load(weights: &mut Weights, name: &str, bias: bool) -> Result<Self> {
        let weight = weights.take_dense(&format!("{name}.weight"))?.flatten_from(1)?;
        let bias = bias
            .then(|| weights.take_dense(&format!("{name}.bias")))
            .transpose()?;
        Ok(Self { weight, bias })
    }

    /// Maps `x`, `[rows, inputs]`, to `[rows, outputs]`.
    pub fn forward(&self, x: &Tensor, then: Then) -> candle_core::Result<Tensor> {
        let mut y = x.matmul(&self.weight.t()?)?;
        if let Some(bias) = &self.bias {
            y = y.broadcast_add(bias)?;
        }
        match then {
            Then::Nothing => Ok(y),
            Then::Activate(Activation::QuickGelu) => ClipActivation::QuickGelu.forward(&y),
            Then::Activate(Activation::Gelu) => y.gelu_erf(),
            Then::Add(residual) => y + residual,
        }
    }
}
