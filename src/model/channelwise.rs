//! Convolutions of each channel by itself with a bias, as a FastViT has them, and the weighing of channels by their
//! means.

use candle_core::Tensor;
use candle_nn::ops::sigmoid;

use crate::error::Result;
use crate::model::convolution::{FeatureMap, Shifted};
use crate::model::cpu;
use crate::model::linear::{Epilogue, Linear, activate};
use crate::weights::{Backend, Weights};
use cliplet_kernels::{Activation, ChannelFilters, Extent, channelwise};

/// A convolution of each channel by itself. There may be several outputs for each channel of the input, side by side.
pub struct Channelwise {
    filters: Filters,
    side: usize,
    stride: usize,
    outputs: usize,
}

enum Filters {
    /// Of the kernels.
    Cpu(ChannelFilters),
    /// Of candle, on any device: `[taps, channels]`, taps row by row, and a bias.
    Device { weight: Tensor, bias: Tensor },
}

impl Channelwise {
    /// Takes `name.weight`, `[channels, 1, side, side]`, or `[channels, 1, 1, side]` of a convolution along rows, and
    /// `name.bias` out of `weights`.
    pub fn load(weights: &mut Weights, name: &str, stride: usize) -> Result<Self> {
        let bias = weights.take_dense(&format!("{name}.bias"))?;
        let weight = weights.take_dense(&format!("{name}.weight"))?;
        let (outputs, _, rows, side) = weight.dims4()?;
        let around = (side - rows) / 2;
        let weight = weight.pad_with_zeros(2, around, around)?;
        let filters = match weights.placement.backend {
            Backend::Kernels => Filters::Cpu(ChannelFilters::new(
                side,
                stride,
                &cpu::to_vec(&weight)?,
                cpu::to_vec(&bias)?,
            )?),
            _ => Filters::Device {
                weight: weight.flatten_from(1)?.t()?.contiguous()?,
                bias,
            },
        };
        Ok(Self {
            filters,
            side,
            stride,
            outputs,
        })
    }

    /// Convolves each image, and applies an activation where one is given.
    pub fn forward(&self, x: &FeatureMap, activation: Option<Activation>) -> candle_core::Result<FeatureMap> {
        let repeated;
        let x = if self.outputs == x.extent.channels {
            x
        } else {
            repeated = x.repeat_channels(self.outputs / x.extent.channels)?;
            &repeated
        };
        let values = match &self.filters {
            Filters::Cpu(filters) => cpu::map_images(&x.values, x.extent.values(), |image| {
                channelwise(image, x.extent, filters, activation)
            })?,
            Filters::Device { weight, bias } => {
                let taps = Shifted::centered(&x.images()?, self.side, self.stride)?;
                let mut sum = taps.under(0)?.broadcast_mul(&weight.get(0)?)?;
                for tap in 1..self.side * self.side {
                    sum = (sum + taps.under(tap)?.broadcast_mul(&weight.get(tap)?)?)?;
                }
                let sum = sum.broadcast_add(bias)?;
                match activation {
                    Some(activation) => activate(sum, activation, Backend::Candle)?,
                    None => sum,
                }
            }
        };
        let extent = Extent {
            height: x.extent.height.div_ceil(self.stride),
            width: x.extent.width.div_ceil(self.stride),
            channels: self.outputs,
        };
        Ok(FeatureMap {
            values: values.reshape(((), self.outputs))?,
            batch: x.batch,
            extent,
        })
    }
}

/// Weights for channels, which a perceptron gives for their means over all pixels (Hu et al. 2018, "squeeze and
/// excitation").
pub struct Squeeze {
    fc1: Linear,
    fc2: Linear,
    backend: Backend,
}

impl Squeeze {
    /// Takes `name.se.*` out of `weights`.
    pub fn load(weights: &mut Weights, name: &str) -> Result<Self> {
        Ok(Self {
            fc1: Linear::load(weights, &format!("{name}.se.fc1"), true)?,
            fc2: Linear::load(weights, &format!("{name}.se.fc2"), true)?,
            backend: weights.placement.backend,
        })
    }

    /// Weighs the channels of each image, and applies an activation.
    pub fn forward(&self, x: FeatureMap, activation: Activation) -> candle_core::Result<FeatureMap> {
        let hidden = self.fc1.forward(&x.mean()?, Epilogue::None)?.relu()?;
        let gates = sigmoid(&self.fc2.forward(&hidden, Epilogue::None)?)?;
        let Extent { channels, .. } = x.extent;
        let values = x.values.reshape((x.batch, (), channels))?;
        let values = values
            .broadcast_mul(&gates.unsqueeze(1)?)?
            .reshape(((), channels))?;
        Ok(FeatureMap {
            values: activate(values, activation, self.backend)?,
            ..x
        })
    }
}
