//! Attention of ragged batches: segments of different lengths lie one after the other, without
//! padding, and may share keys and values of a common prefix.

use candle_core::{D, DType, Device, Result, Tensor};

use crate::kernels::Segment;

/// Which rows see which, prepared once for all blocks of a tower.
pub struct Attention {
    heads: usize,
    gather: Gather,
}

impl Attention {
    /// Attention within each of `segments`, and to its prefix rows; causal where later tokens are
    /// not to be seen.
    pub fn new(
        heads: usize,
        segments: &[Segment],
        causal: bool,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        Ok(Self {
            heads,
            gather: Gather::new(segments, causal, dtype, device)?,
        })
    }

    /// `softmax(q k^T / sqrt(head width)) v` for queries, keys and values side by side in `qkv`,
    /// `[tokens, 3 width]`, and in the rows of `prefix`. Gives `[tokens, width]`.
    pub fn forward(&self, qkv: &Tensor, prefix: Option<&Tensor>) -> Result<Tensor> {
        self.gather.forward(self.heads, qkv, prefix)
    }
}

/// The batch padded to its longest segment, by row indices, for backends whose matrix products
/// want rectangles.
struct Gather {
    batch: usize,
    queries: Tensor,
    keys: Tensor,
    /// Zero where a key is seen and minus infinity where not, `[batch, 1, queries, keys]`.
    mask: Tensor,
    /// Position of every token among the padded queries.
    tokens: Tensor,
}

impl Gather {
    fn new(segments: &[Segment], causal: bool, dtype: DType, device: &Device) -> Result<Self> {
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
            mask: Tensor::from_vec(mask, (batch, 1, longest, most_keys), device)?.to_dtype(dtype)?,
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
