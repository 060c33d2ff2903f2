//! EfficientNet-Lite as an image tower: pixels to an embedding (Tan and Le 2019).

use candle_core::{DType, Tensor};
use candle_nn::ops::softmax;

use crate::error::Result;
use crate::model::convolution::{FeatureMap, Stem};
use crate::model::inverted_residual::InvertedResidual;
use crate::model::linear::{Epilogue, Linear};
use crate::weights::{EfficientNetConfig, HeadConfig, Weights};
use cliplet_kernels::{Activation, Extent, Window};

/// Convolutional network, pooled over its pixels.
pub struct EfficientNet {
    stem: Stem,
    blocks: Vec<InvertedResidual>,
    last: Linear,
    head: Head,
}

/// Maps pooled features to embeddings.
#[allow(clippy::large_enum_variant, reason = "a model has one head")]
enum Head {
    Linear(Linear),
    SoftmaxMlp(Box<SoftmaxMlp>),
}

/// Two embeddings whose sum is the image's: of the classes that it may belong to, and of its features.
struct SoftmaxMlp {
    classifier: Linear,
    temperature: f64,
    projection: Linear,
    /// Scale and shift of each input of the perceptron: features vary by orders of magnitude, codes of weights do not.
    norm: (Tensor, Tensor),
    fc1: Linear,
    fc2: Linear,
    early_block: Option<usize>,
}

impl EfficientNet {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &EfficientNetConfig) -> Result<Self> {
        let eps = config.batch_norm_eps;
        let stem = ("vision_model._conv_stem", "vision_model._bn0");
        let last = ("vision_model._conv_head", "vision_model._bn1");
        let blocks = config.blocks.iter().enumerate();
        Ok(Self {
            stem: Stem::load(weights, stem, Window::new(3, 2)?, eps)?,
            blocks: blocks
                .map(|(i, block)| {
                    InvertedResidual::load(weights, &format!("vision_model._blocks.{i}"), block, eps)
                })
                .collect::<Result<_>>()?,
            last: Linear::load_normalized(weights, last, eps)?,
            head: Head::load(weights, &config.head)?,
        })
    }

    /// Embeds a batch of preprocessed images, `[batch, 3, size, size]`, to `[batch, projection]`.
    pub fn embed(&self, pixels: &Tensor) -> candle_core::Result<Tensor> {
        let (mut x, mut early) = (self.stem.forward(pixels)?, None);
        for (i, block) in self.blocks.iter().enumerate() {
            let means;
            (x, means) = block.forward(&x, self.head.early_block() == Some(i))?;
            early = early.or(means);
        }
        let values = self
            .last
            .forward(&x.values, Epilogue::Activation(Activation::Relu6))?;
        let extent = Extent {
            channels: values.dim(1)?,
            ..x.extent
        };
        let features = FeatureMap {
            values,
            batch: x.batch,
            extent,
        };
        self.head.forward(&features.mean()?, early.as_ref())
    }
}

impl Head {
    fn load(weights: &mut Weights, config: &HeadConfig) -> Result<Self> {
        let projection = Linear::load(weights, "visual_projection", false)?;
        match *config {
            HeadConfig::Linear => Ok(Self::Linear(projection)),
            HeadConfig::SoftmaxMlp {
                temperature,
                early_block,
                ..
            } => Ok(Self::SoftmaxMlp(Box::new(SoftmaxMlp {
                classifier: Linear::load(weights, "vision_model.classifier", true)?,
                temperature: f64::from(temperature),
                projection,
                norm: (
                    weights.take_dense("visual_mlp.norm.weight")?,
                    weights.take_dense("visual_mlp.norm.bias")?,
                ),
                fc1: Linear::load(weights, "visual_mlp.fc1", true)?,
                fc2: Linear::load(weights, "visual_mlp.fc2", true)?,
                early_block,
            }))),
        }
    }

    fn early_block(&self) -> Option<usize> {
        match self {
            Self::Linear(_) => None,
            Self::SoftmaxMlp(head) => head.early_block,
        }
    }

    /// Embeds features, `[batch, channels]`; `early` are those of an early block, where the head takes them.
    fn forward(&self, features: &Tensor, early: Option<&Tensor>) -> candle_core::Result<Tensor> {
        match self {
            Self::Linear(projection) => projection.forward(features, Epilogue::None),
            Self::SoftmaxMlp(head) => head.forward(features, early),
        }
    }
}

impl SoftmaxMlp {
    fn forward(&self, features: &Tensor, early: Option<&Tensor>) -> candle_core::Result<Tensor> {
        let logits = self.classifier.forward(features, Epilogue::None)?;
        // In float32: of a thousand probabilities most are too small for half precision.
        let logits = (logits.to_dtype(DType::F32)? / self.temperature)?;
        let classes = softmax(&logits, 1)?.to_dtype(features.dtype())?;
        let inputs = match early {
            Some(early) => Tensor::cat(&[early, features], 1)?,
            None => features.clone(),
        };
        let inputs = inputs.broadcast_mul(&self.norm.0)?.broadcast_add(&self.norm.1)?;
        let hidden = self.fc1.forward(&inputs, Epilogue::None)?.relu()?;
        let embedded = self.projection.forward(&classes, Epilogue::None)?;
        self.fc2.forward(&hidden, Epilogue::Add(&embedded))
    }
}
