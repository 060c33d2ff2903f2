//! The tensors that are read for a model, in their order, and what becomes of each.

use std::collections::{HashMap, HashSet};

use super::folds::{fold_of_each, out_of_order};
use super::mixtures::{self, Making, Mixture, Output};
use super::order;
use super::step::Step;
use crate::error::{Error, Result};
use crate::weights::blocks;
use crate::weights::config::ClipConfig;
use crate::weights::index::WeightIndex;
use crate::weights::layout::weight_specs;
use crate::weights::naming::{Naming, TensorSource};
use crate::weights::quantize::{Encoding, Quant};
use crate::weights::reparameterize::{Recipe, recipes};

/// The steps in which the weights of `config` are read from files with these lists of tensors.
///
/// # Errors
/// Those of [`Step::new`].
pub fn plan(files: &[WeightIndex], config: &ClipConfig, quant: Quant) -> Result<(Vec<Step>, Vec<Mixture>)> {
    let has = |name: &str| files.iter().any(|index| index.has(name));
    let naming = Naming::of_names(files.iter().flat_map(WeightIndex::tensor_names));
    blocks::check(config, naming, &has)
        .map_err(|reason| Error::model(files.first().map_or("weights", WeightIndex::file), reason))?;
    let recipes = recipes(config, &has);
    let mixed: HashSet<String> = recipes.iter().flat_map(Recipe::names).collect();
    let (mut steps, mut outputs) = (Vec::new(), HashMap::new());
    for spec in weight_specs(config) {
        let (cols, encoding) = (spec.cols, quant.encoding(&spec));
        for part in spec.parts {
            if mixed.contains(&part.name) {
                let output = Output { part, cols, encoding };
                outputs.insert(output.part.name.clone(), output);
                continue;
            }
            let source = naming.source(&part);
            steps.push(Step::new(files, part, source, (cols, encoding))?);
        }
    }
    let mut mixtures = Vec::new();
    for recipe in recipes {
        for part in &recipe.sources {
            let whole = TensorSource::whole(part.name.clone(), part);
            let form = (part.values(), Encoding::F32);
            let mut step = Step::new(files, part.clone(), whole, form)?;
            step.mixture = Some((mixtures.len(), false));
            steps.push(step);
        }
        let outputs = recipe.names().filter_map(|name| outputs.remove(&name)).collect();
        let making = Making::Recipe(recipe);
        mixtures.push(Mixture { making, outputs });
    }
    order::sort(&mut steps, |step| (&step.part.name, step.file, &step.place));
    if quant.folds() {
        plan_folds(&mut steps, &mut mixtures);
    }
    mixtures::mark_last(
        steps.iter_mut().filter_map(|step| step.mixture.as_mut()),
        mixtures.len(),
    );
    Ok((steps, mixtures))
}

/// Marks the tensors that are folded: those of a norm that comes before its matrices on the way, others together once
/// all of them are there.
fn plan_folds(steps: &mut [Step], mixtures: &mut Vec<Mixture>) {
    let names: Vec<&str> = steps.iter().map(|step| step.part.name.as_str()).collect();
    let (folds, groups) = (fold_of_each(&names), out_of_order(&names));
    for (step, fold) in steps.iter_mut().zip(folds) {
        step.fold = fold;
    }
    for group in groups {
        let mut outputs = Vec::new();
        for (place, _) in &group {
            let step = &mut steps[*place];
            outputs.push(step.output());
            step.encoding = Encoding::F32;
            step.mixture = Some((mixtures.len(), false));
        }
        let names = outputs.iter().map(|output| output.part.name.clone());
        let members = names.zip(group.iter().map(|(_, role)| *role)).collect();
        mixtures.push(Mixture {
            making: Making::Fold(members),
            outputs,
        });
    }
}
