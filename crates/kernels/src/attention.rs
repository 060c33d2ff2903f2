//! Scaled dot-product attention (Vaswani et al. 2017, section 3.2) over ragged batches.
//!
//! Sequences of different lengths lie one after another without padding; prompts that share a
//! template share the keys and values of its tokens, computed once.

use std::ops::Range;

use super::lanes::{Function, Lanes, MAX_LANES, exp, map};
use super::parallel::{self, SharedRows};
use super::vector::{max, sum, vectorized};

/// One sequence of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its rows among the keys and values.
    pub tokens: Range<usize>,
    /// Rows of the prefixes that every one of its queries also attends to. May be empty.
    pub prefix: Range<usize>,
}

/// Whose queries there are, and what they see beside the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queries {
    /// Every token's, in the tokens' rows: each sees its whole segment.
    Each,
    /// Every token's, in the tokens' rows: each sees itself and those before it.
    Causal,
    /// One for each segment, in a row of its own: it sees the whole segment.
    Pooled,
}

/// Rows of a matrix, perhaps beside other columns of it.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
}

impl<'a> Rows<'a> {
    /// Rows that begin `stride` values apart, the first at the first of `values`.
    pub fn new(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride }
    }

    /// `count` values of a row from a column on.
    #[inline(always)]
    fn at(self, row: usize, column: usize, count: usize) -> &'a [f32] {
        &self.values[row * self.stride + column..][..count]
    }
}

/// The inputs of attention over several sequences.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// Queries, `[tokens or segments, width]`.
    pub queries: Rows<'a>,
    /// Keys and values of all tokens, `[tokens, 2 * width]`, each row `k | v`.
    pub keys_values: Rows<'a>,
    /// Keys and values of shared prefixes, likewise `k | v`. May be empty.
    pub prefix: Rows<'a>,
    /// The sequences.
    pub segments: &'a [Segment],
    /// Number of heads; divides `width`.
    pub heads: usize,
    /// Width of the model.
    pub width: usize,
    /// The meaning of the rows of `queries`.
    pub asking: Queries,
}

impl Attention<'_> {
    /// Rows of a segment's queries.
    fn queries_of(&self, segment: usize) -> Range<usize> {
        match self.asking {
            Queries::Each | Queries::Causal => self.segments[segment].tokens.clone(),
            Queries::Pooled => segment..segment + 1,
        }
    }
}

/// Rows of a tile. The 50 tokens of a ViT-B/32 are whole tiles.
const ROWS: usize = 5;

