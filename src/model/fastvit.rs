//! FastViT as an image tower, which MobileCLIP has: convolutions, and in the last stages attention (Vasu et al. 2023).
//! The branches that it was trained with are folded together before it comes here.

use candle_core::Tensor;

use crate::error::Result;
use crate::model::attention::Attention;
use crate::model::block::LayerNorm;
use crate::model::channelwise::{Channelwise, Squeeze};
use crate::model::convolution::{FeatureMap, Shifted};
use crate::model::linear::{Epilogue, Linear};
use crate::model::vit::segments;
use crate::weights::{FastVitConfig, FastVitStage, Placement, TowerConfig, Weights};
use cliplet_kernels::{Activation, Extent};

/// The activation of all layers.
const GELU: Activation = Activation::Gelu;
/// Epsilon of its layer norms.
const EPS: f32 = 1e-5;

/// Convolutional network with attention, pooled over its pixels and projected.
pub struct FastVit {
    stem: Stem,
    stages: Vec<Stage>,
    last: Channelwise,
    squeeze: Squeeze,
    projection: Linear,
}

impl FastVit {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &FastVitConfig) -> Result<Self> {
        let stages = config.stages.iter().enumerate();
        let stage = |weights: &mut Weights, (i, stage): (usize, &FastVitStage)| {
            Stage::load(
                weights,
                &format!("vision_model.stages.{i}"),
                stage,
                config.layer_norm,
            )
        };
        Ok(Self {
            stem: Stem::load(weights, "vision_model.stem")?,
            stages: stages.map(|at| stage(weights, at)).collect::<Result<_>>()?,
            last: Channelwise::load(weights, "vision_model.final_conv.reparam_conv", 1)?,
            squeeze: Squeeze::load(weights, "vision_model.final_conv")?,
            projection: Linear::load(weights, "visual_projection", true)?,
        })
    }

    /// Embeds a batch of preprocessed images, `[batch, 3, size, size]`, to `[batch, projection]`.
    pub fn embed(&self, pixels: &Tensor) -> candle_core::Result<Tensor> {
        let mut x = self.stem.forward(pixels)?;
        for stage in &self.stages {
            x = stage.forward(x)?;
        }
        let x = self.squeeze.forward(self.last.forward(&x, None)?, GELU)?;
        self.projection.forward(&x.mean()?, Epilogue::None)
    }
}

/// Three convolutions, of which the first two halve the sides.
struct Stem {
    /// Of the nine pixels under a window, tap by tap.
    first: Linear,
    second: Channelwise,
    third: Linear,
}

impl Stem {
    fn load(weights: &mut Weights, name: &str) -> Result<Self> {
        let part = |i: usize| format!("{name}.{i}.reparam_conv");
        let bias = weights.take_dense(&format!("{}.bias", part(0)))?;
        let weight = weights.take_dense(&format!("{}.weight", part(0)))?;
        let by_tap = weight.permute((0, 2, 3, 1))?.contiguous()?.flatten_from(1)?;
        Ok(Self {
            first: Linear::dense(by_tap, Some(bias), &weights.placement)?,
            second: Channelwise::load(weights, &part(1), 2)?,
            third: Linear::load(weights, &part(2), true)?,
        })
    }

    fn forward(&self, pixels: &Tensor) -> candle_core::Result<FeatureMap> {
        let (batch, _, height, width) = pixels.dims4()?;
        let taps = Shifted::centered(&pixels.permute((0, 2, 3, 1))?.contiguous()?, 3, 2)?;
        let inputs: Vec<Tensor> = (0..9)
            .map(|tap| taps.under(tap))
            .collect::<candle_core::Result<_>>()?;
        let inputs = Tensor::cat(&inputs, 3)?.flatten_to(2)?;
        let values = self.first.forward(&inputs, Epilogue::Activation(GELU))?;
        let extent = Extent {
            height: height.div_ceil(2),
            width: width.div_ceil(2),
            channels: values.dim(1)?,
        };
        let x = FeatureMap {
            values,
            batch,
            extent,
        };
        let x = self.second.forward(&x, Some(GELU))?;
        x.map(&self.third, Epilogue::Activation(GELU))
    }
}

/// Blocks over pixels of one size.
struct Stage {
    downsample: Option<Downsample>,
    positions: Option<Channelwise>,
    blocks: Vec<Block>,
}

impl Stage {
    fn load(weights: &mut Weights, name: &str, config: &FastVitStage, layer_norm: bool) -> Result<Self> {
        let downsample = config
            .downsamples
            .then(|| Downsample::load(weights, &format!("{name}.downsample.proj"), config.squeezes))
            .transpose()?;
        let positions = config
            .has_positions
            .then(|| Channelwise::load(weights, &format!("{name}.pos_emb.reparam_conv"), 1))
            .transpose()?;
        let block = |i| Block::load(weights, &format!("{name}.blocks.{i}"), config, layer_norm);
        Ok(Self {
            downsample,
            positions,
            blocks: (0..config.depth).map(block).collect::<Result<_>>()?,
        })
    }

