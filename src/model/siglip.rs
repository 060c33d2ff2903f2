//! SigLIP's image tower: a vision transformer without a class token, whose tokens a learned query pools (Zhai et al.
//! 2023; the head is that of Zhai et al. 2022, "Scaling Vision Transformers"). That of SigLIP 2 NaFlex takes images of any
//! proportions (Tschannen et al. 2025).

use candle_core::Tensor;

use crate::error::Result;
use crate::model::attention::Attention;
use crate::model::block::{LayerNorm, Stack};
use crate::model::linear::{Epilogue, Linear};
use crate::model::positions::Positions;
use crate::model::vit::{patches, patches_by_pixel, segments};
use crate::weights::{Placement, VitConfig, Weights};
use cliplet_kernels::Activation;

/// Vision transformer, pooled by attention.
pub struct SiglipVit {
    config: VitConfig,
    placement: Placement,
    patches: Linear,
    positions: Positions,
    stack: Stack,
    post_norm: LayerNorm,
    head: AttentionPooling,
}

impl SiglipVit {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &VitConfig) -> Result<Self> {
        let (tower, eps) = (&config.tower, config.tower.layer_norm_eps);
        Ok(Self {
            placement: weights.placement.clone(),
            patches: Linear::load(
                weights,
                "vision_model.embeddings.patch_embedding",
                config.patch_bias,
            )?,
            positions: Positions::new(
                weights.take_dense("vision_model.embeddings.position_embedding.weight")?,
                config.grid(),
            ),
            stack: Stack::load(weights, "vision_model", tower, tower.layers)?,
            post_norm: LayerNorm::load(weights, "vision_model.post_layernorm", eps)?,
            head: AttentionPooling::load(weights, "vision_model.head", config)?,
            config: config.clone(),
        })
    }

    /// Embeds a batch of preprocessed images, `[batch, 3, height, width]`, to `[batch, width]`.
    pub fn embed(&self, pixels: &Tensor) -> candle_core::Result<Tensor> {
        let (batch, _, height, width) = pixels.dims4()?;
        let patch = self.config.patch_size;
        let (rows, columns) = (height / patch, width / patch);
        let positions = self.positions.resized(rows, columns)?.repeat((batch, 1))?;
        let x = match self.config.keeps_proportions {
            true => patches_by_pixel(pixels, patch)?,
            false => patches(pixels, &self.config)?,
        };
        let x = self.patches.forward(&x, Epilogue::Add(&positions))?;
        let segments = segments(batch, rows * columns);
        let attention = Attention::new(&self.config.tower, segments, false, &self.placement)?;
        let x = self
            .post_norm
            .forward(&self.stack.forward(x, &attention, None)?)?;
        self.head.forward(&x, &attention, batch)
    }
}

/// One query that attends to all tokens of an image, and a perceptron behind it.
struct AttentionPooling {
    /// The projected query, `[1, width]`: the same for all images.
    query: Tensor,
    keys_values: Linear,
    out: Linear,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl AttentionPooling {
    fn load(weights: &mut Weights, name: &str, config: &VitConfig) -> Result<Self> {
        let tower = &config.tower;
        let probe = weights
            .take_dense(&format!("{name}.probe"))?
            .reshape((1, tower.width))?;
        let mut linear = |part: &str| Linear::load(weights, &format!("{name}.{part}"), true);
        Ok(Self {
            query: linear("attention.q_proj")?.forward(&probe, Epilogue::None)?,
            keys_values: linear("attention.kv_proj")?,
            out: linear("attention.out_proj")?,
            fc1: linear("mlp.fc1")?,
            fc2: linear("mlp.fc2")?,
            norm: LayerNorm::load(weights, &format!("{name}.layernorm"), tower.layer_norm_eps)?,
            activation: tower.activation,
        })
    }

    /// Pools the tokens of `batch` images, `[batch * tokens, width]`, to `[batch, width]`.
    fn forward(&self, x: &Tensor, attention: &Attention, batch: usize) -> candle_core::Result<Tensor> {
        let keys_values = self.keys_values.forward(x, Epilogue::None)?;
        let queries = self.query.repeat((batch, 1))?;
        let seen = attention.pooled(&queries, &keys_values, None, self.keys_values.numbers())?;
        let x = self.out.forward(&seen, Epilogue::None)?;
        let hidden = self
            .fc1
            .forward(&self.norm.forward(&x)?, Epilogue::Activation(self.activation))?;
        self.fc2.forward(&hidden, Epilogue::Add(&x))
    }
}
