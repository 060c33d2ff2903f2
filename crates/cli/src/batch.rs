//! `cliplet batch`: rows of images and texts in, a row of answers out for each, in their order.
//!
//! As a filter it answers line by line. With an output file it can be killed and resumed, and a finished run is
//! recognized and updated.

mod answer;
mod answer_reader;
mod columns;
mod csv;
mod destination;
mod earlier;
mod folder;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod interrupt;
mod journal;
mod jsonl;
mod panics;
mod parquet_delta;
mod parquet_file;
mod parquet_metadata;
mod parquet_pages;
mod parquet_reader;
mod parquet_writer;
mod pipeline;
mod previous;
mod row;
mod run_record;
mod source;
mod varint;
mod writer;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::clip::Clip;
use cliplet::zero_shot::{LabelCache, LabelSet, PromptTemplate};

use super::image_fetcher::ImageFetcher;
use super::labels::{self, LabelOptions, Labels, TemplateOptions};
use super::model::ModelOptions;
use super::progress::RowProgress;
use super::{Outcome, Status, terminal};
use answer::Task;
use columns::ColumnOptions;
use destination::{Destination, TruncatedTexts};
use earlier::Earlier;
use journal::Settings;
use pipeline::{Pipeline, RowPreparer};
use row::{Content, Row};
use source::{InputFormat, Source, is_stdin};
use writer::OutputFormat;

/// Rows a chunk on a CPU.
const CPU_CHUNK: usize = 64;
/// Rows a chunk on a GPU.
const GPU_CHUNK: usize = 512;

/// Classify or embed the rows of a file, of a folder or of standard input.
#[derive(Args)]
pub struct Batch {
    #[command(flatten)]
    model: ModelOptions,
    /// A table with the columns image and text, and id where there is one, or a folder of images; - is standard input.
    #[arg(value_name = "INPUT", default_value = "-")]
    input: PathBuf,
    /// Format of the input; by its name, and lines of JSON on standard input.
    #[arg(long, value_enum)]
    from: Option<InputFormat>,
    /// File to write; standard output otherwise. When the same command is given again, a run that was killed is resumed
    /// and one that was finished is recognized.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Format of the output; by its name, and lines of JSON on standard output.
    #[arg(long, value_enum)]
    to: Option<OutputFormat>,
    /// Task; auto ranks labels where --labels or the first row, having image and text, gives them.
    #[arg(long, value_enum, default_value_t = TaskChoice::Auto)]
    task: TaskChoice,
    #[command(flatten)]
    labels: LabelOptions,
    #[command(flatten)]
    templates: TemplateOptions,
    /// Give only the N most probable labels, best first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
    /// Scale every embedding to unit length.
    #[arg(long)]
    normalize: bool,
    /// Folder that relative paths start from; an input folder, or the working directory.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Stop when more than N rows have failed.
    #[arg(long, value_name = "N")]
    max_errors: Option<u64>,
    /// Rows at a time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch_size: Option<u32>,
    /// Answer only the rows that are new, were changed or failed since the output was made.
    #[arg(long, requires = "output", conflicts_with = "restart")]
    update: bool,
    /// Answer all rows, where a killed run could be resumed or a finished one is there.
    #[arg(long)]
    restart: bool,
    /// Fetch images that rows give as http(s) addresses, from public hosts only.
    #[arg(long)]
    allow_url_images: bool,
    #[command(flatten)]
    columns: ColumnOptions,
}

/// The task as the caller names it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TaskChoice {
    /// As the first row asks.
    Auto,
    /// Rank labels for images.
    ZeroShot,
    /// Embed images and texts.
    Embeddings,
}

