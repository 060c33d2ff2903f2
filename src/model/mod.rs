//! CLIP on candle tensors, written once for every device.
//!
//! A tower for images and one for texts, joined by projections into one space and a logit
//! scale. Knows tensors and token ids; images and texts become those elsewhere.

mod attention;
mod batch_norm;
mod bert;
mod block;
mod channelwise;
mod convolution;
mod cpu;
mod dense_attention;
mod efficientnet;
mod fastvit;
#[cfg(feature = "flash-attn")]
mod fused;
mod hybrid_text;
mod image_tower;
mod inverted_residual;
mod linear;
mod positions;
mod prompts;
mod siglip;
mod text;
mod text_tower;
mod vit;
mod vit_stem;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::model::image_tower::ImageTower;
use crate::model::text_tower::TextTower;
use crate::weights::{Family, Weights};

/// The towers that a model has, and the way from cosines to logits.
pub struct ClipModel {
    image: Option<ImageTower>,
    text: Option<TextTower>,
    logit_scale: f32,
    logit_bias: f32,
}

impl ClipModel {
    /// Takes the model out of its weights.
    pub fn new(mut weights: Weights) -> Result<Self> {
        // A kernel that the environment names and the machine lacks is an error now, not another kernel later.
        cliplet_kernels::requested()?;
        let config = weights.config.clone();
        let mut single = |name: &str| -> Result<f32> {
            let value = weights.take_dense(name)?.to_dtype(candle_core::DType::F32)?;
            Ok(value.flatten_all()?.get(0)?.to_scalar()?)
        };
        let (mut logit_scale, mut logit_bias) = (1.0, 0.0);
        if config.text.is_some() && config.vision.is_some() {
            logit_scale = single("logit_scale")?.exp();
            if config.family == Family::Siglip {
                logit_bias = single("logit_bias")?;
            }
        }
        let vision = config.vision.as_ref();
        let image = vision
            .map(|config| ImageTower::load(&mut weights, config))
            .transpose()?;
        let text = config.text.as_ref();
        let text = text
            .map(|config| TextTower::load(&mut weights, config))
            .transpose()?;
        Ok(Self {
            image,
            text,
            logit_scale,
            logit_bias,
        })
    }

    /// Embeds preprocessed images, `[batch, 3, size, size]`, to `[batch, projection]`, not normalized.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model of texts alone, [`Error::Input`] for pixels of another shape.
    pub fn embed_pixels(&self, pixels: &Tensor) -> Result<Tensor> {
        let tower = self.image.as_ref();
        tower.ok_or_else(|| lacks("image tower"))?.embed(pixels)
    }

    /// Embeds token ids (from start to end token; padding after it is ignored) to
    /// `[prompts, projection]`, not normalized.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model of images alone, [`Error::Input`] for ids that do not fit the model.
    pub fn embed_tokens(&self, prompts: &[Vec<u32>]) -> Result<Tensor> {
        let tower = self.text.as_ref();
        tower.ok_or_else(|| lacks("text tower"))?.embed(prompts)
    }

    /// Factor from cosines to logits (100 in OpenAI's models); 1 in a model of one tower.
    pub fn logit_scale(&self) -> f32 {
        self.logit_scale
    }

    /// Added to scaled cosines; 0 in models with softmax scores.
    pub fn logit_bias(&self) -> f32 {
        self.logit_bias
    }
}

fn lacks(tower: &str) -> Error {
    Error::unsupported("model", format!("has no {tower}"))
}
