//! The text tower of MobileCLIP S0: a transformer between two blocks of convolutions along the text (Vasu et al. 2024).
//! All tokens of a padded text see each other.

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::model::attention::Attention;
use crate::model::block::{LayerNorm, Stack};
use crate::model::convolution::FeatureMap;
use crate::model::fastvit::Block;
use crate::model::linear::{Epilogue, Linear};
use crate::model::text::{Embedding, Padded, used};
use crate::model::vit::segments;
use crate::weights::{Placement, TextConfig, Weights};
use cliplet_kernels::Extent;

/// Text transformer with convolutions before and behind it, pooled at the end of the text and projected.
pub struct HybridText {
    config: TextConfig,
    placement: Placement,
    embedding: Embedding,
    /// `[context, width]`.
    positions: Tensor,
    first: Block,
    stack: Stack,
    last: Block,
    final_norm: LayerNorm,
    projection: Linear,
}

impl HybridText {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &TextConfig) -> Result<Self> {
        let tower = &config.tower;
        let name = |part: &str| format!("text_model.{part}");
        Ok(Self {
            placement: weights.placement.clone(),
            embedding: Embedding::load(weights, &name("embeddings.token_embedding.weight"))?,
            positions: weights.take_dense(&name("embeddings.position_embedding.weight"))?,
            first: Block::load_convolutions(weights, &name("convolutions.0"))?,
            stack: Stack::load(weights, "text_model", tower, tower.layers)?,
            last: Block::load_convolutions(weights, &name("convolutions.1"))?,
            final_norm: LayerNorm::load(weights, &name("final_layer_norm"), tower.layer_norm_eps)?,
            projection: Linear::load(weights, "text_projection", false)?,
            config: config.clone(),
        })
    }

    /// Embeds texts of token ids, padded or not, to `[texts, projection]`.
    pub fn embed(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        if texts.is_empty() {
            return Err(Error::Input("no texts to embed".into()));
        }
        let texts = texts
            .iter()
            .map(|ids| used(&self.config, ids))
            .collect::<Result<Vec<_>>>()?;
        let Padded { ids, pooled } = Padded::new(&texts, &self.config);
        let (count, length) = (texts.len(), self.config.context_length);
        let device = &self.placement.device;
        let x = (self.embedding.select(&ids, device)? + self.positions.repeat((count, 1))?)?;
        let x = self.first.forward(self.rows(x, count))?;
        let attention = Attention::new(
            &self.config.tower,
            segments(count, length),
            false,
            &self.placement,
        )?;
        let x = self.stack.forward(x.values, &attention, None)?;
        let x = self.last.forward(self.rows(x, count))?;
        let pooled = x.values.index_select(&Tensor::new(pooled, device)?, 0)?;
        Ok(self
            .projection
            .forward(&self.final_norm.forward(&pooled)?, Epilogue::None)?)
    }

    /// The tokens of `count` texts, `[count * context, width]`, as images of one row each.
    fn rows(&self, values: Tensor, count: usize) -> FeatureMap {
        let extent = Extent {
            height: 1,
            width: self.config.context_length,
            channels: self.config.tower.width,
        };
        FeatureMap {
            values,
            batch: count,
            extent,
        }
    }
}
