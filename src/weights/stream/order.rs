//! The order in which the tensors of a snapshot are read.

use std::collections::HashMap;

use crate::weights::fold::{Role, role};
use crate::weights::index::{Start, TensorPlace};

/// Sorts the tensors to read, which `described` gives as name, file, and place: file by file, as they lie there. The
/// vectors of a norm come before the matrices behind it, so that they can be [folded](crate::weights::fold); within a
/// safetensors file they are not moved, since that can be read in one go.
pub fn sort<T>(steps: &mut [T], described: impl Fn(&T) -> (&str, usize, &TensorPlace)) {
    let key = |step: &T| {
        let (_, file, place) = described(step);
        match place.start {
            Start::Byte(start) => (file, start, 0),
            Start::InRecord { offset, .. } => (file, place.rank, offset),
        }
    };
    let mut matrices = HashMap::new();
    for step in &*steps {
        if let Some((norm, Role::Matrix)) = role(described(step).0) {
            let first = matrices.entry(norm).or_insert_with(|| key(step));
            *first = key(step).min(*first);
        }
    }
    // The last number puts the vectors before their matrix, in their own order.
    let moved = |step: &T| {
        let (name, _, place) = described(step);
        let own = key(step);
        match (role(name), place.start) {
            (Some((norm, Role::Gain | Role::Bias)), Start::InRecord { .. }) => {
                let first = matrices.get(&norm).copied().unwrap_or(own);
                (first, 0, own)
            }
            _ => (own, 1, own),
        }
    };
    steps.sort_by_cached_key(moved);
}
