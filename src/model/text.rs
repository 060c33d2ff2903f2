//! The text tower: token ids to an embedding, computing nothing twice and nothing in vain.
//!
//! CLIP's attention is causal and the text is pooled at its end token, so what follows that token is never
//! looked at, and prompts that begin alike share what was computed for their beginning. In a SigLIP all tokens of a
//! text see each other, padding included, and its last is pooled: all of them are computed.

use candle_core::{Device, Tensor};

use crate::error::{Error, Result};
use crate::model::attention::Attention;
use crate::model::block::{LayerNorm, Tower};
use crate::model::linear::{Epilogue, Linear};
use crate::model::prompts::Prompts;
use crate::model::vit::segments;
use crate::weights::{Placement, Pooling, Rows, Stored, TextConfig, Weights};
use cliplet_kernels::Segment;

/// Text transformer, pooled at the end of the text and projected.
pub struct Text {
    config: TextConfig,
    placement: Placement,
    embedding: Embedding,
    positions: Tensor,
    tower: Tower,
    final_norm: LayerNorm,
    projection: Linear,
}

/// The token embedding, as it is stored: rows are brought to floating point when looked up.
pub(super) enum Embedding {
    Dense(Tensor),
    Rows(Rows),
}

impl Embedding {
    pub(super) fn load(weights: &mut Weights, name: &str) -> Result<Self> {
        match weights.take(name)? {
            Stored::Dense(tensor) => Ok(Self::Dense(tensor)),
            Stored::Rows(rows) => Ok(Self::Rows(rows)),
            Stored::Packed(_) => Err(weights.unfit(name, "is a matrix, not a table")),
        }
    }

    /// The rows `ids`, `[ids, width]`.
    pub(super) fn select(&self, ids: &[u32], device: &Device) -> candle_core::Result<Tensor> {
        match self {
            Self::Dense(tensor) => tensor.index_select(&Tensor::new(ids, device)?, 0),
            Self::Rows(rows) => Tensor::from_vec(rows.select(ids), (ids.len(), rows.width()), device),
        }
    }
}

impl Text {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &TextConfig) -> Result<Self> {
        let projection = match config.pooling {
            Pooling::Last => Linear::load(weights, "text_model.head", true)?,
            _ => Linear::load(weights, "text_projection", false)?,
        };
        Ok(Self {
            placement: weights.placement.clone(),
            embedding: Embedding::load(weights, "text_model.embeddings.token_embedding.weight")?,
            positions: weights.take_dense("text_model.embeddings.position_embedding.weight")?,
            tower: Tower::load(weights, "text_model", &config.tower)?,
            final_norm: LayerNorm::load(
                weights,
                "text_model.final_layer_norm",
                config.tower.layer_norm_eps,
            )?,
            projection,
            config: config.clone(),
        })
    }

    /// Embeds prompts of token ids, padded or not, to `[prompts, projection]`.
    pub fn embed(&self, prompts: &[Vec<u32>]) -> Result<Tensor> {
        if prompts.is_empty() {
            return Err(Error::Input("no texts to embed".into()));
        }
        let prompts = prompts
            .iter()
            .map(|ids| used(&self.config, ids))
            .collect::<Result<Vec<_>>>()?;
        let pooled = match self.config.is_causal() {
            true => self.pool_causal(&prompts)?,
            false => self.pool_padded(&prompts)?,
        };
        Ok(self
            .projection
            .forward(&self.final_norm.forward(&pooled)?, Epilogue::None)?)
    }

    /// Pools texts of which none is padded, each at its last token.
    fn pool_causal(&self, prompts: &[&[u32]]) -> Result<Tensor> {
        let prompts = Prompts::new(prompts);
        let prefix = match prompts.prefixes.is_empty() {
            true => None,
            false => {
                let segments: Vec<Segment> = prompts
                    .prefixes
                    .iter()
                    .map(|rows| Segment {
                        tokens: rows.clone(),
                        prefix: 0..0,
                    })
                    .collect();
                let attention = self.attention(segments)?;
                Some(self.tower.prefix(
                    self.tokens(&prompts.prefix_ids, &prompts.prefix_positions)?,
                    &attention,
                )?)
            }
        };
        let attention = self.attention(prompts.segments.clone())?;
        let x = self.tokens(&prompts.ids, &prompts.positions)?;
        let pooled = Tensor::new(prompts.pooled.as_slice(), &self.placement.device)?;
        Ok(self.tower.forward(x, &attention, prefix.as_deref(), &pooled)?)
    }

    /// Pools texts of the context's length at their last token, or at their largest; those that are shorter are padded
    /// with zeros.
    fn pool_padded(&self, prompts: &[&[u32]]) -> Result<Tensor> {
        let Padded { ids, pooled } = Padded::new(prompts, &self.config);
        let (count, length) = (prompts.len(), self.config.context_length);
        let positions: Vec<u32> = (0..length as u32).cycle().take(count * length).collect();
        let attention = self.attention(segments(count, length))?;
        let x = self.tokens(&ids, &positions)?;
        let pooled = Tensor::new(pooled, &self.placement.device)?;
        Ok(self.tower.forward(x, &attention, None, &pooled)?)
    }

    fn attention(&self, segments: Vec<Segment>) -> candle_core::Result<Attention> {
        Attention::new(
            &self.config.tower,
            segments,
            self.config.is_causal(),
            &self.placement,
        )
    }

    /// Embedded ids at their positions, `[ids, width]`.
    fn tokens(&self, ids: &[u32], positions: &[u32]) -> candle_core::Result<Tensor> {
        let device = &self.placement.device;
        self.embedding.select(ids, device)?
            + self.positions.index_select(&Tensor::new(positions, device)?, 0)?
    }
}

