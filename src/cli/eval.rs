//! `cliplet eval`: zero-shot accuracy, as the CLIP paper's tables give it.

mod names;
mod report;

use std::path::PathBuf;

use clap::Args;
use cliplet::Error;
use cliplet::classify::{DEFAULT_TEMPLATE, LabelCache, LabelSet, Template, logits};
use cliplet::clip::Clip;
use rayon::prelude::*;

use super::dataset::{Dataset, Sample};
use super::model::Model;
use super::output::Format;
use super::{Done, Outcome, pictures, progress};
use report::Report;

/// Labels that count as right in the second rate.
const TOP: usize = 5;

/// Measure zero-shot accuracy on pictures sorted into class folders or a zip of them.
#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    model: Model,
    /// A directory with one folder a class, or a zip of one.
    #[arg(value_name = "PATH")]
    data: PathBuf,
    /// Prompt template with {} for the label; several make an ensemble.
    #[arg(long, value_name = "TEMPLATE", default_value = DEFAULT_TEMPLATE)]
    template: Vec<String>,
    /// JSON object from folder to label: a list, or a string with commas, gives synonyms. The folder's
    /// own name by default.
    #[arg(long, value_name = "FILE.json")]
    names: Option<PathBuf>,
    /// How to print the figures.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Eval {
    pub fn run(&self) -> Outcome {
        let templates = Template::list(&self.template)?;
        let data = Dataset::open(&self.data)?;
        let labels = names::labels(self.names.as_deref(), &data.classes)?;
        let shown: Vec<String> = labels.iter().map(|(label, _)| label.clone()).collect();
        let set = LabelSet::with_names(labels, templates)?;
        let clip = self.model.load()?;
        let labels = LabelCache::new().embeddings(&set, |texts| clip.embed_texts(texts))?;
        let mut report = Report::new(&data.classes, shown);
        let bar = progress::counting(data.samples.len() as u64, "pictures");
        for some in data.samples.chunks(pictures::AT_ONCE) {
            for (sample, embedding) in some.iter().zip(embed(&clip, &data, some)?) {
                match embedding {
                    Ok(image) => report.count(sample.class, &best(&logits(&image, &labels, 1.0))),
                    Err(error) => bar.suspend(|| {
                        eprintln!("cliplet: {error}");
                        report.unreadable(sample.class);
                    }),
                }
            }
            bar.inc(some.len() as u64);
        }
        bar.finish_and_clear();
        report.print(self.format)?;
        Ok(Done::Whole)
    }
}

/// Embeds some pictures; each gives its embedding or what was wrong with it.
fn embed(clip: &Clip, data: &Dataset, some: &[Sample]) -> Result<Vec<Result<Vec<f32>, Error>>, Error> {
    let read = |sample: &Sample| {
        let bytes = data.read(sample)?;
        clip.image_processor()
            .preprocess(&bytes)
            .map_err(|error| error.in_file(&sample.name))
    };
    pictures::embed_readable(clip, some.par_iter().map(read).collect())
}

/// Indices of the best labels, best first; ties go to the earlier label.
fn best(logits: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order.truncate(TOP);
    order
}
