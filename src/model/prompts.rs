//! Lays out prompts so that what they begin with in common is computed once.

use std::ops::Range;

use cliplet_kernels::Segment;

/// Prompts as one run of tokens without padding, behind shared prefixes.
pub struct Prompts {
    /// The shared prefixes, in order.
    pub prefixes: Vec<Range<usize>>,
    /// Ids of the prefixes, one after the other.
    pub prefix_ids: Vec<u32>,
    /// Position of each of [`Self::prefix_ids`] in its prompts.
    pub prefix_positions: Vec<u32>,
    /// The rest of every prompt behind its prefix, in the order the prompts came.
    pub segments: Vec<Segment>,
    /// Ids of the segments, one after the other.
    pub ids: Vec<u32>,
    /// Position of each of [`Self::ids`] in its prompt.
    pub positions: Vec<u32>,
    /// Row of the last token of every prompt.
    pub pooled: Vec<u32>,
}

impl Prompts {
    /// Lays out `prompts`, none of which is empty.
    pub fn new(prompts: &[&[u32]]) -> Self {
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&i| prompts[i]);
        let sorted: Vec<&[u32]> = order.iter().map(|&i| prompts[i]).collect();

        let mut out = Self {
            prefixes: Vec::new(),
            prefix_ids: Vec::new(),
            prefix_positions: Vec::new(),
            segments: Vec::new(),
            ids: Vec::new(),
            positions: Vec::new(),
            pooled: Vec::new(),
        };
        let mut prefix_of = vec![0..0; prompts.len()];
        for (group, shared) in groups(&sorted) {
            if shared == 0 {
                continue;
            }
            let start = out.prefix_ids.len();
            out.prefix_ids.extend(&sorted[group.start][..shared]);
            out.prefix_positions.extend(0..shared as u32);
            out.prefixes.push(start..start + shared);
            for i in group {
                prefix_of[order[i]] = start..start + shared;
            }
        }
        for (ids, prefix) in prompts.iter().zip(prefix_of) {
            let start = out.ids.len();
            out.ids.extend(&ids[prefix.len()..]);
            out.positions.extend(prefix.len() as u32..ids.len() as u32);
            out.pooled.push(out.ids.len() as u32 - 1);
            out.segments.push(Segment {
                tokens: start..out.ids.len(),
                prefix,
            });
        }
        out
    }
}

/// Splits sorted prompts into runs and gives each run the number of leading ids its prompts share,
/// so that the fewest tokens are computed. The last token of a prompt is never shared.
fn groups(sorted: &[&[u32]]) -> Vec<(Range<usize>, usize)> {
    // best[i]: tokens computed for the first i prompts, and where the last of their runs starts.
    let mut best = vec![(0, 0, 0)];
    for end in 1..=sorted.len() {
        let mut cheapest: Option<(usize, usize, usize)> = None;
        let (mut shared, mut tokens) = (usize::MAX, 0);
        for start in (0..end).rev() {
            shared = shared.min(sorted[start].len() - 1);
            if start + 1 < end {
                shared = shared.min(common(sorted[start], sorted[start + 1]));
            }
            tokens += sorted[start].len();
            let count = end - start;
            let prefix = if count > 1 { shared } else { 0 };
            let cost = best[start].0 + tokens - prefix * (count - 1);
            if cheapest.is_none_or(|(least, ..)| cost < least) {
                cheapest = Some((cost, start, prefix));
            }
            if shared == 0 && count > 1 {
                break;
            }
        }
        best.extend(cheapest);
    }
    let mut runs = Vec::new();
    let mut end = sorted.len();
    while end > 0 {
        let (_, start, shared) = best[end];
        runs.push((start..end, shared));
        end = start;
    }
    runs.reverse();
    runs
}

/// Number of leading ids that `a` and `b` share.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebuilt(prompts: &Prompts) -> Vec<Vec<u32>> {
        let whole = |s: &Segment| {
            [
                &prompts.prefix_ids[s.prefix.clone()],
                &prompts.ids[s.tokens.clone()],
            ]
            .concat()
        };
        prompts.segments.iter().map(whole).collect()
    }

    #[test]
    fn prompts_of_one_template_share_its_beginning() {
        let prompts: [&[u32]; 4] = [
            &[1, 5, 6, 20, 9],
            &[1, 5, 6, 10, 9],
            &[1, 5, 6, 10, 11, 9],
            &[1, 5, 6, 7, 9],
        ];
        let laid_out = Prompts::new(&prompts);
        assert_eq!(laid_out.prefix_ids, [1, 5, 6]);
        assert_eq!(
            laid_out.segments[0],
            Segment {
                tokens: 0..2,
                prefix: 0..3
            }
        );
        assert_eq!(laid_out.positions[..2], [3, 4]);
        assert_eq!(laid_out.pooled, [1, 3, 6, 8]);
        assert_eq!(rebuilt(&laid_out), prompts);
    }

    #[test]
    fn each_template_has_its_own_prefix() {
        let prompts: [&[u32]; 4] = [
            &[1, 5, 6, 7, 20, 9],
            &[1, 4, 4, 4, 20, 9],
            &[1, 5, 6, 7, 30, 9],
            &[1, 4, 4, 4, 30, 9],
        ];
        let laid_out = Prompts::new(&prompts);
        assert_eq!(laid_out.prefixes, [0..4, 4..8]);
        assert_eq!(rebuilt(&laid_out), prompts);
    }

    #[test]
    fn one_prompt_equal_prompts_and_a_bare_token() {
        assert!(Prompts::new(&[&[1, 2, 3]]).prefixes.is_empty());
        let equal = Prompts::new(&[&[1, 2, 3], &[1, 2, 3]]);
        assert_eq!(
            (equal.prefix_ids.as_slice(), equal.ids.as_slice()),
            ([1, 2].as_slice(), [3, 3].as_slice())
        );
        assert_eq!(rebuilt(&Prompts::new(&[&[4], &[4, 5]])), [vec![4], vec![4, 5]]);
    }
}
