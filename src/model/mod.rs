//! CLIP on candle tensors, written once for every device.
//!
//! A tower for images and one for texts, joined by projections into one space and a logit
//! scale. Knows tensors and token ids; pictures and texts become those elsewhere.

mod attention;
mod batch_norm;
mod block;
mod convolution;
mod cpu;
mod dense_attention;
mod efficientnet;
#[cfg(feature = "flash-attn")]
mod fused;
mod image_tower;
mod inverted_residual;
mod linear;
mod prompts;
mod text;
mod vit;

use candle_core::Tensor;

use crate::error::Result;
use crate::model::image_tower::ImageTower;
use crate::model::text::Text;
use crate::weights::Weights;

/// Both towers and the scale of their logits.
pub struct ClipModel {
    image: ImageTower,
    text: Text,
    logit_scale: f32,
}

impl ClipModel {
    /// Takes the model out of its weights.
    pub fn new(mut weights: Weights) -> Result<Self> {
        // A kernel that the environment names and the machine lacks is an error now, not another kernel later.
        cliplet_kernels::requested()?;
        let logit_scale = weights
            .take_dense("logit_scale")?
            .to_dtype(candle_core::DType::F32)?;
        Ok(Self {
            image: ImageTower::load(&mut weights)?,
            text: Text::load(&mut weights)?,
            logit_scale: logit_scale.to_scalar::<f32>()?.exp(),
        })
    }

    /// Embeds preprocessed images, `[batch, 3, size, size]`, to `[batch, projection]`, not normalized.
    pub fn embed_pixels(&self, pixels: &Tensor) -> Result<Tensor> {
        self.image.embed(pixels)
    }

    /// Embeds token ids (from start to end token; padding after it is ignored) to
    /// `[prompts, projection]`, not normalized.
    pub fn embed_tokens(&self, prompts: &[Vec<u32>]) -> Result<Tensor> {
        self.text.embed(prompts)
    }

    /// What cosines are multiplied with before a softmax (100 in the trained models).
    pub fn logit_scale(&self) -> f32 {
        self.logit_scale
    }
}
