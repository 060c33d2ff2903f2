//! Batch normalization (Ioffe and Szegedy 2015) as inference sees it: one scale and one shift a channel, which the
//! weights and the bias of the convolution before it take on when a model is put together.

use candle_core::Tensor;

use crate::error::Result;
use crate::model::cpu;
use crate::weights::Weights;

/// `scale * x + shift` of each channel.
pub struct BatchNorm {
    /// `weight / sqrt(running_var + eps)`.
    pub scale: Vec<f32>,
    /// `bias - running_mean * scale`.
    pub shift: Vec<f32>,
}

impl BatchNorm {
    /// Takes `name.weight`, `name.bias`, `name.running_mean` and `name.running_var` out of `weights`.
    pub fn load(weights: &mut Weights, name: &str, eps: f32) -> Result<Self> {
        let mut take = |part: &str| -> Result<Vec<f32>> {
            let values = cpu::to_vec(&weights.take_dense(&format!("{name}.{part}"))?)?;
            Ok(values)
        };
        let (weight, bias) = (take("weight")?, take("bias")?);
        let (mean, variance) = (take("running_mean")?, take("running_var")?);
        let scale = |(weight, variance): (&f32, &f32)| {
            (f64::from(*weight) / (f64::from(*variance) + f64::from(eps)).sqrt()) as f32
        };
        let scale: Vec<f32> = weight.iter().zip(&variance).map(scale).collect();
        let shift = |((bias, mean), scale): ((&f32, &f32), &f32)| bias - mean * scale;
        let shift: Vec<f32> = bias.iter().zip(&mean).zip(&scale).map(shift).collect();
        if !scale.iter().chain(&shift).all(|value| value.is_finite()) {
            return Err(weights.unfit(name, "normalizes to values that are not finite"));
        }
        Ok(Self { scale, shift })
    }

    /// Scales the first dimension of `weight`, the outputs of a convolution.
    pub fn fold(&self, weight: &Tensor) -> candle_core::Result<Tensor> {
        let scale = Tensor::new(self.scale.as_slice(), weight.device())?.to_dtype(weight.dtype())?;
        let mut shape = vec![1; weight.rank()];
        shape[0] = self.scale.len();
        weight.broadcast_mul(&scale.reshape(shape)?)
    }
}
