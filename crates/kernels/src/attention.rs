//! Scaled dot-product attention (Vaswani et al. 2017, section 3.2) over ragged batches.
//!
//! Sequences of different lengths lie one after another without padding; prompts that share a
//! template share the keys and values of its tokens, computed once.

use std::ops::Range;

use super::arch;
use super::head::{Head, run_codes, run_floats};
use super::parallel::{self, SharedRows};

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

/// The numbers that products of attention are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Floats, for a relative error of 10⁻⁶.
    Floats,
    /// Codes of up to 16 bits with a scale a row, for one of 10⁻⁴, two multiplied at once.
    Codes,
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
    pub(super) fn at(self, row: usize, column: usize, count: usize) -> &'a [f32] {
        &self.values[row * self.stride + column..][..count]
    }

    /// Asks the memory for values of a row that are read soon: rows lie too far apart for the processor to foresee it.
    #[inline(always)]
    pub(super) fn prefetch(self, row: usize, column: usize, count: usize) {
        for at in (0..count).step_by(LINE) {
            arch::prefetch(self.values.as_ptr().wrapping_add(row * self.stride + column + at));
        }
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
    /// The numbers that are multiplied.
    pub numbers: Numbers,
}

impl Attention<'_> {
    /// Rows of a segment's queries.
    pub(super) fn queries_of(&self, segment: usize) -> Range<usize> {
        match self.asking {
            Queries::Each | Queries::Causal => self.segments[segment].tokens.clone(),
            Queries::Pooled => segment..segment + 1,
        }
    }
}

/// Values in a cache line.
const LINE: usize = 16;

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
        let tasks = tasks.map(|task| (task / a.heads, task % a.heads));
        match a.numbers {
            Numbers::Floats => {
                let mut state = Head::new();
                tasks.for_each(|(segment, head)| run_floats(&mut state, a, segment, head, &out));
            }
            Numbers::Codes => {
                let mut state = Head::new();
                tasks.for_each(|(segment, head)| run_codes(&mut state, a, segment, head, &out));
            }
        }
    });
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
    fn of_one(qkv: &[f32], prefix: &[f32], width: usize, asking: Queries, numbers: Numbers) -> Vec<f32> {
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
            numbers,
        };
        attention(&of, &mut out);
        out
    }

    #[test]
    fn a_shared_prefix_changes_nothing() {
        let (width, tokens, shared) = (8, 6, 3);
        let qkv = noise(tokens * 3 * width);
        let (prefix, rest) = qkv.split_at(shared * 3 * width);
        for numbers in [Numbers::Floats, Numbers::Codes] {
            let whole = of_one(&qkv, &[], width, Queries::Causal, numbers);
            let split = of_one(rest, prefix, width, Queries::Causal, numbers);
            for (whole, split) in whole[shared * width..].iter().zip(&split) {
                assert!((whole - split).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn the_last_token_alone_sees_what_it_sees_among_others() {
        let width = 8;
        let (qkv, prefix) = (noise(6 * 3 * width), noise(2 * 3 * width));
        for numbers in [Numbers::Floats, Numbers::Codes] {
            let all = of_one(&qkv, &prefix, width, Queries::Causal, numbers);
            let last = of_one(&qkv, &prefix, width, Queries::Pooled, numbers);
            assert_eq!(last, all[5 * width..]);
        }
    }

    #[test]
    fn one_token_gives_its_value() {
        let qkv = noise(3 * 4);
        // Half a step of codes up to a value of one is 1.6e-5.
        for (numbers, error) in [(Numbers::Floats, 1e-6), (Numbers::Codes, 1.6e-5)] {
            let out = of_one(&qkv, &[], 4, Queries::Each, numbers);
            for (out, v) in out.iter().zip(&qkv[8..]) {
                assert!((out - v).abs() < error);
            }
        }
    }
}
