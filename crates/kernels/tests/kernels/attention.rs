//! Attention over several sequences, with and without shared prefixes.

use std::ops::Range;

use cliplet_kernels::{Attention, Numbers, Queries, Rows, Segment, attention};
use proptest::prelude::*;

use super::{noise, property, run};

/// Attention as its definition reads, in f64, to rows of `q | k | v`.
struct Plain<'a> {
    qkv: &'a [f32],
    prefix: &'a [f32],
    segments: &'a [Segment],
    heads: usize,
    width: usize,
}

impl Plain<'_> {
    /// Of `token`, that sees `own` tokens of its segment.
    fn of(&self, token: usize, segment: &Segment, own: Range<usize>) -> Vec<f64> {
        let (row, dim) = (3 * self.width, self.width / self.heads);
        let own = own.map(|t| (self.qkv, t));
        let seen: Vec<_> = segment
            .prefix
            .clone()
            .map(|t| (self.prefix, t))
            .chain(own)
            .collect();
        let mut out = vec![0.0; self.width];
        for head in 0..self.heads {
            let at = |source: &[f32], t: usize, part: usize, d: usize| {
                f64::from(source[t * row + part * self.width + head * dim + d])
            };
            let score = |&(s, t): &(&[f32], usize)| {
                (0..dim)
                    .map(|d| at(self.qkv, token, 0, d) * at(s, t, 1, d))
                    .sum::<f64>()
                    / (dim as f64).sqrt()
            };
            let weights: Vec<f64> = seen.iter().map(|s| score(s).exp()).collect();
            let total: f64 = weights.iter().sum();
            for d in 0..dim {
                out[head * dim + d] = seen
                    .iter()
                    .zip(&weights)
                    .map(|(&(s, t), w)| w / total * at(s, t, 2, d))
                    .sum();
            }
        }
        out
    }

    fn all(&self, asking: Queries) -> Vec<f64> {
        let of_segment = |segment: &Segment| -> Vec<f64> {
            let Range { start, end } = segment.tokens;
            match asking {
                Queries::Each => segment
                    .tokens
                    .clone()
                    .flat_map(|t| self.of(t, segment, start..end))
                    .collect(),
                Queries::Causal => segment
                    .tokens
                    .clone()
                    .flat_map(|t| self.of(t, segment, start..t + 1))
                    .collect(),
                Queries::Pooled => self.of(end - 1, segment, start..end),
            }
        };
        self.segments.iter().flat_map(of_segment).collect()
    }
}

#[run]
fn attention_is_near_f64() {
    let shapes = (
        1usize..4,
        prop_oneof![Just(8usize), Just(32), Just(64), 1usize..24],
        prop_oneof![Just(Queries::Each), Just(Queries::Causal), Just(Queries::Pooled)],
    );
    let lengths = prop::collection::vec(prop_oneof![1usize..20, 49usize..52], 1..4);
    property(
        48,
        (shapes, lengths, 0usize..6, any::<u64>()),
        |((heads, dim, asking), lengths, shared, seed)| {
            let width = heads * dim;
            let stride = 3 * width;
            let mut segments = Vec::new();
            let mut tokens = 0;
            for length in lengths {
                segments.push(Segment {
                    tokens: tokens..tokens + length,
                    prefix: 0..shared,
                });
                tokens += length;
            }
            let qkv: Vec<f32> = noise(seed, tokens * stride).collect();
            let prefix: Vec<f32> = noise(seed + 1, shared * stride).collect();
            let row = |t: usize| &qkv[t * stride..][..stride];
            let pooled: Vec<f32> = segments
                .iter()
                .flat_map(|s| row(s.tokens.end - 1))
                .copied()
                .collect();
            let a = Attention {
                queries: Rows::new(if asking == Queries::Pooled { &pooled } else { &qkv }, stride),
                keys_values: Rows::new(&qkv[width..], stride),
                prefix: Rows::new(prefix.get(width..).unwrap_or_default(), stride),
                segments: &segments,
                heads,
                width,
                asking,
                numbers: Numbers::Floats,
            };
            let plain = Plain {
                qkv: &qkv,
                prefix: &prefix,
                segments: &segments,
                heads,
                width,
            };
            let wanted = plain.all(asking);
            for (numbers, error) in [(Numbers::Floats, 1e-5), (Numbers::Codes, 2e-4)] {
                let mut out = vec![f32::NAN; wanted.len()];
                attention(&Attention { numbers, ..a }, &mut out);
                for (got, want) in out.iter().zip(&wanted) {
                    prop_assert!(
                        (f64::from(*got) - want).abs() < error,
                        "{numbers:?}: {got} is not {want}"
                    );
                }
            }
            Ok(())
        },
    );
}
