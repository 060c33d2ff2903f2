//! Attention on CUDA as one operation, of batches as ragged as they come: no row is padded, no score is
//! stored and nothing is masked that need not be looked at.

use candle_core::{D, Device, IndexOp, Result, Tensor};
use candle_flash_attn::flash_attn_varlen;

use crate::weights::TowerConfig;
use cliplet_kernels::Segment;

/// The widest head that is fused on every GPU that has the kernels.
const WIDEST: usize = 256;

/// Queries and keys of each segment, for candle's FlashAttention.
pub struct Fused {
    heads: usize,
    causal: bool,
    /// Every token asks.
    each: Runs,
    /// One query a segment asks.
    pooled: Runs,
    /// Keys and values that are seen.
    seen: Runs,
    /// Their rows among those of the prefixes with the tokens' behind them.
    rows: Tensor,
}

impl Fused {
    /// Returns true if the kernels take heads of the width of the tower's.
    pub fn takes_heads_of(tower: &TowerConfig) -> bool {
        let head = tower.width / tower.heads;
        head.is_multiple_of(8) && head <= WIDEST
    }

    /// Attention within each of `segments` and to its prefix rows.
    pub fn new(heads: usize, segments: &[Segment], causal: bool, device: &Device) -> Result<Self> {
        let prefix_rows = segments.iter().map(|s| s.prefix.end).max().unwrap_or(0);
        let rows = |s: &Segment| {
            let own = s.tokens.start + prefix_rows..s.tokens.end + prefix_rows;
            s.prefix.clone().chain(own).map(|row| row as u32)
        };
        let rows: Vec<u32> = segments.iter().flat_map(rows).collect();
        let runs = |length: fn(&Segment) -> usize| Runs::new(segments.iter().map(length), device);
        Ok(Self {
            heads,
            causal,
            each: runs(|s| s.tokens.len())?,
            pooled: runs(|_| 1)?,
            seen: runs(|s| s.prefix.len() + s.tokens.len())?,
            rows: Tensor::new(rows, device)?,
        })
    }

    /// Attention of every token, as [`Attention::forward`](super::attention::Attention::forward).
    pub fn forward(&self, qkv: &Tensor, prefix: Option<&Tensor>) -> Result<Tensor> {
        let parts = self.parts(qkv, 3)?;
        let (queries, keys_values) = (parts.i((.., 0))?, parts.narrow(1, 1, 2)?);
        self.attend(&queries, &self.each, &keys_values, prefix, self.causal)
    }

    /// Attention of one query a segment, as [`Attention::pooled`](super::attention::Attention::pooled).
    pub fn pooled(&self, queries: &Tensor, keys_values: &Tensor, prefix: Option<&Tensor>) -> Result<Tensor> {
        let queries = self.parts(queries, 1)?.i((.., 0))?;
        self.attend(
            &queries,
            &self.pooled,
            &self.parts(keys_values, 2)?,
            prefix,
            false,
        )
    }

    /// Rows that hold `count` parts side by side, `[rows, count, heads, head width]`.
    fn parts(&self, rows: &Tensor, count: usize) -> Result<Tensor> {
        let (length, width) = rows.dims2()?;
        rows.reshape((length, count, self.heads, width / count / self.heads))
    }

    /// Attention of `queries`, `[rows, heads, head width]`, in runs of `asking`. The kernels read the parts
    /// where they lie; only behind a prefix are keys and values gathered. Where it is causal, the last query
    /// of a run sees all that its segment sees, and each before it one key less.
    fn attend(
        &self,
        queries: &Tensor,
        asking: &Runs,
        keys_values: &Tensor,
        prefix: Option<&Tensor>,
        causal: bool,
    ) -> Result<Tensor> {
        let seen = match prefix {
            Some(prefix) => {
                Tensor::cat(&[&self.parts(prefix, 2)?, keys_values], 0)?.index_select(&self.rows, 0)?
            }
            None => keys_values.clone(),
        };
        let scale = (queries.dim(D::Minus1)? as f32).powf(-0.5);
        flash_attn_varlen(
            queries,
            &seen.i((.., 0))?,
            &seen.i((.., 1))?,
            &asking.bounds,
            &self.seen.bounds,
            asking.longest,
            self.seen.longest,
            scale,
            causal,
        )?
        .flatten_from(1)
    }
}

/// Rows that belong to one segment after the other.
struct Runs {
    /// The first row of each segment, and the one behind the last.
    bounds: Tensor,
    longest: usize,
}

impl Runs {
    fn new(lengths: impl Iterator<Item = usize>, device: &Device) -> Result<Self> {
        let (mut bounds, mut longest) = (vec![0u32], 0);
        for length in lengths {
            bounds.push(bounds[bounds.len() - 1] + length as u32);
            longest = longest.max(length);
        }
        Ok(Self {
            bounds: Tensor::new(bounds, device)?,
            longest,
        })
    }
}
