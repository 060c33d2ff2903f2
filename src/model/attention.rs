//! Attention of ragged batches: segments of different lengths lie one after the other, without
//! padding, and may share keys and values of a common prefix.

use candle_core::{Result, Tensor};

use crate::model::cpu;
use crate::model::dense_attention::{Padded, Uniform};
#[cfg(feature = "flash-attn")]
use crate::model::fused::Fused;
use crate::weights::{Backend, Placement, TowerConfig};
use cliplet_kernels::{Numbers, Queries, Segment};

/// The rows that see each other, prepared once for all blocks of a tower.
pub enum Attention {
    /// By the kernels.
    Cpu {
        heads: usize,
        segments: Vec<Segment>,
        causal: bool,
    },
    /// By candle's fused kernels for CUDA.
    #[cfg(feature = "flash-attn")]
    Fused(Fused),
    /// By candle, on any device: segments of one length.
    Uniform { heads: usize, uniform: Uniform },
    /// By candle, on any device: segments of different lengths, or with a prefix.
    Ragged { heads: usize, padded: Padded },
}

impl Attention {
    /// Attention of a block of `tower` within each of `segments`, none of them empty, and to its prefix
    /// rows, by the backend of `placement`; causal where later tokens are not to be seen.
    pub fn new(
        tower: &TowerConfig,
        segments: Vec<Segment>,
        causal: bool,
        placement: &Placement,
    ) -> Result<Self> {
        let heads = tower.heads;
        match placement.backend {
            Backend::Kernels => Ok(Self::Cpu {
                heads,
                segments,
                causal,
            }),
            #[cfg(feature = "flash-attn")]
            Backend::FlashAttention if Fused::takes_heads_of(tower) => {
                Fused::new(heads, &segments, causal, &placement.device).map(Self::Fused)
            }
            _ => match Uniform::new(&segments, causal, placement)? {
                Some(uniform) => Ok(Self::Uniform { heads, uniform }),
                None => {
                    let padded = Padded::new(&segments, causal, placement)?;
                    Ok(Self::Ragged { heads, padded })
                }
            },
        }
    }

    /// `softmax(q k^T / sqrt(head width)) v` for queries, keys and values side by side in `qkv`,
    /// `[tokens, 3 width]`, and keys and values in the rows of `prefix`, `[prefix tokens, 2 width]`. Gives
    /// `[tokens, width]`. The kernels multiply `numbers`.
    pub fn forward(&self, qkv: &Tensor, prefix: Option<&Tensor>, numbers: Numbers) -> Result<Tensor> {
        let width = qkv.dim(1)? / 3;
        match self {
            Self::Cpu {
                heads,
                segments,
                causal,
            } => {
                let (queries, keys_values) = (qkv.narrow(1, 0, width)?, qkv.narrow(1, width, 2 * width)?);
                let asking = if *causal { Queries::Causal } else { Queries::Each };
                let attention = cpu::Attention {
                    heads: *heads,
                    segments,
                    asking,
                    numbers,
                };
                attend_on_cpu(&attention, &queries, &keys_values, prefix)
            }
            #[cfg(feature = "flash-attn")]
            Self::Fused(fused) => fused.forward(qkv, prefix),
            Self::Uniform { heads, uniform } => uniform.forward(*heads, qkv),
            Self::Ragged { heads, padded } => padded.forward(*heads, qkv, prefix),
        }
    }

    /// Attention of one query a segment, `[segments, width]`, that sees the whole of it: what a class token
    /// sees, or the last of a text. `keys_values` is `[tokens, 2 width]`.
    pub fn pooled(
        &self,
        queries: &Tensor,
        keys_values: &Tensor,
        prefix: Option<&Tensor>,
        numbers: Numbers,
    ) -> Result<Tensor> {
        match self {
            Self::Cpu { heads, segments, .. } => {
                let attention = cpu::Attention {
                    heads: *heads,
                    segments,
                    asking: Queries::Pooled,
                    numbers,
                };
                attend_on_cpu(&attention, queries, keys_values, prefix)
            }
            #[cfg(feature = "flash-attn")]
            Self::Fused(fused) => fused.pooled(queries, keys_values, prefix),
            Self::Uniform { heads, uniform } => uniform.pooled(*heads, queries, keys_values),
            Self::Ragged { heads, padded } => padded.pooled(*heads, queries, keys_values, prefix),
        }
    }
}