/// Computes `softmax(q kᵀ / sqrt(head_dim)) v` of every head and segment into `out`, a row for each of the
/// queries, `[queries, width]`.
///
/// # Panics
/// If lengths do not match.
pub fn attention(a: &Attention, out: &mut [f32]) {
    let width = a.width;
    assert!(width.is_multiple_of(a.heads) && out.len().is_multiple_of(width));
    let longest = a
        .segments
        .iter()
        .map(|s| s.tokens.len() + s.prefix.len())
        .max()
        .unwrap_or(0);
    let cost = 2 * out.len() * longest / (a.segments.len() * a.heads).max(1);
    let out = SharedRows::new(out);
    parallel::ranges(a.segments.len() * a.heads, cost, |tasks| {
        let mut head = Head::default();
        for task in tasks {
            run(&mut head, a, task / a.heads, task % a.heads, &out);
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
    /// `[ROWS, seen]`: scores, then their exponentials.
    scores: Vec<f32>,
    /// `[ROWS, dim]`
    mixed: Vec<f32>,
}

impl Head {
    #[inline(always)]
    fn run<V: Lanes>(&mut self, isa: V::Isa, a: &Attention, index: usize, head: usize, out: &SharedRows) {
        let dim = a.width / a.heads;
        let (segment, queries) = (&a.segments[index], a.queries_of(index));
        let prefix = segment.prefix.len();
        let seen = prefix + segment.tokens.len();
        let (seen_columns, dim_columns) = (
            seen.next_multiple_of(V::COLUMNS),
            dim.next_multiple_of(V::COLUMNS),
        );
        self.gather::<V>(isa, a, segment, head);
        self.scores.resize(ROWS * seen_columns, 0.0);
        self.mixed.resize(ROWS * dim_columns, 0.0);
        for first in queries.clone().step_by(ROWS) {
            let rows = ROWS.min(queries.end - first);
            // A tile that is not full computes its last row again.
            let asked = std::array::from_fn(|row| a.queries.at(first + row.min(rows - 1), head * dim, dim));
            multiply::<V>(isa, asked, &self.keys, &mut self.scores);
            let mut totals = [0.0; ROWS];
            for (row, scores) in self.scores.chunks_exact_mut(seen_columns).enumerate() {
                let visible = match a.asking {
                    Queries::Each | Queries::Pooled => seen,
                    Queries::Causal => prefix + first - queries.start + row + 1,
                };
                let visible = visible.min(seen);
                // Padding and hidden tokens become next to nothing, and nothing where they are read.
                scores[visible..]
                    .iter_mut()
                    .for_each(|hidden| *hidden = f32::NEG_INFINITY);
                let max = max::<V>(isa, scores);
                totals[row] = exp_and_sum::<V>(isa, scores, max);
                scores[visible..seen].fill(0.0);
            }
            let shares = std::array::from_fn(|row| &self.scores[row * seen_columns..][..seen]);
            multiply::<V>(isa, shares, &self.values, &mut self.mixed);
            // SAFETY: a head's columns of a segment's queries belong to this task alone.
            let mut columns = unsafe { out.columns(first * a.width + head * dim, a.width, rows, dim) };
            for (row, mixed) in self.mixed.chunks_exact_mut(dim_columns).enumerate().take(rows) {
                // A row has fewer values here than it has scores.
                map::<V>(isa, mixed, Scale(1.0 / totals[row]));
                columns.write(row, &mixed[..dim]);
            }
        }
    }

    /// Copies the keys, transposed, and the values that the segment sees.
    #[inline(always)]
    fn gather<V: Lanes>(&mut self, isa: V::Isa, a: &Attention, segment: &Segment, head: usize) {
        let (dim, columns) = (a.width / a.heads, V::COLUMNS);
        let scale = 1.0 / (dim as f32).sqrt();
        let seen = segment.prefix.len() + segment.tokens.len();
        // Values that another head left between the columns are not read.
        self.keys.resize(seen.next_multiple_of(columns) * dim, 0.0);
        self.values.resize(dim.next_multiple_of(columns) * seen, 0.0);
        let prefix = segment.prefix.clone().map(|t| (a.prefix, t));
        let own = segment.tokens.clone().map(|t| (a.keys_values, t));
        for (i, (rows, t)) in prefix.chain(own).enumerate() {
            let (k, v) = (rows.at(t, head * dim, dim), rows.at(t, a.width + head * dim, dim));
            let tile = &mut self.keys[i / columns * dim * columns..][..dim * columns];
            let column = tile[i % columns..].iter_mut().step_by(columns);
            column.zip(k).for_each(|(to, k)| *to = k * scale);
            for (tile, v) in v.chunks(columns).enumerate() {
                let place = &mut self.values[(tile * seen + i) * columns..][..columns];
                if v.len() == columns {
                    // A few vectors: for a length that is not known, wasm's engines call a function.
                    for j in (0..columns).step_by(V::COUNT) {
                        V::load(isa, &v[j..]).store(&mut place[j..]);
                    }
                } else {
                    place[..v.len()].copy_from_slice(v);
                }
            }
        }
    }
}

/// `out = a b`: `a` is `[ROWS, inner]`, `b` is `[tiles, inner, COLUMNS]`, `out` is `[ROWS, tiles * COLUMNS]`.
#[inline(always)]
fn multiply<V: Lanes>(isa: V::Isa, a: [&[f32]; ROWS], b: &[f32], out: &mut [f32]) {
    let (inner, columns) = (a[0].len(), out.len() / ROWS);
    let a = a.map(|row| &row[..inner]);
    for (tile, b) in b.chunks_exact(inner * V::COLUMNS).enumerate() {
        // As many vectors as a tile has columns for are used.
        let mut sums = [[V::splat(isa, 0.0); MAX_LANES]; ROWS];
        for (i, b) in b.chunks_exact(V::COLUMNS).enumerate() {
            for (a, sums) in a.iter().zip(&mut sums) {
                // SAFETY: `b` has `inner` rows, and each row of `a` was cut to as many values.
                let a = V::splat(isa, unsafe { *a.get_unchecked(i) });
                for j in 0..V::COLUMNS / V::COUNT {
                    sums[j] = a.mul_add(V::load(isa, &b[j * V::COUNT..]), sums[j]);
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
    fn run<V>(isa; state: &mut Head, a: &Attention, segment: usize, head: usize, out: &SharedRows) {
        state.run::<V>(isa, a, segment, head, out);
    }

    /// Exponentials of a row over their sum, in place, shifted by the maximum so that none overflows.
    pub fn softmax<V>(isa; x: &mut [f32]) {
        softmax_lanes::<V>(isa, x);
    }
}

#[inline(always)]
fn softmax_lanes<V: Lanes>(isa: V::Isa, x: &mut [f32]) {
    let max = max::<V>(isa, x);
    let total = exp_and_sum::<V>(isa, x, max);
    map::<V>(isa, x, Scale(1.0 / total));
}

/// Replaces each value by the exponential of its difference from `max`, and returns their sum.
#[inline(always)]
fn exp_and_sum<V: Lanes>(isa: V::Isa, x: &mut [f32], max: f32) -> f32 {
    map::<V>(isa, x, ExpOfDifference(max));
    sum::<V>(isa, x, 0.0, |x| x)
}

/// `exp(x - self.0)`
#[derive(Clone, Copy)]
struct ExpOfDifference(f32);

impl Function for ExpOfDifference {
    #[inline(always)]
    fn of<V: Lanes>(self, x: V) -> V {
        exp(x - x.same(self.0))
    }
}

/// `x * self.0`
#[derive(Clone, Copy)]
struct Scale(f32);

impl Function for Scale {
    #[inline(always)]
    fn of<V: Lanes>(self, x: V) -> V {
        x * x.same(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<f32> {
        (0..count)
            .map(|i| ((i * 7919 % 101) as f32 / 50.0) - 1.0)
            .collect()
    }

    /// Attention of one segment whose rows are `q | k | v`; pooled, it is the last one's.
    fn of_one(qkv: &[f32], prefix: &[f32], width: usize, asking: Queries) -> Vec<f32> {
        let stride = 3 * width;
        let tokens = qkv.len() / stride;
        let queries = if asking == Queries::Pooled {
            &qkv[(tokens - 1) * stride..]
        } else {
            qkv
        };
        let mut out = vec![0.0; queries.len() / 3];
        let of = Attention {
            queries: Rows::new(queries, stride),
            keys_values: Rows::new(&qkv[width..], stride),
            prefix: Rows::new(prefix.get(width..).unwrap_or_default(), stride),
            segments: &[Segment {
                tokens: 0..tokens,
                prefix: 0..prefix.len() / stride,
            }],
            heads: 2,
            width,
            asking,
        };
        attention(&of, &mut out);
        out
    }

    #[test]
    fn a_shared_prefix_changes_nothing() {
        let (width, tokens, shared) = (8, 6, 3);
        let qkv = noise(tokens * 3 * width);
        let whole = of_one(&qkv, &[], width, Queries::Causal);
        let (prefix, rest) = qkv.split_at(shared * 3 * width);
        let split = of_one(rest, prefix, width, Queries::Causal);
        for (whole, split) in whole[shared * width..].iter().zip(&split) {
            assert!((whole - split).abs() < 1e-6);
        }
    }

    #[test]
    fn the_last_token_alone_sees_what_it_sees_among_others() {
        let width = 8;
        let (qkv, prefix) = (noise(6 * 3 * width), noise(2 * 3 * width));
        let all = of_one(&qkv, &prefix, width, Queries::Causal);
        let last = of_one(&qkv, &prefix, width, Queries::Pooled);
        assert_eq!(last, all[5 * width..]);
    }

    #[test]
    fn one_token_gives_its_value() {
        let qkv = noise(3 * 4);
        let out = of_one(&qkv, &[], 4, Queries::Each);
        for (out, v) in out.iter().zip(&qkv[8..]) {
            assert!((out - v).abs() < 1e-6);
        }
    }
}
