//! Convolutions in place of a vision transformer's patches, as MobileCLIP-B has them: their windows lie side by side, so
//! that each is a linear map of the values under a window.

use candle_core::{IndexOp, Tensor};

use crate::error::Result;
use crate::model::linear::{Epilogue, Linear};
use crate::weights::{STEM_SIDES, VitConfig, Weights};
use cliplet_kernels::Activation;

/// Three such maps.
pub struct VitStem {
    layers: Vec<Linear>,
}

impl VitStem {
    /// Takes `vision_model.embeddings.stem.*` out of `weights`.
    pub fn load(weights: &mut Weights) -> Result<Self> {
        let layer = |i: usize| {
            let name = format!("vision_model.embeddings.stem.{i}");
            let bias = weights.take_dense(&format!("{name}.bias"))?;
            let weight = weights.take_dense(&format!("{name}.weight"))?;
            let by_tap = weight.permute((0, 2, 3, 1))?.contiguous()?.flatten_from(1)?;
            Linear::dense(by_tap, Some(bias), &weights.placement)
        };
        Ok(Self {
            layers: (0..STEM_SIDES.len()).map(layer).collect::<Result<_>>()?,
        })
    }

    /// Maps images, `[batch, 3, size, size]`, to `[batch * patches, width]`.
    pub fn forward(&self, pixels: &Tensor, config: &VitConfig) -> candle_core::Result<Tensor> {
        let mut side = config.grid() * config.patch_size;
        let batch = pixels.dim(0)?;
        let mut x = pixels.i((.., .., ..side, ..side))?.permute((0, 2, 3, 1))?;
        for (i, (layer, window)) in self.layers.iter().zip(STEM_SIDES).enumerate() {
            let (outputs, channels) = (side / window, x.dim(3)?);
            let windows = x
                .contiguous()?
                .reshape(&[batch, outputs, window, outputs, window, channels][..])?
                .permute(&[0, 1, 3, 2, 4, 5][..])?
                .reshape((batch * outputs * outputs, window * window * channels))?;
            let epilogue = match i + 1 == self.layers.len() {
                true => Epilogue::None,
                false => Epilogue::Activation(Activation::Gelu),
            };
            let y = layer.forward(&windows, epilogue)?;
            let width = y.dim(1)?;
            x = y.reshape((batch, outputs, outputs, width))?;
            side = outputs;
        }
        x.flatten_to(2)
    }
}