impl Batch {
    pub fn run(&self) -> Outcome {
        let templates = self.templates.read()?;
        let from = self.from.map_or_else(|| InputFormat::of(&self.input), Ok)?;
        let to = self
            .to
            .map_or_else(|| OutputFormat::of(self.output.as_deref()), Ok)?;
        self.check_output(to)?;
        self.explain_waiting();
        let mut source = Source::open(&self.input, from, &self.columns)?;
        source.report_left_out();
        let clip = Arc::new(self.model.load()?);
        let first = source.next();
        let labels = self.labels(first.as_ref())?;
        if let Some(first) = first {
            source = source.put_back(first);
        }
        let task = match &labels {
            Some(labels) => self.zero_shot(&clip, labels, &templates)?,
            None => Task::Embeddings {
                normalize: self.normalize,
            },
        };
        let settings = self.settings(&clip, labels, &templates);
        let mut preparer = self.preparer(&clip, from, &task)?;
        match self.earlier(&settings, from, to, &preparer.origin)? {
            Earlier::Same(counts) => return Ok(self.nothing_to_do(counts)),
            Earlier::Answers(answers) => preparer.previous = Some(answers),
            Earlier::Nothing => {}
        }
        self.answer(source, preparer, &task, &settings, to)
    }

    /// Answers the rows of `source`.
    fn answer(
        &self,
        source: Source,
        preparer: RowPreparer,
        task: &Task,
        settings: &Settings,
        to: OutputFormat,
    ) -> Outcome {
        let clip = Arc::clone(&preparer.clip);
        let (mut destination, answered) =
            Destination::open(self.output.as_deref(), settings, self.restart, to)?;
        let mut progress = destination.progress(source.total);
        if let Some(output) = &self.output {
            let message = format!(
                "stopped: the answers so far are in {}; give the same command again to go on",
                journal::files(output)[1].display()
            );
            interrupt::exit_with_message(progress.bar(), message);
        }
        let mut truncated = TruncatedTexts::default();
        for chunk in Pipeline::start(source, answered, preparer) {
            let chunk = chunk?;
            truncated.count(&chunk);
            if !destination.answer(task, &clip, chunk, &mut progress)? {
                return Ok(Status::Success);
            }
            if self.exceeds_max_errors(&progress) {
                break;
            }
        }
        progress.finish();
        truncated.warn(&clip)?;
        if self.exceeds_max_errors(&progress) {
            let (failed, most) = (progress.failed(), self.max_errors.unwrap_or_default());
            terminal::message(format_args!(
                "stopped: {failed} rows have failed; --max-errors allows {most}"
            ));
            return Ok(Status::Partial);
        }
        destination.finish(to)?;
        Ok(Status::Success)
    }

    /// Refuses an output that cannot be written.
    fn check_output(&self, to: OutputFormat) -> Result<(), Error> {
        let is_input = |output: &Path| match (output.canonicalize(), self.input.canonicalize()) {
            (Ok(output), Ok(input)) => output == input,
            _ => false,
        };
        match &self.output {
            None if to == OutputFormat::Parquet => Err(Error::Input(
                "Parquet cannot be written to standard output: give --output".into(),
            )),
            Some(output) if journal::files(output).iter().any(|file| is_input(file)) => {
                Err(Error::Input(format!(
                    "{}: the output would replace the input; give another",
                    output.display()
                )))
            }
            Some(output) if output.is_dir() => Err(Error::Input(format!(
                "{}: this is a folder; give a file to write",
                output.display()
            ))),
            Some(output) if run_record::is_foreign(output)? => Err(Error::Input(format!(
                "{}: {}",
                run_record::path(output).display(),
                journal::FOREIGN
            ))),
            _ => Ok(()),
        }
    }

    /// Tells a person at a terminal that rows are expected.
    fn explain_waiting(&self) {
        if is_stdin(&self.input) && std::io::stdin().is_terminal() {
            terminal::message(
                "reading rows from standard input, such as {\"image\": \"photo.jpg\"}; --help tells of tables and folders",
            );
        }
    }

    /// The labels of a zero-shot run; none where rows are to be embedded.
    fn labels(&self, first: Option<&Result<Row, Error>>) -> Result<Option<Vec<String>>, Error> {
        let given = match (self.task, self.labels.given()) {
            (TaskChoice::Embeddings, false) => return Ok(None),
            (TaskChoice::Embeddings, true) => {
                return Err(Error::Input(
                    "--labels are for --task zero-shot, not embeddings".into(),
                ));
            }
            (_, true) => Some(self.labels.read()?),
            (TaskChoice::Auto | TaskChoice::ZeroShot, false) => self.labels_of_row(first)?,
        };
        Ok(given.map(|labels| {
            labels::warn(&labels.warnings);
            labels.list
        }))
    }

