//! Scaled dot-product attention (Vaswani et al. 2017, section 3.2) over ragged batches.
//!
//! Sequences of different lengths lie one after another without padding; prompts that share a
//! template share the keys and values of its tokens, computed once.

use std::ops::Range;

/// One sequence of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its rows in `qkv` and `out`.
    pub tokens: Range<usize>,
    /// Rows of `prefix_qkv` that every one of its tokens also attends to. May be empty.
    pub prefix: Range<usize>,
}

/// What attention is computed over.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// Queries, keys and values of all tokens: `[tokens, 3 * width]`, each row `q | k | v`.
    pub qkv: &'a [f32],
    /// The same of shared prefixes; its queries are not read. May be empty.
    pub prefix_qkv: &'a [f32],
    /// The sequences.
    pub segments: &'a [Segment],
    /// Number of heads; divides `width`.
    pub heads: usize,
    /// Width of the model.
    pub width: usize,
    /// Whether a token sees only itself, those before it and the prefix.
    pub causal: bool,
}

/// Computes `softmax(q kᵀ / sqrt(head_dim)) v` of every head and segment into `out` (`[tokens, width]`).
///
/// # Panics
/// Where lengths do not match: callers are this crate's model code.
pub fn attention(a: &Attention, out: &mut [f32]) {
    let (width, row) = (a.width, 3 * a.width);
    let dim = width / a.heads;
    let scale = 1.0 / (dim as f32).sqrt();
    let mut scores = Vec::new();
    for segment in a.segments {
        for head in 0..a.heads {
            for token in segment.tokens.clone() {
                let last = if a.causal { token + 1 } else { segment.tokens.end };
                let prefix = segment.prefix.clone().map(|t| &a.prefix_qkv[t * row..][..row]);
                let keys = prefix.chain((segment.tokens.start..last).map(|t| &a.qkv[t * row..][..row]));
                let q = &a.qkv[token * row + head * dim..][..dim];
                let score = |k: &[f32]| q.iter().zip(k).map(|(q, k)| q * k).sum::<f32>() * scale;
                scores.clear();
                scores.extend(keys.clone().map(|r| score(&r[width + head * dim..][..dim])));
                softmax(&mut scores);
                let out = &mut out[token * width + head * dim..][..dim];
                out.fill(0.0);
                for (r, &p) in keys.zip(&scores) {
                    let v = &r[2 * width + head * dim..][..dim];
                    out.iter_mut().zip(v).for_each(|(out, v)| *out += p * v);
                }
            }
        }
    }
}

/// Exponentials of a row over their sum, in place, shifted by the maximum so that none overflows.
pub fn softmax(x: &mut [f32]) {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in x.iter_mut() {
        *x = (*x - max).exp();
        sum += *x;
    }
    x.iter_mut().for_each(|x| *x /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qkv(tokens: usize, width: usize) -> Vec<f32> {
        (0..tokens * 3 * width)
            .map(|i| ((i * 7919 % 101) as f32 / 50.0) - 1.0)
            .collect()
    }

    #[test]
    fn a_shared_prefix_changes_nothing() {
        let (width, heads, tokens, shared) = (8, 2, 6, 3);
        let qkv = qkv(tokens, width);
        let run = |qkv: &[f32], prefix_qkv: &[f32], segment: Segment| {
            let mut out = vec![0.0; segment.tokens.end * width];
            let segments = &[segment];
            attention(
                &Attention {
                    qkv,
                    prefix_qkv,
                    segments,
                    heads,
                    width,
                    causal: true,
                },
                &mut out,
            );
            out
        };
        let whole = run(
            &qkv,
            &[],
            Segment {
                tokens: 0..tokens,
                prefix: 0..0,
            },
        );
        let (prefix, rest) = qkv.split_at(shared * 3 * width);
        let split = run(
            rest,
            prefix,
            Segment {
                tokens: 0..tokens - shared,
                prefix: 0..shared,
            },
        );
        assert_eq!(whole[shared * width..], split);
    }

    #[test]
    fn one_token_gives_its_value() {
        let qkv = qkv(1, 4);
        let mut out = [0.0; 4];
        let segments = &[Segment {
            tokens: 0..1,
            prefix: 0..0,
        }];
        attention(
            &Attention {
                qkv: &qkv,
                prefix_qkv: &[],
                segments,
                heads: 2,
                width: 4,
                causal: false,
            },
            &mut out,
        );
        assert_eq!(out, qkv[8..]);
    }
}
