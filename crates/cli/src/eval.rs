//! `cliplet eval`: zero-shot accuracy, with the figures of the CLIP paper's tables.

mod names;
mod report;

use std::path::{Path, PathBuf};

use clap::Args;
use cliplet::clip::{Clip, IMAGES_IN_MEMORY};
use cliplet::zero_shot::{LabelCache, LabelSet, PromptTemplate};
use cliplet::{Embedding, Error};
use rayon::prelude::*;

use super::dataset::{Dataset, Sample};
use super::model::ModelOptions;
use super::output::Format;
use super::{Outcome, Status, labels, progress, templates, terminal};
use report::Report;

/// Labels among which the right one counts in the top-5 rate.
const TOP_LABELS: usize = 5;

/// Measure zero-shot accuracy on images sorted into classes.
#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    model: ModelOptions,
    /// A folder with one folder a class, a zip or tar of one, webdataset tars or a folder of them; several give a line each.
    #[arg(value_name = "PATH", required = true)]
    data: Vec<PathBuf>,
    /// Prompt template with {} for the label; several make an ensemble. Those the data brings, or those
    /// published for a data set of its name, by default.
    #[arg(long, value_name = "TEMPLATE")]
    template: Vec<String>,
    /// File of templates, one a line, or a published set by name, such as imagenet-80, imagenet-7, cifar10
    /// or pets; docs/eval.md lists all 28.
    #[arg(long, value_name = "FILE|SET", conflicts_with = "template")]
    templates: Option<String>,
    /// JSON object from class to label: a list, or a string with commas, gives synonyms. Or labels in the
    /// order of the classes, as a JSON list or one a line. The folder's own name by default.
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Format of the figures.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// A data set with its labels and templates.
struct Evaluation {
    name: String,
    data: Dataset,
    /// Every name of every label.
    names: Vec<String>,
    templates: Vec<PromptTemplate>,
    labels: LabelSet,
}

impl Eval {
    pub fn run(&self) -> Outcome {
        let evaluations = self.data.iter().map(|path| self.evaluation(path));
        let evaluations = evaluations.collect::<Result<Vec<_>, _>>()?;
        let clip = self.model.load()?;
        let mut cache = LabelCache::new();
        let measured = evaluations.iter().map(|one| one.measure(&clip, &mut cache));
        report::print(&measured.collect::<Result<Vec<_>, _>>()?, self.format)?;
        Ok(Status::Success)
    }

    fn evaluation(&self, path: &Path) -> Result<Evaluation, Error> {
        let templates = templates::templates(&self.template, self.templates.as_deref(), path)?;
        let mut data = Dataset::open(path)?;
        let labels = names::labels(self.names.as_deref(), path, &mut data)?;
        let names = labels
            .iter()
            .flat_map(|(_, names)| names.iter().cloned())
            .collect();
        let name = path.file_stem().unwrap_or(path.as_os_str());
        Ok(Evaluation {
            name: name.to_string_lossy().into_owned(),
            data,
            names,
            labels: LabelSet::with_names(labels, templates.clone())?,
            templates,
        })
    }
}

impl Evaluation {
    /// Ranks the labels for every image and counts.
    fn measure(&self, clip: &Clip, cache: &mut LabelCache) -> Result<Report, Error> {
        labels::warn(&labels::repeated_in_classes(
            self.labels.labels(),
            &self.data.classes,
        ));
        labels::warn(&labels::truncated(clip, &self.names, &self.templates)?);
        let labels = cache.embeddings(&self.labels, |texts| clip.embed_texts(texts))?;
        let mut report = Report::new(
            &self.name,
            &self.templates,
            &self.data.classes,
            self.labels.labels(),
        );
        let bar = progress::counting(self.data.samples.len() as u64, "images");
        for samples in self.data.samples.chunks(IMAGES_IN_MEMORY) {
            for (sample, embedding) in samples.iter().zip(embed(clip, &self.data, samples)?) {
                match embedding {
                    Ok(image) => {
                        let logits = clip.scorer().logits(&image.normalize(), &labels);
                        report.count(sample.class, &best(&logits));
                    }
                    Err(error) => bar.suspend(|| {
                        terminal::message(error);
                        report.unreadable(sample.class);
                    }),
                }
            }
            bar.inc(samples.len() as u64);
        }
        bar.finish_and_clear();
        Ok(report)
    }
}

/// A file that comes with the data set at `data`: in its folder, or in the one above.
pub fn beside(data: &Path, file: &str) -> Option<PathBuf> {
    let directory = if data.is_dir() { Some(data) } else { data.parent() };
    let places = directory.into_iter().flat_map(|d| d.ancestors().take(2));
    places.map(|place| place.join(file)).find(|file| file.is_file())
}

/// Embeds images. Each gives its embedding or its error.
fn embed(clip: &Clip, data: &Dataset, samples: &[Sample]) -> Result<Vec<Result<Embedding, Error>>, Error> {
    let read = |sample: &Sample| {
        let bytes = data.read(sample)?;
        clip.image_processor()
            .preprocess(&bytes)
            .map_err(|error| error.in_file(&sample.name))
    };
    clip.embed_readable(samples.par_iter().map(read).collect())
}

/// Indices of the best labels, best first; ties go to the earlier label.
fn best(logits: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order.truncate(TOP_LABELS);
    order
}
