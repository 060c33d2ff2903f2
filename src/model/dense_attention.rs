//! Attention by candle's matrix products, on any device: segments as the rows of a rectangle.

use candle_core::{D, Result, Tensor};

use crate::weights::Placement;
use cliplet_kernels::Segment;

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
pub struct Uniform {
    batch: usize,
    /// Minus infinity where a key is not seen, `[tokens, tokens]`.
    mask: Option<Tensor>,
}

impl Uniform {
    /// `None` where the segments are of different lengths or have prefixes.
    pub fn new(segments: &[Segment], causal: bool, placement: &Placement) -> Result<Option<Self>> {
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

    /// As [`Attention::forward`](super::attention::Attention::forward).
    pub fn forward(&self, heads: usize, qkv: &Tensor) -> Result<Tensor> {
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

    /// As [`Attention::pooled`](super::attention::Attention::pooled).
    pub fn pooled(&self, heads: usize, queries: &Tensor, keys_values: &Tensor) -> Result<Tensor> {
        let width = queries.dim(1)?;
        let head = width / heads;
        let parts = keys_values
            .reshape((self.batch, (), 2, heads, head))?
            .permute((2, 0, 3, 1, 4))?
            .contiguous()?;
        let (q, k, v) = (
            queries.reshape((self.batch, heads, 1, head))?,
            parts.get(0)?,
            parts.get(1)?,
        );
        attend(&q, &k, &v, None)?.reshape((self.batch, width))
    }
}

/// The batch padded to its longest segment, by row indices, for backends whose matrix products
/// want dense_attention.
pub struct Padded {
    batch: usize,
    queries: Tensor,
    keys: Tensor,
    /// Zero where a key is seen and minus infinity where not, `[batch, 1, queries, keys]`.
    mask: Tensor,
    /// The mask of a query that sees its whole segment, `[batch, 1, 1, keys]`.
    present: Tensor,
    /// Position of every token among the padded queries.
    tokens: Tensor,
}

impl Padded {
    /// Any segments, none of them empty.
    pub fn new(segments: &[Segment], causal: bool, placement: &Placement) -> Result<Self> {
        let Placement { device, dtype, .. } = placement;
        let batch = segments.len();
        let longest = segments.iter().map(|s| s.tokens.len()).max().unwrap_or(0);
        let most_keys = segments
            .iter()
            .map(|s| s.prefix.len() + s.tokens.len())
            .max()
            .unwrap_or(0);
        let prefix_rows = segments.iter().map(|s| s.prefix.end).max().unwrap_or(0);
        let (mut queries, mut keys, mut mask, mut tokens) = (vec![], vec![], vec![], vec![]);
        let mut present = vec![];
        let seen_of = |seen| (0..most_keys).map(move |k| if k < seen { 0f32 } else { f32::NEG_INFINITY });
        for (b, Segment { tokens: own, prefix }) in segments.iter().enumerate() {
            let row = |i: usize| own.start + i.min(own.len() - 1);
            let key = |i: usize| {
                if i < prefix.len() {
                    (prefix.start + i) as u32
                } else {
                    (prefix_rows + row(i - prefix.len())) as u32
                }
            };
            queries.extend((0..longest).map(|i| row(i) as u32));
            keys.extend((0..most_keys).map(key));
            tokens.extend((0..own.len()).map(|i| (b * longest + i) as u32));
            for query in 0..longest {
                let seen = prefix.len()
                    + if causal {
                        (query + 1).min(own.len())
                    } else {
                        own.len()
                    };
                mask.extend(seen_of(seen));
            }
            present.extend(seen_of(prefix.len() + own.len()));
        }
        let index = |rows: Vec<u32>| Tensor::from_vec(rows.clone(), rows.len(), device);
        let masks =
            |mask, queries| Tensor::from_vec(mask, (batch, 1, queries, most_keys), device)?.to_dtype(*dtype);
        Ok(Self {
            batch,
            queries: index(queries)?,
            keys: index(keys)?,
            mask: masks(mask, longest)?,
            present: masks(present, 1)?,
            tokens: index(tokens)?,
        })
    }

    /// As [`Attention::forward`](super::attention::Attention::forward).
    pub fn forward(&self, heads: usize, qkv: &Tensor, prefix: Option<&Tensor>) -> Result<Tensor> {
        let width = qkv.dim(1)? / 3;
        let queries = qkv
            .narrow(1, 0, width)?
            .contiguous()?
            .index_select(&self.queries, 0)?;
        let keys_values = qkv.narrow(1, width, 2 * width)?;
        let seen = self.attend(heads, &queries, &keys_values, prefix, &self.mask)?;
        seen.index_select(&self.tokens, 0)
    }

    /// As [`Attention::pooled`](super::attention::Attention::pooled).
    pub fn pooled(
        &self,
        heads: usize,
        queries: &Tensor,
        keys_values: &Tensor,
        prefix: Option<&Tensor>,
    ) -> Result<Tensor> {
        self.attend(heads, queries, keys_values, prefix, &self.present)
    }

    /// Attention of as many queries for each segment as `queries` has rows for; `mask` says what they see.
    fn attend(
        &self,
        heads: usize,
        queries: &Tensor,
        keys_values: &Tensor,
        prefix: Option<&Tensor>,
        mask: &Tensor,
    ) -> Result<Tensor> {
        let width = queries.dim(1)?;
        let by_head = |rows: Tensor| -> Result<Tensor> {
            rows.reshape((self.batch, (), heads, width / heads))?
                .transpose(1, 2)?
                .contiguous()
        };
        let rows = match prefix {
            Some(prefix) => Tensor::cat(&[prefix, keys_values], 0)?,
            None => keys_values.clone(),
        };
        let pick = |column: usize| {
            by_head(
                rows.narrow(1, column, width)?
                    .contiguous()?
                    .index_select(&self.keys, 0)?,
            )
        };
        attend(&by_head(queries.clone())?, &pick(0)?, &pick(width)?, Some(mask))?
            .transpose(1, 2)?
            .reshape(((), width))
    }
}
