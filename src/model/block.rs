//! The transformer block that both towers are stacks of.

use candle_core::Tensor;

use crate::error::Result;
use crate::kernels::Activation;
use crate::model::attention::Attention;
use crate::model::cpu;
use crate::model::linear::{Linear, Then};
use crate::weights::{TowerConfig, Weights};

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
        if weights.placement.has_kernels() {
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
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Block {
    fn load(weights: &mut Weights, name: &str, config: &TowerConfig) -> Result<Self> {
        let norm = |weights: &mut Weights, part: &str| {
            LayerNorm::load(weights, &format!("{name}.{part}"), config.layer_norm_eps)
        };
        let mut linear = |part: &str| Linear::load(weights, &format!("{name}.{part}"), true);
        Ok(Self {
            qkv: linear("self_attn.qkv_proj")?,
            out: linear("self_attn.out_proj")?,
            fc1: linear("mlp.fc1")?,
            fc2: linear("mlp.fc2")?,
            norm1: norm(weights, "layer_norm1")?,
            norm2: norm(weights, "layer_norm2")?,
            activation: config.activation,
        })
    }

    /// Queries, keys and values of `x`: `[tokens, width]` to `[tokens, 3 width]`.
    fn qkv(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.qkv.forward(&self.norm1.forward(x)?, Then::Nothing)
    }

    /// What follows attention: `x` before the block and what its tokens `seen`, row by row.
    fn finish(&self, x: &Tensor, seen: &Tensor) -> candle_core::Result<Tensor> {
        let x = self.out.forward(seen, Then::Add(x))?;
        let hidden = self
            .fc1
            .forward(&self.norm2.forward(&x)?, Then::Activate(self.activation))?;
        self.fc2.forward(&hidden, Then::Add(&x))
    }
}

/// A stack of blocks.
pub struct Tower {
    blocks: Vec<Block>,
}

impl Tower {
    /// Takes `model.encoder.layers.*` out of `weights`.
    pub fn load(weights: &mut Weights, model: &str, config: &TowerConfig) -> Result<Self> {
        let block = |i| Block::load(weights, &format!("{model}.encoder.layers.{i}"), config);
        Ok(Self {
            blocks: (0..config.layers).map(block).collect::<Result<_>>()?,
        })
    }

    /// Runs all tokens, `[tokens, width]`, and gives the rows `pooled` (indices on the device),
    /// `[pooled, width]`: nothing else of the last block is computed but its keys and values.
    /// `prefix` holds keys and values of the shared prefix, a tensor a block.
    pub fn forward(
        &self,
        x: Tensor,
        attention: &Attention,
        prefix: Option<&[Tensor]>,
        pooled: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let mut x = x;
        for (i, block) in self.blocks.iter().enumerate() {
            let seen = attention.forward(&block.qkv(&x)?, prefix.map(|p| &p[i]))?;
            if i + 1 < self.blocks.len() {
                x = block.finish(&x, &seen)?;
            } else {
                x = block.finish(&x.index_select(pooled, 0)?, &seen.index_select(pooled, 0)?)?;
            }
        }
        Ok(x)
    }

    /// Runs tokens that others will share as their prefix and gives their queries, keys and values,
    /// `[tokens, 3 width]` a block.
    pub fn prefix(&self, x: Tensor, attention: &Attention) -> candle_core::Result<Vec<Tensor>> {
        let mut x = x;
        let mut kept = Vec::with_capacity(self.blocks.len());
        for (i, block) in self.blocks.iter().enumerate() {
            let qkv = block.qkv(&x)?;
            if i + 1 < self.blocks.len() {
                x = block.finish(&x, &attention.forward(&qkv, None)?)?;
            }
            kept.push(qkv);
        }
        Ok(kept)
    }
}
