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
use crate::weights::layout::{TEXT_TOWER, TensorSpec, weight_specs};
use crate::weights::naming::{Naming, TensorSource};
use crate::weights::quantize::{Encoding, Quant};
use crate::weights::reparameterize::recipes;

/// Files of one model, which names its tensors in one way, and the towers that are taken of it.
struct Source<'a> {
    files: &'a [WeightIndex],
    /// Place of the first of them among the files of all models.
    first: usize,
    naming: Naming,
    config: ClipConfig,
}

impl<'a> Source<'a> {
    fn new(files: &'a [WeightIndex], first: usize, config: ClipConfig) -> Self {
        let naming = Naming::of_names(files.iter().flat_map(WeightIndex::tensor_names));
        Self {
            files,
            first,
            naming,
            config,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.files.iter().any(|index| index.has(name))
    }

    /// The step that reads `part`, which the files hold as `source`.
    fn step(&self, part: TensorSpec, source: TensorSource, form: (usize, Encoding)) -> Result<Step> {
        let mut step = Step::new(self.files, part, source, form)?;
        step.file += self.first;
        Ok(step)
    }
}

/// The steps in which the weights of `config` are read from `files` with these lists of tensors. Where there are
/// `image_files`, the image tower and the logit scale are read from those.
///
/// # Errors
/// Those of [`Step::new`], and [`Error::Model`] for files with other blocks than the configuration.
pub fn plan(
    files: &[WeightIndex],
    image_files: &[WeightIndex],
    config: &ClipConfig,
    quant: Quant,
) -> Result<(Vec<Step>, Vec<Mixture>)> {
    let (mut text, mut image) = (config.clone(), config.clone());
    if !image_files.is_empty() {
        text.vision = None;
        image.text = None;
    }
    let text = Source::new(files, 0, text);
    let image = (!image_files.is_empty()).then(|| Source::new(image_files, files.len(), image));
    let mut mixing = Vec::new();
    for source in image.iter().chain([&text]) {
        blocks::check(&source.config, source.naming, &|name| source.has(name)).map_err(|reason| {
            Error::model(source.files.first().map_or("weights", WeightIndex::file), reason)
        })?;
        let recipes = recipes(&source.config, &|name| source.has(name));
        mixing.extend(recipes.into_iter().map(|recipe| (source, recipe)));
    }
    let mixed: HashSet<String> = mixing.iter().flat_map(|(_, recipe)| recipe.names()).collect();
    let (mut steps, mut outputs) = (Vec::new(), HashMap::new());
    for spec in weight_specs(config) {
        let (cols, encoding) = (spec.cols, quant.encoding(&spec));
        for part in spec.parts {
            if mixed.contains(&part.name) {
                let output = Output { part, cols, encoding };
                outputs.insert(output.part.name.clone(), output);
                continue;
            }
            let source = image.as_ref().filter(|_| !part.name.starts_with(TEXT_TOWER));
            let source = source.unwrap_or(&text);
            let held = source.naming.source(&part);
            steps.push(source.step(part, held, (cols, encoding))?);
        }
    }
    let mut mixtures = Vec::new();
    for (source, recipe) in mixing {
        for part in &recipe.sources {
            let whole = TensorSource::whole(part.name.clone(), part);
            let form = (part.values(), Encoding::F32);
            let mut step = source.step(part.clone(), whole, form)?;
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
