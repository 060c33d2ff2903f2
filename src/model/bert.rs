//! BERT as a text tower (Devlin et al. 2018), and its relatives DistilBERT, RoBERTa and XLM-RoBERTa: blocks whose norms stand
//! behind attention and perceptron, pooled at the first token or over all of them, and projected. Texts of different
//! lengths lie one after the other, without padding.

use std::ops::Range;

use candle_core::{DType, Tensor};

use crate::error::{Error, Result};
use crate::model::attention::Attention;
use crate::model::block::LayerNorm;
use crate::model::linear::{Epilogue, Linear};
use crate::model::text::{Embedding, used};
use crate::weights::{BertConfig, Placement, Pooling, TextConfig, TowerConfig, Weights};
use cliplet_kernels::{Activation, Segment};

/// BERT, pooled and projected.
pub struct Bert {
    config: TextConfig,
    placement: Placement,
    embedding: Embedding,
    /// Embeddings of the positions from a text's first on, and of the one kind of token that texts here have,
    /// `[positions, width]`.
    positions: Tensor,
    norm: LayerNorm,
    blocks: Vec<PostNormBlock>,
    /// The linear map of a pooled first token, with a hyperbolic tangent behind it.
    pooler: Option<Linear>,
    projection: Projection,
}

/// The way from pooled texts to embeddings.
enum Projection {
    Linear(Linear),
    /// Two linear maps with an exact GELU between them.
    Perceptron(Linear, Linear),
}

impl Projection {
    fn load(weights: &mut Weights, bert: &BertConfig) -> Result<Self> {
        let name = "text_projection";
        if bert.projection_hidden.is_none() {
            return Ok(Self::Linear(Linear::load(weights, name, bert.projection_bias)?));
        }
        let mut linear = |part: &str| Linear::load(weights, &format!("{name}.{part}"), false);
        Ok(Self::Perceptron(linear("fc1")?, linear("fc2")?))
    }

    /// Projects `[texts, width]` to `[texts, projection]`.
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Linear(linear) => linear.forward(x, Epilogue::None),
            Self::Perceptron(fc1, fc2) => {
                let hidden = fc1.forward(x, Epilogue::Activation(Activation::Gelu))?;
                fc2.forward(&hidden, Epilogue::None)
            }
        }
    }
}

impl Bert {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &TextConfig, bert: &BertConfig) -> Result<Self> {
        let tower = &config.tower;
        let name = |part: &str| format!("text_model.embeddings.{part}");
        let positions = weights.take_dense(&name("position_embeddings.weight"))?;
        let mut positions = positions.narrow(0, bert.first_position, config.context_length)?;
        if bert.token_kinds > 0 {
            let kinds = weights.take_dense(&name("token_type_embeddings.weight"))?;
            positions = positions.broadcast_add(&kinds.narrow(0, 0, 1)?)?;
        }
        let blocks = (0..tower.layers).map(|i| PostNormBlock::load(weights, i, tower));
        Ok(Self {
            blocks: blocks.collect::<Result<_>>()?,
            placement: weights.placement.clone(),
            embedding: Embedding::load(weights, &name("word_embeddings.weight"))?,
            positions,
            norm: LayerNorm::load(weights, &name("LayerNorm"), tower.layer_norm_eps)?,
            pooler: bert
                .has_pooler
                .then(|| Linear::load(weights, "text_model.pooler.dense", true))
                .transpose()?,
            projection: Projection::load(weights, bert)?,
            config: config.clone(),
        })
    }

    /// Embeds texts of token ids, padded or not, to `[texts, projection]`.
    pub fn embed(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        if texts.is_empty() {
            return Err(Error::Input("no texts to embed".into()));
        }
        let (mut segments, mut ids, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        for text in texts {
            let text = used(&self.config, text)?;
            let start = ids.len();
            ids.extend_from_slice(text);
            positions.extend(0..text.len() as u32);
            segments.push(Segment {
                tokens: start..ids.len(),
                prefix: 0..0,
            });
        }
        let device = &self.placement.device;
        let texts: Vec<Range<usize>> = segments.iter().map(|segment| segment.tokens.clone()).collect();
        let positions = self.positions.index_select(&Tensor::new(positions, device)?, 0)?;
        let mut x = self
            .norm
            .forward(&(self.embedding.select(&ids, device)? + positions)?)?;
        let attention = Attention::new(&self.config.tower, segments, false, &self.placement)?;
        for block in &self.blocks {
            x = block.forward(&x, &attention)?;
        }
        let mut pooled = self.pool(&x, &texts)?;
        if let Some(pooler) = &self.pooler {
            pooled = pooler.forward(&pooled, Epilogue::None)?.tanh()?;
        }
        Ok(self.projection.forward(&pooled)?)
    }

    /// The output for each of `texts`, pooled from the rows of its tokens in `x`: `[texts, width]`.
    fn pool(&self, x: &Tensor, texts: &[Range<usize>]) -> candle_core::Result<Tensor> {
        if let Pooling::Mean { .. } = self.config.pooling {
            let mean = |text: &Range<usize>| {
                let tokens = x.narrow(0, text.start, text.len())?.to_dtype(DType::F32)?;
                tokens.mean(0)?.to_dtype(x.dtype())
            };
            let means: Vec<Tensor> = texts.iter().map(mean).collect::<candle_core::Result<_>>()?;
            return Tensor::stack(&means, 0);
        }
        let first: Vec<u32> = texts.iter().map(|text| text.start as u32).collect();
        x.index_select(&Tensor::new(first, x.device())?, 0)
    }
}

/// Attention and a two-layer perceptron, each added to what came in and then normalized.
struct PostNormBlock {
    /// To queries, keys and values side by side.
    projection: Linear,
    out: Linear,
    norm1: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    norm2: LayerNorm,
    activation: Activation,
}

impl PostNormBlock {
    fn load(weights: &mut Weights, index: usize, config: &TowerConfig) -> Result<Self> {
        let name = |part: &str| format!("text_model.encoder.layer.{index}.{part}");
        let eps = config.layer_norm_eps;
        Ok(Self {
            projection: Linear::load(weights, &name("attention.self.qkv"), true)?,
            out: Linear::load(weights, &name("attention.output.dense"), true)?,
            norm1: LayerNorm::load(weights, &name("attention.output.LayerNorm"), eps)?,
            fc1: Linear::load(weights, &name("intermediate.dense"), true)?,
            fc2: Linear::load(weights, &name("output.dense"), true)?,
            norm2: LayerNorm::load(weights, &name("output.LayerNorm"), eps)?,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor, attention: &Attention) -> candle_core::Result<Tensor> {
        let qkv = self.projection.forward(x, Epilogue::None)?;
        let seen = attention.forward(&qkv, None, self.projection.numbers())?;
        let x = self.norm1.forward(&self.out.forward(&seen, Epilogue::Add(x))?)?;
        let hidden = self.fc1.forward(&x, Epilogue::Activation(self.activation))?;
        self.norm2.forward(&self.fc2.forward(&hidden, Epilogue::Add(&x))?)
    }
}
