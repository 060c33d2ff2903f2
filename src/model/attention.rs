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
    /// By candle, on any device: segments of one length.
    Even { heads: usize, even: Even },
    /// By candle, on any device: segments of different lengths, or with a prefix.
    Ragged { heads: usize, gather: Gather },
}

impl Attention {
    /// Attention within each of `segments`, none of them empty, and to its prefix rows; causal
    /// where later tokens are not to be seen.
    pub fn new(heads: usize, segments: Vec<Segment>, causal: bool, placement: &Placement) -> Result<Self> {
        if placement.has_kernels() {
            return Ok(Self::Cpu {
                heads,
                segments,
                causal,
            });
        }
        Ok(match Even::new(&segments, causal, placement)? {
            Some(even) => Self::Even { heads, even },
            None => Self::Ragged {
                heads,
                gather: Gather::new(&segments, causal, placement)?,
            },
        })
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
            Self::Even { heads, even } => even.forward(*heads, qkv),
            Self::Ragged { heads, gather } => gather.forward(*heads, qkv, prefix),
        }
    }
}

/// Head widths that Metal's fused attention takes, of those that CLIPs have.
const FUSED_HEADS: [usize; 4] = [32, 64, 80, 96];

/// `softmax(q k^T / sqrt(head width) + mask) v` for `[batch, heads, tokens, head width]`, fused where
/// candle has that.
fn attend(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let head = q.dim(D::Minus1)?;
    let scale = (head as f64).powf(-0.5);
    if q.device().is_metal() && mask.is_none() && FUSED_HEADS.contains(&head) {
        return candle_nn::ops::sdpa(q, k, v, None, false, scale as f32, 1.0);
    }
    let scores = (q.matmul(&k.transpose(D::Minus1, D::Minus2)?)? * scale)?;
    let scores = match mask {
        Some(mask) => scores.broadcast_add(mask)?,
        None => scores,
    };
    candle_nn::ops::softmax_last_dim(&scores)?.matmul(v)
}

/// A batch that is a rectangle as it is: images, and texts of one length.
pub struct Even {
    batch: usize,
    /// Minus infinity where a key is not seen, `[tokens, tokens]`.
    mask: Option<Tensor>,
}

impl Even {
    /// `None` where the segments are of different lengths or have prefixes.
    fn new(segments: &[Segment], causal: bool, placement: &Placement) -> Result<Option<Self>> {
        let tokens = segments.first().map_or(0, |s| s.tokens.len());
        let fits =
            |(i, s): (usize, &Segment)| s.prefix.is_empty() && s.tokens == (i * tokens..(i + 1) * tokens);
        if !segments.iter().enumerate().all(fits) {
            return Ok(None);
        }
        let unseen = |i: usize| {
            if i % tokens > i / tokens {
                f32::NEG_INFINITY
            } else {
                0.0
            }
        };
        let mask = causal.then(|| {
            let mask = (0..tokens * tokens).map(unseen).collect();
            Tensor::from_vec(mask, (tokens, tokens), &placement.device)?.to_dtype(placement.dtype)
        });
        Ok(Some(Self {
            batch: segments.len(),
            mask: mask.transpose()?,
        }))
    }

    fn forward(&self, heads: usize, qkv: &Tensor) -> Result<Tensor> {
        let width = qkv.dim(1)? / 3;
        let parts = qkv
            .reshape((self.batch, (), 3, heads, width / heads))?
            .permute((2, 0, 3, 1, 4))?
            .contiguous()?;
        let (q, k, v) = (parts.get(0)?, parts.get(1)?, parts.get(2)?);
        attend(&q, &k, &v, self.mask.as_ref())?
            .transpose(1, 2)?
            .reshape(((), width))
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
        let seen = attend(&q, &k, &v, Some(&self.mask))?
            .transpose(1, 2)?
            .reshape(((), width))?;
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
            assert!(difference(got, expected) < 1e-5, "causal {causal}");
        }
    }

    #[test]
    fn kernels_and_rectangles_agree() {
        let placement = Placement {
            device: Device::Cpu,
            dtype: DType::F32,
        };
        let segment = |i: usize| Segment {
            tokens: i * 4..(i + 1) * 4,
            prefix: 0..0,
        };
        let segments: Vec<_> = (0..3).map(segment).collect();
        let qkv = Tensor::randn(0f32, 1.0, (12, 24), &Device::Cpu).unwrap();
        for causal in [false, true] {
            let even = Even::new(&segments, causal, &placement).unwrap().unwrap();
            let kernels = Attention::new(2, segments.clone(), causal, &placement).unwrap();
            let got = kernels.forward(&qkv, None).unwrap();
            assert!(
                difference(got, even.forward(2, &qkv).unwrap()) < 1e-5,
                "causal {causal}"
            );
        }
        let ragged = [
            segment(0),
            Segment {
                tokens: 4..7,
                prefix: 0..0,
            },
        ];
        assert!(Even::new(&ragged, false, &placement).unwrap().is_none());
        let prefixed = [Segment {
            tokens: 0..4,
            prefix: 0..2,
        }];
        assert!(Even::new(&prefixed, false, &placement).unwrap().is_none());
    }

    fn difference(a: Tensor, b: Tensor) -> f32 {
        let off = (a - b).unwrap().abs().unwrap().max_all().unwrap();
        off.to_scalar().unwrap()
    }
}
