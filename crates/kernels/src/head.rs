//! One head of attention: scores of tiles of queries, their weights, and sums of values by them.

use super::attention::{Attention, Queries, Segment};
use super::lanes::{Lanes, exp2, map};
use super::numbers::{Number, multiply};
use super::parallel::SharedRows;
use super::softmax::Scale;
use super::vector::vectorized;

/// Rows between the one that is read and the one that is asked for.
const AHEAD: usize = 6;

/// Rows of a tile. The 50 tokens of a ViT-B/32 are whole tiles.
const ROWS: usize = 5;

/// One head's keys and values, and the scores of a tile of its rows. Matrices are of items (see `numbers.rs`). Columns are
/// padded to whole tiles of [`Lanes::COLUMNS`], and lie tile by tile: a tile's rows follow one another.
pub struct Head<N, const GROUP: usize> {
    /// `[seen / COLUMNS, dim / GROUP, COLUMNS]`
    keys: Vec<[N; GROUP]>,
    /// Scale of each key's numbers.
    key_scales: Vec<f32>,
    /// `[dim / COLUMNS, seen / GROUP, COLUMNS]`
    values: Vec<[N; GROUP]>,
    /// Scale of each value's numbers, zero for padding.
    value_scales: Vec<f32>,
    /// `[ROWS, dim / GROUP]`
    queries: Vec<[N; GROUP]>,
    /// `[ROWS, seen]`: scores, then their exponentials times the scales of the values.
    scores: Vec<f32>,
    /// The same as numbers.
    shares: Vec<[N; GROUP]>,
    /// `[ROWS, dim]`
    mixed: Vec<f32>,
    /// `[GROUP, dim]`: keys or values on their way into the columns.
    rows: Vec<[N; GROUP]>,
}