    /// The labels in the text of the first row, where it has an image and a text.
    fn labels_of_row(&self, first: Option<&Result<Row, Error>>) -> Result<Option<Labels>, Error> {
        let content = match first {
            Some(Ok(Row {
                content: Ok(content), ..
            })) => content,
            Some(Ok(Row {
                content: Err(reason), ..
            })) if !self.input.is_dir() => {
                return Err(Error::Input(format!(
                    "the first row does not tell what to do ({reason}): give --labels, or --task embeddings"
                )));
            }
            // There is no row, or its error comes up again with the rows: that of a folder within a folder which
            // cannot be listed, for example.
            None | Some(_) => &Content::default(),
        };
        match content {
            Content {
                image: Some(_),
                text: Some(text),
                ..
            } => Labels::parse(text).map(Some),
            _ if self.task == TaskChoice::ZeroShot && first.is_some() => Err(Error::Input(
                "the first row has no labels as its text: give --labels".into(),
            )),
            _ => Ok(None),
        }
    }

    fn zero_shot(&self, clip: &Clip, labels: &[String], templates: &[PromptTemplate]) -> Result<Task, Error> {
        let set = LabelSet::new(labels.to_vec(), templates.to_vec())?;
        labels::warn(&labels::truncated(clip, labels, templates)?);
        let embeddings = LabelCache::new().embeddings(&set, |texts| clip.embed_texts(texts))?;
        Ok(Task::ZeroShot {
            labels: labels.to_vec(),
            embeddings,
            top_k: self.top_k.map(|k| (k as usize).min(labels.len())),
        })
    }

    /// Everything that the answers depend on.
    fn settings(&self, clip: &Clip, labels: Option<Vec<String>>, templates: &[PromptTemplate]) -> Settings {
        let info = clip.info();
        let zero_shot = labels.is_some();
        let templates = templates.iter().filter(|_| zero_shot);
        Settings {
            model: (
                info.name.clone(),
                info.quantization.clone(),
                info.bytes,
                info.checksum.clone(),
            ),
            device: self.model.device.device().to_string(),
            dtype: self.model.device.dtype().map(|dtype| dtype.as_str().to_string()),
            templates: templates.map(|template| template.as_str().to_string()).collect(),
            top_k: self.top_k.filter(|_| zero_shot).map(|k| k as usize),
            normalize: self.normalize && !zero_shot,
            labels,
        }
    }

    /// The preparation of rows, whose relative paths start from `--root`, the input folder or the working directory.
    fn preparer(&self, clip: &Arc<Clip>, from: InputFormat, task: &Task) -> Result<RowPreparer, Error> {
        let root = self.root.clone().unwrap_or_else(|| match from {
            InputFormat::Folder => self.input.clone(),
            _ => PathBuf::new(),
        });
        // A folder that does not exist has no canonical path; every image in it fails by its own name.
        let origin = Path::new(".").join(&root);
        let origin = origin.canonicalize().unwrap_or(origin);
        let chunk_rows = match clip.info().backend.as_str() {
            "cuda" | "metal" => GPU_CHUNK,
            _ => CPU_CHUNK,
        };
        let fetcher = self.allow_url_images.then(ImageFetcher::public_hosts);
        Ok(RowPreparer {
            clip: Arc::clone(clip),
            root,
            origin,
            zero_shot: matches!(task, Task::ZeroShot { .. }),
            fetcher: fetcher.transpose()?,
            previous: None,
            chunk_rows: self.batch_size.map_or(chunk_rows, |rows| rows as usize),
        })
    }

    fn exceeds_max_errors(&self, progress: &RowProgress) -> bool {
        self.max_errors.is_some_and(|most| progress.failed() > most)
    }
}
