//! Scaled dot-product attention (Vaswani et al. 2017, section 3.2) over ragged batches.
//!
//! Sequences of different lengths lie one after another without padding; prompts that share a
//! template share the keys and values of its tokens, computed once.

use std::ops::Range;

use super::parallel::{self, SharedRows};
use super::vector::{exp, sum, vectorized};

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

/// Rows of a tile.
const ROWS: usize = 4;
/// Columns of a tile: what sums fit the registers of one core's vector unit.
const COLUMNS: usize = if cfg!(target_family = "wasm") { 8 } else { 16 };

/// Computes `softmax(q kᵀ / sqrt(head_dim)) v` of every head and segment into `out` (`[tokens, width]`).
///
/// # Panics
/// Where lengths do not match: callers are this crate's model code.
pub fn attention(a: &Attention, out: &mut [f32]) {
    let width = a.width;
    assert!(width.is_multiple_of(a.heads) && a.qkv.len() == 3 * out.len());
    let tokens: usize = a.segments.iter().map(|s| s.tokens.len()).sum();
    let longest = a
        .segments
        .iter()
        .map(|s| s.tokens.len() + s.prefix.len())
        .max()
        .unwrap_or(0);
    let cost = 2 * tokens * longest * width / (a.segments.len() * a.heads).max(1);
    let out = SharedRows::new(out, width);
    parallel::ranges(a.segments.len() * a.heads, cost, |tasks| {
        let mut head = Head::default();
        for task in tasks {
            vectorized(|| head.run(a, &a.segments[task / a.heads], task % a.heads, &out));
        }
    });
}

/// One head's keys, values and a tile of its rows, side by side. Columns are padded to whole tiles.
#[derive(Default)]
struct Head {
    /// `[dim, seen]`
    keys: Vec<f32>,
    /// `[seen, dim]`
    values: Vec<f32>,
    /// `[ROWS, dim]`, divided by the square root of `dim`.
    queries: Vec<f32>,
    /// `[ROWS, seen]`: scores, then probabilities.
    scores: Vec<f32>,
    /// `[ROWS, dim]`
    mixed: Vec<f32>,
}

impl Head {
    #[inline(always)]
    fn run(&mut self, a: &Attention, segment: &Segment, head: usize, out: &SharedRows) {
        let dim = a.width / a.heads;
        let prefix = segment.prefix.len();
        let seen = prefix + segment.tokens.len();
        let (seen_columns, dim_columns) = (seen.next_multiple_of(COLUMNS), dim.next_multiple_of(COLUMNS));
        self.gather(a, segment, head, seen_columns, dim_columns);
        let scale = 1.0 / (dim as f32).sqrt();
        for first in segment.tokens.clone().step_by(ROWS) {
            let rows = ROWS.min(segment.tokens.end - first);
            self.queries.clear();
            for token in first..first + rows {
                let q = &a.qkv[token * 3 * a.width + head * dim..][..dim];
                self.queries.extend(q.iter().map(|q| q * scale));
            }
            self.queries.resize(ROWS * dim, 0.0);
            self.scores.resize(ROWS * seen_columns, 0.0);
            multiply(&self.queries, &self.keys, dim, seen_columns, &mut self.scores);
            for (row, scores) in self.scores.chunks_exact_mut(seen_columns).enumerate() {
                let visible = if a.causal {
                    prefix + first - segment.tokens.start + row + 1
                } else {
                    seen
                };
                let (scores, hidden) = scores.split_at_mut(visible.min(seen));
                softmax_lanes(scores);
                hidden.fill(0.0);
            }
            self.mixed.resize(ROWS * dim_columns, 0.0);
            multiply(
                &self.scores,
                &self.values,
                seen_columns,
                dim_columns,
                &mut self.mixed,
            );
            for (row, mixed) in self.mixed.chunks_exact(dim_columns).enumerate().take(rows) {
                // SAFETY: a head's columns of a segment's rows belong to this task alone.
                unsafe { out.write(first + row, head * dim, &mixed[..dim]) };
            }
        }
    }

    /// Copies the keys, transposed, and the values that the segment sees.
    #[inline(always)]
    fn gather(
        &mut self,
        a: &Attention,
        segment: &Segment,
        head: usize,
        seen_columns: usize,
        dim_columns: usize,
    ) {
        let (width, dim) = (a.width, a.width / a.heads);
        self.keys.clear();
        self.keys.resize(dim * seen_columns, 0.0);
        self.values.clear();
        self.values.resize(seen_columns * dim_columns, 0.0);
        let prefix = segment
            .prefix
            .clone()
            .map(|t| &a.prefix_qkv[t * 3 * width..][..3 * width]);
        let own = segment
            .tokens
            .clone()
            .map(|t| &a.qkv[t * 3 * width..][..3 * width]);
        for (i, qkv) in prefix.chain(own).enumerate() {
            let (k, v) = (
                &qkv[width + head * dim..][..dim],
                &qkv[2 * width + head * dim..][..dim],
            );
            for (d, &k) in k.iter().enumerate() {
                self.keys[d * seen_columns + i] = k;
            }
            self.values[i * dim_columns..][..dim].copy_from_slice(v);
        }
    }
}

/// `out = a b` for `a` of `[ROWS, inner]`, `b` of `[inner, columns]` and whole tiles of columns.
#[inline(always)]
fn multiply(a: &[f32], b: &[f32], inner: usize, columns: usize, out: &mut [f32]) {
    for column in (0..columns).step_by(COLUMNS) {
        let mut sums = [[0.0; COLUMNS]; ROWS];
        for i in 0..inner {
            let b = &b[i * columns + column..][..COLUMNS];
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = a[row * inner + i];
                for (sum, &b) in sums.iter_mut().zip(b) {
                    *sum += a * b;
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            out[row * columns + column..][..COLUMNS].copy_from_slice(sums);
        }
    }
}

/// Exponentials of a row over their sum, in place, shifted by the maximum so that none overflows.
pub fn softmax(x: &mut [f32]) {
    vectorized(|| softmax_lanes(x));
}

#[inline(always)]
fn softmax_lanes(x: &mut [f32]) {
    let max = x
        .iter()
        .copied()
        .fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    x.iter_mut().for_each(|x| *x = exp(*x - max));
    let inverse = 1.0 / sum(x, |x| x);
    x.iter_mut().for_each(|x| *x *= inverse);
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
        for (whole, split) in whole[shared * width..].iter().zip(&split) {
            assert!((whole - split).abs() < 1e-6);
        }
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
        for (out, v) in out.iter().zip(&qkv[8..]) {
            assert!((out - v).abs() < 1e-6);
        }
    }
}
