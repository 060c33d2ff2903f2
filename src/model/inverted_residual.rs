//! The block that EfficientNet is a stack of: expand, convolve each channel by itself, project.

use candle_core::Tensor;

use crate::error::Result;
use crate::model::convolution::{Depthwise, FeatureMap};
use crate::model::cpu;
use crate::model::linear::{Epilogue, Linear};
use crate::weights::{BlockConfig, Weights};
use cliplet_kernels::{self as kernels, Activation, Extent};

/// Inverted residual block.
pub struct InvertedResidual {
    /// To the inner channels, where there are more of them than come in.
    expand: Option<Linear>,
    depthwise: Depthwise,
    project: Linear,
    residual: bool,
}

impl InvertedResidual {
    /// Takes `name.*` out of `weights`.
    pub fn load(weights: &mut Weights, name: &str, config: &BlockConfig, eps: f32) -> Result<Self> {
        let full = |part: &str| format!("{name}.{part}");
        let expand = (config.expand_ratio > 1)
            .then(|| Linear::load_normalized(weights, (&full("_expand_conv"), &full("_bn0")), eps))
            .transpose()?;
        let names = (&*full("_depthwise_conv"), &*full("_bn1"));
        Ok(Self {
            expand,
            depthwise: Depthwise::load(weights, names, config.window, eps)?,
            project: Linear::load_normalized(weights, (&full("_project_conv"), &full("_bn2")), eps)?,
            residual: config.is_residual(),
        })
    }

    /// Runs the block. Where `pooled` is set, the mean over all pixels of each inner channel comes along as the
    /// depthwise convolution takes it in, `[batch, inner channels]`.
    pub fn forward(&self, x: &FeatureMap, pooled: bool) -> candle_core::Result<(FeatureMap, Option<Tensor>)> {
        if let Some(block) = self.packed() {
            return in_one_pass(&block, x, pooled);
        }
        let values = match &self.expand {
            Some(expand) => expand.forward(&x.values, Epilogue::Activation(Activation::Relu6))?,
            None => x.values.clone(),
        };
        let extent = Extent {
            channels: values.dim(1)?,
            ..x.extent
        };
        let wide = FeatureMap {
            values,
            batch: x.batch,
            extent,
        };
        let means = pooled.then(|| wide.mean()).transpose()?;
        let convolved = self.depthwise.forward(&wide)?;
        let epilogue = match self.residual {
            true => Epilogue::Add(&x.values),
            false => Epilogue::None,
        };
        let values = self.project.forward(&convolved.values, epilogue)?;
        let extent = Extent {
            channels: values.dim(1)?,
            ..convolved.extent
        };
        let out = FeatureMap {
            values,
            batch: x.batch,
            extent,
        };
        Ok((out, means))
    }

    /// The block for the kernels, where all of its weights are theirs.
    fn packed(&self) -> Option<kernels::InvertedResidual<'_>> {
        let Depthwise::Cpu(depthwise) = &self.depthwise else {
            return None;
        };
        let expand = match &self.expand {
            Some(expand) => Some(expand.pointwise()?),
            None => None,
        };
        Some(kernels::InvertedResidual {
            expand,
            depthwise,
            project: self.project.pointwise()?,
            residual: self.residual,
        })
    }
}

/// Runs a block by the kernels, image by image.
fn in_one_pass(
    block: &kernels::InvertedResidual,
    x: &FeatureMap,
    pooled: bool,
) -> candle_core::Result<(FeatureMap, Option<Tensor>)> {
    let inner = block.depthwise.channels();
    let mut means = vec![0.0; if pooled { x.batch * inner } else { 0 }];
    let mut image_means = means.chunks_exact_mut(inner);
    let values = cpu::map_images(&x.values, x.extent.values(), |image| {
        block.forward(image, x.extent, image_means.next())
    })?;
    let extent = Extent {
        channels: block.project.matrix.n(),
        ..block.depthwise.output(x.extent)
    };
    let out = FeatureMap {
        values: values.reshape(((), extent.channels))?,
        batch: x.batch,
        extent,
    };
    let device = x.values.device();
    let means = pooled
        .then(|| Tensor::from_vec(means, (x.batch, inner), device))
        .transpose()?;
    Ok((out, means))
}
