//! Scaled dot-product attention (Vaswani et al. 2017, section 3.2) over ragged batches.
//!
//! Sequences of different lengths lie one after another without padding; prompts that share a
//! template share the keys and values of its tokens, computed once.

use std::ops::Range;

use super::lanes::{Function, Lanes, WIDEST, exp, map};
use super::parallel::{self, SharedRows};
use super::vector::{greatest, sum, vectorized};

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

/// Rows of a tile. The 50 tokens of a ViT-B/32 are whole tiles.
const ROWS: usize = 5;

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
    let out = SharedRows::new(out);
    parallel::ranges(a.segments.len() * a.heads, cost, |tasks| {
        let mut head = Head::default();
        for task in tasks {
            run(&mut head, a, &a.segments[task / a.heads], task % a.heads, &out);
        }
    });
}

/// One head's keys and values, and the scores of a tile of its rows. Columns are padded to whole tiles of
/// [`Lanes::COLUMNS`], and lie tile by tile: a tile's rows follow one another.
#[derive(Default)]
struct Head {
    /// `[seen / COLUMNS, dim, COLUMNS]`, divided by the square root of `dim`.
    keys: Vec<f32>,
    /// `[dim / COLUMNS, seen, COLUMNS]`
    values: Vec<f32>,
    /// `[ROWS, seen]`: scores, then probabilities.
    scores: Vec<f32>,
    /// `[ROWS, dim]`
    mixed: Vec<f32>,
}

impl Head {
    #[inline(always)]
    fn run<V: Lanes>(&mut self, a: &Attention, segment: &Segment, head: usize, out: &SharedRows) {
        let dim = a.width / a.heads;
        let prefix = segment.prefix.len();
        let seen = prefix + segment.tokens.len();
        let (seen_columns, dim_columns) = (
            seen.next_multiple_of(V::COLUMNS),
            dim.next_multiple_of(V::COLUMNS),
        );
        self.gather(a, segment, head, V::COLUMNS);
        self.scores.resize(ROWS * seen_columns, 0.0);
        self.mixed.resize(ROWS * dim_columns, 0.0);
        for first in segment.tokens.clone().step_by(ROWS) {
            let rows = ROWS.min(segment.tokens.end - first);
            // A tile that is not full computes its last row again.
            let queries = std::array::from_fn(|row| {
                &a.qkv[(first + row.min(rows - 1)) * 3 * a.width + head * dim..][..dim]
            });
            multiply::<V>(queries, &self.keys, &mut self.scores);
            for (row, scores) in self.scores.chunks_exact_mut(seen_columns).enumerate() {
                let visible = if a.causal {
                    prefix + first - segment.tokens.start + row + 1
                } else {
                    seen
                };
                let (scores, hidden) = scores.split_at_mut(visible.min(seen));
                softmax_lanes::<V>(scores);
                hidden.fill(0.0);
            }
            let shares = std::array::from_fn(|row| &self.scores[row * seen_columns..][..seen]);
            multiply::<V>(shares, &self.values, &mut self.mixed);
            for (row, mixed) in self.mixed.chunks_exact(dim_columns).enumerate().take(rows) {
                // SAFETY: a head's columns of a segment's rows belong to this task alone.
                unsafe { out.write((first + row) * a.width + head * dim, &mixed[..dim]) };
            }
        }
    }

    /// Copies the keys, transposed, and the values that the segment sees.
    #[inline(always)]
    fn gather(&mut self, a: &Attention, segment: &Segment, head: usize, columns: usize) {
        let (width, dim) = (a.width, a.width / a.heads);
        let scale = 1.0 / (dim as f32).sqrt();
        let seen = segment.prefix.len() + segment.tokens.len();
        self.keys.clear();
        self.keys.resize(seen.next_multiple_of(columns) * dim, 0.0);
        self.values.clear();
        self.values.resize(dim.next_multiple_of(columns) * seen, 0.0);
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
            let tile = &mut self.keys[i / columns * dim * columns..][..dim * columns];
            let column = tile[i % columns..].iter_mut().step_by(columns);
            column.zip(k).for_each(|(to, k)| *to = k * scale);
            for (tile, v) in v.chunks(columns).enumerate() {
                self.values[(tile * seen + i) * columns..][..v.len()].copy_from_slice(v);
            }
        }
    }
}

/// `out = a b`: `a` is `[ROWS, inner]`, `b` is `[tiles, inner, COLUMNS]`, `out` is `[ROWS, tiles * COLUMNS]`.
#[inline(always)]
fn multiply<V: Lanes>(a: [&[f32]; ROWS], b: &[f32], out: &mut [f32]) {
    let (inner, columns) = (a[0].len(), out.len() / ROWS);
    let a = a.map(|row| &row[..inner]);
    for (tile, b) in b.chunks_exact(inner * V::COLUMNS).enumerate() {
        // As many vectors as a tile has columns for are used.
        let mut sums = [[V::splat(0.0); WIDEST]; ROWS];
        for (i, b) in b.chunks_exact(V::COLUMNS).enumerate() {
            for (a, sums) in a.iter().zip(&mut sums) {
                // SAFETY: `b` has `inner` rows, and each row of `a` was cut to as many values.
                let a = V::splat(unsafe { *a.get_unchecked(i) });
                for j in 0..V::COLUMNS / V::COUNT {
                    sums[j] = a.times_plus(V::load(&b[j * V::COUNT..]), sums[j]);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for j in 0..V::COLUMNS / V::COUNT {
                sums[j].store(&mut out[row * columns + tile * V::COLUMNS + j * V::COUNT..]);
            }
        }
    }
}

vectorized! {
    fn run<V>(head: &mut Head, a: &Attention, segment: &Segment, index: usize, out: &SharedRows) {
        head.run::<V>(a, segment, index, out);
    }

    /// Exponentials of a row over their sum, in place, shifted by the maximum so that none overflows.
    pub fn softmax<V>(x: &mut [f32]) {
        softmax_lanes::<V>(x);
    }
}

#[inline(always)]
fn softmax_lanes<V: Lanes>(x: &mut [f32]) {
    let max = greatest::<V>(x);
    map::<V>(x, ExpOfDifference(max));
    let total = sum::<V>(x, 0.0, |x| x);
    map::<V>(x, Times(1.0 / total));
}

/// `exp(x - self.0)`
#[derive(Clone, Copy)]
struct ExpOfDifference(f32);

impl Function for ExpOfDifference {
    #[inline(always)]
    fn of<V: Lanes>(self, x: V) -> V {
        exp(x - V::splat(self.0))
    }
}

/// `x * self.0`
#[derive(Clone, Copy)]
struct Times(f32);

impl Function for Times {
    #[inline(always)]
    fn of<V: Lanes>(self, x: V) -> V {
        x * V::splat(self.0)
    }
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
