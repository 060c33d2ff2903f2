//! Attention of ragged batches: segments of different lengths lie one after the other, without
//! padding, and may share keys and values of a common prefix.

use candle_core::{D, Result, Tensor};

use crate::kernels::Segment;
use crate::model::cpu;
use crate::weights::Placement;

/// Which rows see which, prepared once for all blocks of a tower.
pub enum Attention {
    /// By the kernels.
    Cpu {
        heads: usize,
        segments: Vec<Segment>,
        causal: bool,
    },
    /// By candle, on any device.
    Device { heads: usize, gather: Gather },
}

impl Attention {
    /// Attention within each of `segments`, none of them empty, and to its prefix rows; causal
    /// where later tokens are not to be seen.
    pub fn new(heads: usize, segments: Vec<Segment>, causal: bool, placement: &Placement) -> Result<Self> {
        if placement.has_kernels() {
            Ok(Self::Cpu {
                heads,
                segments,
                causal,
            })
        } else {
            Ok(Self::Device {
                heads,
                gather: Gather::new(&segments, causal, placement)?,
            })
        }
    }

    /// `softmax(q k^T / sqrt(head width)) v` for queries, keys and values side by side in `qkv`,
    /// `[tokens, 3 width]`, and in the rows of `prefix`. Gives `[tokens, width]`.
    pub fn forward(&self, qkv: &Tensor, prefix: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Self::Cpu {
                heads,
                segments,
                causal,
            } => {
                let attention = cpu::Attention {
                    heads: *heads,
                    segments,
                    causal: *causal,
                };
                match prefix {
                    Some(prefix) => qkv.apply_op2_no_bwd(prefix, &attention),
                    None => qkv.apply_op1_no_bwd(&attention),
                }
            }
            Self::Device { heads, gather } => gather.forward(*heads, qkv, prefix),
        }
    }
}

/// The batch padded to its longest segment, by row indices, for backends whose matrix products
/// want rectangles.
pub struct Gather {
    batch: usize,
    queries: Tensor,
    keys: Tensor,
    /// Zero where a key is seen and minus infinity where not, `[batch, 1, queries, keys]`.
    mask: Tensor,
    /// Position of every token among the padded queries.
    tokens: Tensor,
}

impl Gather {
    fn new(segments: &[Segment], causal: bool, placement: &Placement) -> Result<Self> {
        let Placement { device, dtype } = placement;
        let batch = segments.len();
        let longest = segments.iter().map(|s| s.tokens.len()).max().unwrap_or(0);
        let most_keys = segments
            .iter()
            .map(|s| s.prefix.len() + s.tokens.len())
            .max()
            .unwrap_or(0);
        let prefix_rows = segments.iter().map(|s| s.prefix.end).max().unwrap_or(0);
        let (mut queries, mut keys, mut mask, mut tokens) = (vec![], vec![], vec![], vec![]);
        for (b, Segment { tokens: own, prefix }) in segments.iter().enumerate() {
            let row = |i: usize| (prefix_rows + own.start + i.min(own.len() - 1)) as u32;
            let key = |i: usize| {
                if i < prefix.len() {
                    (prefix.start + i) as u32
                } else {
                    row(i - prefix.len())
                }
            };
            queries.extend((0..longest).map(row));
            keys.extend((0..most_keys).map(key));
            tokens.extend((0..own.len()).map(|i| (b * longest + i) as u32));
            for query in 0..longest {
                let seen = prefix.len()
                    + if causal {
                        (query + 1).min(own.len())
                    } else {
                        own.len()
                    };
                mask.extend((0..most_keys).map(|k| if k < seen { 0f32 } else { f32::NEG_INFINITY }));
            }
        }
        let index = |rows: Vec<u32>| Tensor::from_vec(rows.clone(), rows.len(), device);
        Ok(Self {
            batch,
            queries: index(queries)?,
            keys: index(keys)?,
            mask: Tensor::from_vec(mask, (batch, 1, longest, most_keys), device)?.to_dtype(*dtype)?,
            tokens: index(tokens)?,
        })
    }

    fn forward(&self, heads: usize, qkv: &Tensor, prefix: Option<&Tensor>) -> Result<Tensor> {
        let rows = match prefix {
            Some(prefix) => Tensor::cat(&[prefix, qkv], 0)?,
            None => qkv.clone(),
        };
        let width = qkv.dim(1)? / 3;
        let head = width / heads;
        let pick = |which: usize, index: &Tensor| -> Result<Tensor> {
            let part = rows
                .narrow(1, which * width, width)?
                .contiguous()?
                .index_select(index, 0)?;
            part.reshape((self.batch, (), heads, head))?
                .transpose(1, 2)?
                .contiguous()
        };
        let (q, k, v) = (
            pick(0, &self.queries)?,
            pick(1, &self.keys)?,
            pick(2, &self.keys)?,
        );
        let scores = (q.matmul(&k.transpose(D::Minus1, D::Minus2)?)? * (head as f64).powf(-0.5))?;
        let weights = candle_nn::ops::softmax_last_dim(&scores.broadcast_add(&self.mask)?)?;
        let seen = weights.matmul(&v)?.transpose(1, 2)?.reshape(((), width))?;
        seen.index_select(&self.tokens, 0)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn kernels_and_gathered_rows_agree() {
        let placement = Placement {
            device: Device::Cpu,
            dtype: DType::F32,
        };
        let (heads, width) = (2, 8);
        let qkv = Tensor::randn(0f32, 1.0, (9, 3 * width), &Device::Cpu).unwrap();
        let prefix = Tensor::randn(0f32, 1.0, (5, 3 * width), &Device::Cpu).unwrap();
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
            let gather = Gather::new(&segments, causal, &placement).unwrap();
            let expected = gather.forward(heads, &qkv, Some(&prefix)).unwrap();
            let kernels = Attention::new(heads, segments.clone(), causal, &placement).unwrap();
            let got = kernels.forward(&qkv, Some(&prefix)).unwrap();
            let off = (got - expected)
                .unwrap()
                .abs()
                .unwrap()
                .max_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap();
            assert!(off < 1e-5, "causal {causal}: {off}");
        }
    }
}
