//! Weights that are made of several tensors of a file while it arrives: each is complete with the last of them.

use crate::weights::fold::{ChannelScales, Role};
use crate::weights::layout::TensorSpec;
use crate::weights::quantize::Encoding;
use crate::weights::reparameterize::{Recipe, TensorValues};

/// Weights that are made of several tensors of the file.
pub struct Mixture {
    pub making: Making,
    pub outputs: Vec<Output>,
}

/// The way in which weights are made of tensors.
pub enum Making {
    /// By a recipe.
    Recipe(Recipe),
    /// By folding a norm into the matrices behind it, some of which come before it in the file: the names of all, in the
    /// order of the outputs.
    Fold(Vec<(String, Role)>),
}

impl Making {
    /// Names of the tensors that are needed.
    pub fn sources(&self) -> Vec<&str> {
        match self {
            Self::Recipe(recipe) => recipe.sources.iter().map(|source| source.name.as_str()).collect(),
            Self::Fold(members) => members.iter().map(|(name, _)| name.as_str()).collect(),
        }
    }

    /// Values of the outputs, of those of all sources.
    pub fn make(&self, values: &mut TensorValues) -> Vec<Vec<f32>> {
        match self {
            Self::Recipe(recipe) => {
                let made = recipe.make(values);
                recipe.sources.iter().for_each(|source| {
                    values.remove(&source.name);
                });
                made
            }
            Self::Fold(members) => {
                let vector = |wanted: Role| {
                    let found = members.iter().find(|(_, role)| *role == wanted);
                    found.map_or(&[][..], |(name, _)| &values[name])
                };
                let scales = ChannelScales::new(vector(Role::Gain), vector(Role::Bias));
                let folded = |(name, role): &(String, Role)| {
                    let mut values = values.remove(name).unwrap_or_default();
                    scales.apply(*role, &mut values);
                    values
                };
                members.iter().map(folded).collect()
            }
        }
    }
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
    pairs.all(|(count, mixture)| count == 0 || count == mixture.making.sources().len())
}