fn attend_on_cpu(
    attention: &cpu::Attention,
    queries: &Tensor,
    keys_values: &Tensor,
    prefix: Option<&Tensor>,
) -> Result<Tensor> {
    match prefix {
        Some(prefix) => queries.apply_op3_no_bwd(keys_values, prefix, attention),
        None => queries.apply_op2_no_bwd(keys_values, attention),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use cliplet_kernels::Activation;

    const CPU: Placement = Placement {
        device: Device::Cpu,
        dtype: DType::F32,
        backend: Backend::Kernels,
    };
    const HEADS: usize = 2;
    const WIDTH: usize = 8;
    const TOWER: TowerConfig = TowerConfig {
        width: WIDTH,
        mlp_width: WIDTH,
        layers: 1,
        heads: HEADS,
        activation: Activation::Gelu,
        layer_norm_eps: 1e-5,
    };

    fn random(rows: usize, widths: usize) -> Tensor {
        Tensor::randn(0f32, 1.0, (rows, widths * WIDTH), &Device::Cpu).unwrap()
    }

    #[test]
    fn kernels_and_gathered_rows_agree() {
        let (qkv, prefix) = (random(9, 3), random(5, 2));
        let segments = vec![
            Segment {
                tokens: 0..4,
                prefix: 0..3,
            },
            Segment {
                tokens: 4..5,
                prefix: 3..5,
            },
            Segment {
                tokens: 5..9,
                prefix: 0..0,
            },
        ];
        for causal in [false, true] {
            let padded = Padded::new(&segments, causal, &CPU).unwrap();
            let kernels = Attention::new(&TOWER, segments.clone(), causal, &CPU).unwrap();
            let expected = padded.forward(HEADS, &qkv, Some(&prefix)).unwrap();
            let got = kernels.forward(&qkv, Some(&prefix), Numbers::Floats).unwrap();
            assert!(difference(got, expected) < 1e-5, "causal {causal}");
            let (queries, keys_values) = (random(3, 1), qkv.narrow(1, WIDTH, 2 * WIDTH).unwrap());
            let expected = padded
                .pooled(HEADS, &queries, &keys_values, Some(&prefix))
                .unwrap();
            let got = kernels
                .pooled(&queries, &keys_values, Some(&prefix), Numbers::Floats)
                .unwrap();
            assert!(difference(got, expected) < 1e-5, "pooled, causal {causal}");
        }
    }

    #[test]
    fn kernels_and_rectangles_agree() {
        let segment = |i: usize| Segment {
            tokens: i * 4..(i + 1) * 4,
            prefix: 0..0,
        };
        let segments: Vec<_> = (0..3).map(segment).collect();
        let qkv = random(12, 3);
        for causal in [false, true] {
            let uniform = Uniform::new(&segments, causal, &CPU).unwrap().unwrap();
            let kernels = Attention::new(&TOWER, segments.clone(), causal, &CPU).unwrap();
            let got = kernels.forward(&qkv, None, Numbers::Floats).unwrap();
            assert!(
                difference(got, uniform.forward(HEADS, &qkv).unwrap()) < 1e-5,
                "causal {causal}"
            );
            let (queries, keys_values) = (random(3, 1), random(12, 2));
            let got = kernels
                .pooled(&queries, &keys_values, None, Numbers::Floats)
                .unwrap();
            let expected = uniform.pooled(HEADS, &queries, &keys_values).unwrap();
            assert!(difference(got, expected) < 1e-5, "pooled, causal {causal}");
        }
        let ragged = [
            segment(0),
            Segment {
                tokens: 4..7,
                prefix: 0..0,
            },
        ];
        assert!(Uniform::new(&ragged, false, &CPU).unwrap().is_none());
        let prefixed = [Segment {
            tokens: 0..4,
            prefix: 0..2,
        }];
        assert!(Uniform::new(&prefixed, false, &CPU).unwrap().is_none());
    }

    fn difference(a: Tensor, b: Tensor) -> f32 {
        let off = (a - b).unwrap().abs().unwrap().max_all().unwrap();
        off.to_scalar().unwrap()
    }
}