impl<N: Number<GROUP>, const GROUP: usize> Head<N, GROUP> {
    /// Memory that grows with the first head.
    pub fn new() -> Self {
        Self {
            keys: Vec::new(),
            key_scales: Vec::new(),
            values: Vec::new(),
            value_scales: Vec::new(),
            queries: Vec::new(),
            scores: Vec::new(),
            shares: Vec::new(),
            mixed: Vec::new(),
            rows: Vec::new(),
        }
    }

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
        self.resize(dim, seen, seen_columns, dim_columns);
        self.gather::<V>(isa, a, segment, head);
        let (inner, largest) = (dim.div_ceil(GROUP), N::largest(dim));
        for first in queries.clone().step_by(ROWS) {
            let rows = ROWS.min(queries.end - first);
            let mut factors = [0.0; ROWS];
            for (row, numbers) in self.queries.chunks_exact_mut(inner).enumerate() {
                // A tile that is not full computes its last row again.
                let query = a.queries.at(first + row.min(rows - 1), head * dim, dim);
                a.queries.prefetch(first + row + ROWS, head * dim, dim);
                let scale = N::encode::<V>(isa, query, largest, numbers.as_flattened_mut());
                factors[row] = scale * std::f32::consts::LOG2_E / (dim as f32).sqrt();
            }
            let scales = Some(&self.key_scales[..]);
            multiply::<V, N, GROUP, ROWS>(isa, &self.queries, inner, &self.keys, scales, &mut self.scores);
            let mut scales = [0.0; ROWS];
            for (row, scores) in self.scores.chunks_exact_mut(seen_columns).enumerate() {
                let visible = match a.asking {
                    Queries::Each | Queries::Pooled => seen,
                    Queries::Causal => prefix + first - queries.start + row + 1,
                };
                // Padding and hidden tokens become next to nothing, and nothing where they are read.
                let visible = visible.min(seen);
                scores[visible..].fill(f32::NEG_INFINITY);
                let (total, weighted) = weigh::<V>(isa, scores, &self.value_scales, factors[row]);
                scores[visible..].fill(0.0);
                let shares = &mut self.shares.as_flattened_mut()[row * seen_columns..][..seen_columns];
                scales[row] = N::encode_shares::<V>(isa, scores, weighted, shares) / total;
            }
            let inner = seen.div_ceil(GROUP);
            multiply::<V, N, GROUP, ROWS>(isa, &self.shares, inner, &self.values, None, &mut self.mixed);
            // SAFETY: a head's columns of a segment's queries belong to this task alone.
            let mut columns = unsafe { out.columns(first * a.width + head * dim, a.width, rows, dim) };
            for (row, mixed) in self.mixed.chunks_exact_mut(dim_columns).enumerate().take(rows) {
                // A row has fewer values here than it has scores.
                map::<V>(isa, mixed, Scale(scales[row]));
                columns.write(row, &mixed[..dim]);
            }
        }
    }

    /// Numbers that another head left in the padding are not read, or are multiplied by zero.
    fn resize(&mut self, dim: usize, seen: usize, seen_columns: usize, dim_columns: usize) {
        let zero = [N::default(); GROUP];
        self.keys.resize(seen_columns * dim.div_ceil(GROUP), zero);
        self.values.resize(dim_columns * seen.div_ceil(GROUP), zero);
        self.key_scales.resize(seen_columns, 0.0);
        self.value_scales.resize(seen_columns, 0.0);
        self.value_scales[seen..].fill(0.0);
        self.queries.resize(ROWS * dim.div_ceil(GROUP), zero);
        self.scores.resize(ROWS * seen_columns, 0.0);
        self.shares.resize(ROWS * seen_columns / GROUP, zero);
        self.mixed.resize(ROWS * dim_columns, 0.0);
        self.rows.resize(dim.next_multiple_of(GROUP), zero);
    }

    /// Copies the keys, transposed, and the values that the segment sees.
    #[inline(always)]
    fn gather<V: Lanes>(&mut self, isa: V::Isa, a: &Attention, segment: &Segment, head: usize) {
        let (dim, columns) = (a.width / a.heads, V::COLUMNS);
        let (inner, largest) = (dim.div_ceil(GROUP), N::largest(dim));
        let (prefix, seen) = (segment.prefix.len(), segment.prefix.len() + segment.tokens.len());
        let row = |i: usize, column: usize| {
            let next = segment.tokens.start + (i + AHEAD).saturating_sub(prefix);
            a.keys_values.prefetch(next, column, dim);
            match i < prefix {
                true => a.prefix.at(segment.prefix.start + i, column, dim),
                false => a.keys_values.at(segment.tokens.start + i - prefix, column, dim),
            }
        };
        for i in 0..seen {
            let key = row(i, head * dim);
            self.key_scales[i] = N::encode::<V>(isa, key, largest, self.rows.as_flattened_mut());
            let tile = &mut self.keys[i / columns * inner * columns..][..inner * columns];
            for (j, key) in self.rows[..inner].iter().enumerate() {
                tile[j * columns + i % columns] = *key;
            }
        }
        let (groups, stride) = (seen.div_ceil(GROUP), self.rows.len());
        for group in 0..groups {
            let rows = self.rows.as_flattened_mut();
            for i in group * GROUP..seen.min((group + 1) * GROUP) {
                let value = row(i, a.width + head * dim);
                let place = &mut rows[i % GROUP * stride..][..stride];
                self.value_scales[i] = N::encode::<V>(isa, value, N::largest(1), place);
            }
            for (tile, first) in (0..dim).step_by(columns).enumerate() {
                let place = &mut self.values[(tile * groups + group) * columns..][..columns.min(dim - first)];
                for (j, place) in place.iter_mut().enumerate() {
                    for (i, number) in place.iter_mut().enumerate() {
                        *number = rows[i * stride + first + j];
                    }
                }
            }
        }
    }
}

/// Replaces each score of a row by `2^((score - max) * factor)` times its scale. Returns the sums of the powers and
/// of the products.
#[inline(always)]
fn weigh<V: Lanes>(isa: V::Isa, scores: &mut [f32], scales: &[f32], factor: f32) -> (f32, f32) {
    let mut max = [V::splat(isa, f32::NEG_INFINITY); 2];
    for scores in scores.chunks_exact(2 * V::COUNT) {
        max[0] = max[0].max(V::load(isa, scores));
        max[1] = max[1].max(V::load(isa, &scores[V::COUNT..]));
    }
    let max = max[0].max(max[1]).reduce_max();
    let (factor, max) = (V::splat(isa, factor), V::splat(isa, max));
    let (mut total, mut weighted) = (V::splat(isa, 0.0), V::splat(isa, 0.0));
    for at in (0..scores.len()).step_by(V::COUNT) {
        let scores = &mut scores[at..];
        let power = exp2((V::load(isa, scores) - max) * factor);
        let weight = power * V::load(isa, &scales[at..]);
        total += power;
        weighted += weight;
        weight.store(scores);
    }
    (total.reduce_sum(), weighted.reduce_sum())
}

vectorized! {
    /// Computes attention of one head in one segment.
    pub fn run_floats<V>(isa; state: &mut Head<f32, 1>, a: &Attention, segment: usize, head: usize, out: &SharedRows) {
        state.run::<V>(isa, a, segment, head, out);
    }

    /// Computes attention of one head in one segment.
    pub fn run_codes<V>(isa; state: &mut Head<i16, 2>, a: &Attention, segment: usize, head: usize, out: &SharedRows) {
        state.run::<V>(isa, a, segment, head, out);
    }
}
