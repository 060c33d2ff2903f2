//! The transformer block that both towers are stacks of.

use candle_core::Tensor;

use crate::error::Result;
use crate::model::attention::Attention;
use crate::model::cpu;
use crate::model::linear::{Epilogue, Linear};
use crate::weights::{Backend, TowerConfig, Weights};
use cliplet_kernels::Activation;

/// Brings every token to mean zero and variance one, then scales and shifts it as learned.
pub enum LayerNorm {
    /// By the kernels.
    Cpu {
        weight: Vec<f32>,
        bias: Vec<f32>,
        eps: f32,
    },
    /// By candle, on any device.
    Device { weight: Tensor, bias: Tensor, eps: f32 },
}

impl LayerNorm {
    /// Takes `name.weight` and `name.bias` out of `weights`.
    pub fn load(weights: &mut Weights, name: &str, eps: f32) -> Result<Self> {
        let weight = weights.take_dense(&format!("{name}.weight"))?;
        let bias = weights.take_dense(&format!("{name}.bias"))?;
        if weights.placement.backend == Backend::Kernels {
            Ok(Self::Cpu {
                weight: cpu::to_vec(&weight)?,
                bias: cpu::to_vec(&bias)?,
                eps,
            })
        } else {
            Ok(Self::Device { weight, bias, eps })
        }
    }

    /// Normalizes each row of `x`, `[rows, width]`.
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Cpu { weight, bias, eps } => x.apply_op1_no_bwd(&cpu::LayerNorm {
                weight,
                bias,
                eps: *eps,
            }),
            Self::Device { weight, bias, eps } => candle_nn::ops::layer_norm(x, weight, bias, *eps),
        }
    }
}

/// Pre-norm block: attention and a two-layer MLP, each added to what came in.
pub struct Block {
    norm1: LayerNorm,
    /// To queries, keys and values side by side; of a tower's last block to keys and values.
    projection: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Block {
    fn load(weights: &mut Weights, name: &str, projection: &str, config: &TowerConfig) -> Result<Self> {
        let norm = |weights: &mut Weights, part: &str| {
            LayerNorm::load(weights, &format!("{name}.{part}"), config.layer_norm_eps)
        };
        let mut linear = |part: &str| Linear::load(weights, &format!("{name}.{part}"), true);
        Ok(Self {
            projection: linear(&format!("self_attn.{projection}"))?,
            out: linear("self_attn.out_proj")?,
            fc1: linear("mlp.fc1")?,
            fc2: linear("mlp.fc2")?,
            norm1: norm(weights, "layer_norm1")?,
            norm2: norm(weights, "layer_norm2")?,
            activation: config.activation,
        })
    }

    /// Applies `projection` to every token of `x`.
    fn project(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.projection.forward(&self.norm1.forward(x)?, Epilogue::None)
    }

    /// Finishes the block behind attention: `x` as it came in, and what attention gave for its tokens, row by row.
    fn finish(&self, x: &Tensor, seen: &Tensor) -> candle_core::Result<Tensor> {
        let x = self.out.forward(seen, Epilogue::Add(x))?;
        let hidden = self
            .fc1
            .forward(&self.norm2.forward(&x)?, Epilogue::Activation(self.activation))?;
        self.fc2.forward(&hidden, Epilogue::Add(&x))
    }
}

/// A stack of blocks that gives what all tokens come out as.
pub struct Stack {
    blocks: Vec<Block>,
}

impl Stack {
    /// Takes the first `count` blocks of `model.encoder.layers.*` out of `weights`.
    pub fn load(weights: &mut Weights, model: &str, config: &TowerConfig, count: usize) -> Result<Self> {
        let block = |i| Block::load(weights, &layer(model, i), "qkv_proj", config);
        let blocks = (0..count).map(block).collect::<Result<_>>()?;
        Ok(Self { blocks })
    }

    /// Runs tokens, `[tokens, width]`. `prefix` holds keys and values of a shared prefix, a tensor a block.
    pub fn forward(
        &self,
        mut x: Tensor,
        attention: &Attention,
        prefix: Option<&[Tensor]>,
    ) -> candle_core::Result<Tensor> {
        for (i, block) in self.blocks.iter().enumerate() {
            let qkv = block.project(&x)?;
            let seen = attention.forward(&qkv, prefix.map(|p| &p[i]), block.projection.numbers())?;
            x = block.finish(&x, &seen)?;
        }
        Ok(x)
    }
}

/// A stack of blocks and a last one. Of that nothing is computed but what the pooled tokens come out as: keys and
/// values of all tokens, and their own queries.
pub struct Tower {
    stack: Stack,
    last: Block,
    /// To the queries of the last block.
    query: Linear,
}

impl Tower {
    /// Takes `model.encoder.layers.*` out of `weights`.
    pub fn load(weights: &mut Weights, model: &str, config: &TowerConfig) -> Result<Self> {
        let last = config.layers - 1;
        Ok(Self {
            stack: Stack::load(weights, model, config, last)?,
            last: Block::load(weights, &layer(model, last), "kv_proj", config)?,
            query: Linear::load(weights, &format!("{}.self_attn.q_proj", layer(model, last)), true)?,
        })
    }

    /// Runs all tokens, `[tokens, width]`, and gives the rows `pooled` (indices on the device), one for each
    /// segment, which sees the whole of it: `[pooled, width]`. `prefix` holds keys and values of the shared
    /// prefix, a tensor a block.
    pub fn forward(
        &self,
        x: Tensor,
        attention: &Attention,
        prefix: Option<&[Tensor]>,
        pooled: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let x = self.stack.forward(x, attention, prefix)?;
        let normed = self.last.norm1.forward(&x)?;
        let keys_values = self.last.projection.forward(&normed, Epilogue::None)?;
        let queries = self
            .query
            .forward(&normed.index_select(pooled, 0)?, Epilogue::None)?;
        let prefix = prefix.and_then(<[_]>::last);
        let seen = attention.pooled(&queries, &keys_values, prefix, self.query.numbers())?;
        self.last.finish(&x.index_select(pooled, 0)?, &seen)
    }

    /// Runs tokens that others will share as their prefix and gives their keys and values,
    /// `[tokens, 2 width]` a block.
    pub fn prefix(&self, x: Tensor, attention: &Attention) -> candle_core::Result<Vec<Tensor>> {
        let mut x = x;
        let mut keys_values = Vec::with_capacity(self.stack.blocks.len() + 1);
        for block in &self.stack.blocks {
            let qkv = block.project(&x)?;
            let width = qkv.dim(1)? / 3;
            x = block.finish(&x, &attention.forward(&qkv, None, block.projection.numbers())?)?;
            keys_values.push(qkv.narrow(1, width, 2 * width)?);
        }
        keys_values.push(self.last.project(&x)?);
        Ok(keys_values)
    }
}

/// Name of a block of `model`.
fn layer(model: &str, index: usize) -> String {
    format!("{model}.encoder.layers.{index}")
}
