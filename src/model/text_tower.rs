//! The text tower: token ids to an embedding, by the kind of network that the configuration names.

use candle_core::Tensor;

use crate::error::Result;
use crate::model::bert::Bert;
use crate::model::hybrid_text::HybridText;
use crate::model::text::Text;
use crate::weights::{TextConfig, Weights};

/// A network of one of the kinds.
pub enum TextTower {
    /// CLIP's transformer, or SigLIP's.
    Clip(Box<Text>),
    /// A transformer between convolutions, MobileCLIP S0's.
    Hybrid(Box<HybridText>),
    /// BERT, or a relative of it.
    Bert(Box<Bert>),
}

impl TextTower {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &TextConfig) -> Result<Self> {
        Ok(match &config.bert {
            Some(bert) => Self::Bert(Box::new(Bert::load(weights, config, bert)?)),
            None if config.convolution_window.is_some() => {
                Self::Hybrid(Box::new(HybridText::load(weights, config)?))
            }
            None => Self::Clip(Box::new(Text::load(weights, config)?)),
        })
    }

    /// Embeds texts of token ids, padded or not, to `[texts, projection]`.
    pub fn embed(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        match self {
            Self::Clip(network) => network.embed(texts),
            Self::Hybrid(network) => network.embed(texts),
            Self::Bert(network) => network.embed(texts),
        }
    }
}