/// Texts of the context's length, one after the other.
pub(super) struct Padded {
    pub ids: Vec<u32>,
    /// Place in `ids` of the token that each text is pooled at.
    pub pooled: Vec<u32>,
}

impl Padded {
    /// Pads `prompts` with zeros.
    pub fn new(prompts: &[&[u32]], config: &TextConfig) -> Self {
        let length = config.context_length;
        let mut ids = Vec::with_capacity(prompts.len() * length);
        let mut pooled = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let place = match config.pooling {
                Pooling::LargestOfPadded => largest(prompt).unwrap_or(0),
                _ => length - 1,
            };
            pooled.push((ids.len() + place) as u32);
            ids.extend_from_slice(prompt);
            ids.resize(ids.len() + length - prompt.len(), 0);
        }
        Self { ids, pooled }
    }
}

/// Place of the first of the largest ids.
fn largest(ids: &[u32]) -> Option<usize> {
    let largest = ids.iter().max();
    ids.iter().position(|id| Some(id) == largest)
}

/// The ids up to the one the prompt is pooled at; of a padded text all.
pub(super) fn used<'a>(config: &TextConfig, ids: &'a [u32]) -> Result<&'a [u32]> {
    let end = match config.pooling {
        Pooling::LargestId => largest(ids),
        // Tokens behind it are seen too.
        Pooling::LargestOfPadded => ids.len().checked_sub(1),
        // As transformers: a prompt without an end token is pooled at its first one.
        Pooling::EndOfText(end) => ids
            .iter()
            .position(|id| *id == end)
            .or((!ids.is_empty()).then_some(0)),
        Pooling::First { padding } | Pooling::Mean { padding } => ids.iter().rposition(|id| *id != padding),
        Pooling::Last if ids.len() == config.context_length => Some(ids.len() - 1),
        Pooling::Last => {
            return Err(Error::Input(format!(
                "a text is {} tokens long; the model takes texts padded to {}",
                ids.len(),
                config.context_length
            )));
        }
    };
    let end = end.ok_or_else(|| Error::Input("a text has no tokens, not even an end token".into()))?;
    let used = &ids[..=end];
    let TextConfig {
        context_length,
        vocab_size,
        ..
    } = *config;
    if used.len() > context_length {
        let length = used.len();
        return Err(Error::Input(format!(
            "a text is {length} tokens long; the model takes {context_length}"
        )));
    }
    match used.iter().find(|id| **id as usize >= vocab_size) {
        Some(id) => Err(Error::Input(format!(
            "token id {id} is over the model's vocabulary of {vocab_size}"
        ))),
        None => Ok(used),
    }
}
