//! Weights that are made of several tensors of a file while it arrives: each is complete with the last of them.

use crate::weights::layout::TensorSpec;
use crate::weights::quantize::Encoding;
use crate::weights::reparameterize::Recipe;

/// Weights that a recipe makes of several tensors of the file.
pub struct Mixture {
    pub recipe: Recipe,
    pub outputs: Vec<Output>,
}

/// A tensor of the layout, and how it is stored.
#[derive(Clone)]
pub struct Output {
    pub part: TensorSpec,
    pub cols: usize,
    pub encoding: Encoding,
}

/// Marks the last ingredient of each of `count` mixtures, among all ingredients in the order of the file: each is the
/// number of its mixture, and if it is the last of it.
pub fn mark_last<'a>(ingredients: impl DoubleEndedIterator<Item = &'a mut (usize, bool)>, count: usize) {
    let mut is_found = vec![false; count];
    for (mixture, is_last) in ingredients.rev() {
        *is_last = !std::mem::replace(&mut is_found[*mixture], true);
    }
}

/// True if of every mixture all of these ingredients are still to come, or none.
pub fn are_whole(mixtures: &[Mixture], to_come: impl Iterator<Item = (usize, bool)>) -> bool {
    let mut counts = vec![0; mixtures.len()];
    to_come.for_each(|(mixture, _)| counts[mixture] += 1);
    let mut pairs = counts.into_iter().zip(mixtures);
    pairs.all(|(count, mixture)| count == 0 || count == mixture.recipe.sources.len())
}