    fn forward(&self, mut x: FeatureMap) -> candle_core::Result<FeatureMap> {
        if let Some(downsample) = &self.downsample {
            x = downsample.forward(&x)?;
        }
        if let Some(positions) = &self.positions {
            x = positions.forward(&x, None)?;
        }
        for block in &self.blocks {
            x = block.forward(x)?;
        }
        Ok(x)
    }
}

/// Halves the sides and changes the number of channels.
struct Downsample {
    large: Channelwise,
    squeeze: Option<Squeeze>,
    pointwise: Linear,
}

impl Downsample {
    fn load(weights: &mut Weights, name: &str, squeezes: bool) -> Result<Self> {
        let first = format!("{name}.0");
        Ok(Self {
            large: Channelwise::load(weights, &format!("{first}.reparam_conv"), 2)?,
            squeeze: squeezes.then(|| Squeeze::load(weights, &first)).transpose()?,
            pointwise: Linear::load(weights, &format!("{name}.1.reparam_conv"), true)?,
        })
    }

    fn forward(&self, x: &FeatureMap) -> candle_core::Result<FeatureMap> {
        let x = match &self.squeeze {
            Some(squeeze) => squeeze.forward(self.large.forward(x, None)?, GELU)?,
            None => self.large.forward(x, Some(GELU))?,
        };
        x.map(&self.pointwise, Epilogue::Activation(GELU))
    }
}

/// Mixing of pixels, and a perceptron of each pixel behind a convolution, each added to what came in.
pub(super) struct Block {
    mixer: Mixer,
    convolution: Channelwise,
    fc1: Linear,
    fc2: Linear,
}

enum Mixer {
    /// A convolution, which what came in is part of.
    Convolution(Channelwise),
    /// Attention of all pixels to each other.
    Attention(Box<PixelAttention>),
}

impl Block {
    fn load(weights: &mut Weights, name: &str, stage: &FastVitStage, layer_norm: bool) -> Result<Self> {
        if !stage.attends {
            return Self::load_convolutions(weights, name);
        }
        let attention = PixelAttention::load(weights, name, stage, layer_norm)?;
        Self::with_mixer(weights, name, Mixer::Attention(Box::new(attention)))
    }

    /// Takes a block that mixes by a convolution out of `weights`.
    pub fn load_convolutions(weights: &mut Weights, name: &str) -> Result<Self> {
        let mixer = Channelwise::load(weights, &format!("{name}.token_mixer.reparam_conv"), 1)?;
        Self::with_mixer(weights, name, Mixer::Convolution(mixer))
    }

    fn with_mixer(weights: &mut Weights, name: &str, mixer: Mixer) -> Result<Self> {
        let part = |part: &str| format!("{name}.{part}");
        Ok(Self {
            mixer,
            convolution: Channelwise::load(weights, &part("mlp.conv"), 1)?,
            fc1: Linear::load(weights, &part("mlp.fc1"), true)?,
            fc2: Linear::load(weights, &part("mlp.fc2"), true)?,
        })
    }

    pub fn forward(&self, x: FeatureMap) -> candle_core::Result<FeatureMap> {
        let x = match &self.mixer {
            Mixer::Convolution(convolution) => convolution.forward(&x, None)?,
            Mixer::Attention(attention) => attention.forward(x)?,
        };
        let convolved = self.convolution.forward(&x, None)?;
        let hidden = self.fc1.forward(&convolved.values, Epilogue::Activation(GELU))?;
        let values = self.fc2.forward(&hidden, Epilogue::Add(&x.values))?;
        Ok(FeatureMap { values, ..x })
    }
}

/// Attention of the pixels of each image to each other, added to what came in.
struct PixelAttention {
    norm: Option<LayerNorm>,
    qkv: Linear,
    out: Linear,
    config: TowerConfig,
    placement: Placement,
}

impl PixelAttention {
    fn load(weights: &mut Weights, name: &str, stage: &FastVitStage, layer_norm: bool) -> Result<Self> {
        let part = |part: &str| format!("{name}.{part}");
        Ok(Self {
            norm: layer_norm
                .then(|| LayerNorm::load(weights, &part("norm"), EPS))
                .transpose()?,
            qkv: Linear::load(weights, &part("token_mixer.qkv"), !layer_norm)?,
            out: Linear::load(weights, &part("token_mixer.proj"), true)?,
            config: TowerConfig {
                width: stage.width,
                mlp_width: stage.mlp_width,
                layers: stage.depth,
                heads: stage.heads(),
                activation: GELU,
                layer_norm_eps: EPS,
            },
            placement: weights.placement.clone(),
        })
    }

    fn forward(&self, x: FeatureMap) -> candle_core::Result<FeatureMap> {
        let segments = segments(x.batch, x.extent.height * x.extent.width);
        let attention = Attention::new(&self.config, segments, false, &self.placement)?;
        let qkv = match &self.norm {
            Some(norm) => self.qkv.forward(&norm.forward(&x.values)?, Epilogue::None)?,
            None => self.qkv.forward(&x.values, Epilogue::None)?,
        };
        let seen = attention.forward(&qkv, None, self.qkv.numbers())?;
        let values = self.out.forward(&seen, Epilogue::Add(&x.values))?;
        Ok(FeatureMap { values, ..x })
    }
}
