//! `cliplet batch`: rows of images and texts in, a row of answers out for each, in their order.
//!
//! As a filter it answers line by line; with an output file it can be killed and resumed.

mod answer;
mod csv;
mod folder;
#[cfg(fuzzing)]
pub mod fuzzing;
mod journal;
mod jsonl;
mod panics;
mod parquet_reader;
mod parquet_writer;
mod pipeline;
mod row;
mod source;
mod writer;

use std::io::Stdout;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::clip::Clip;
use cliplet::zero_shot::{LabelCache, LabelSet, PromptTemplate, parse_labels};

use super::labels::{self, LabelOptions, TemplateOptions};
use super::model::Model;
use super::progress::RowProgress;
use super::{Outcome, Status};
use answer::{Answer, Task};
use journal::{AnsweredRows, Journal, Settings};
use pipeline::{Pipeline, PreparedRow, RowPreparer};
use row::{Content, Row};
use source::{InputFormat, Source};
use writer::{AnswerWriter, OutputFormat};

/// Rows a chunk on a CPU.
const CPU_CHUNK: usize = 64;
/// Rows a chunk on a GPU.
const GPU_CHUNK: usize = 512;

/// Classify or embed the rows of a file, of a folder or of standard input.
#[derive(Args)]
pub struct Batch {
    #[command(flatten)]
    model: Model,
    /// A table with the columns image and text, and id where there is one, or a folder of images; - is standard input.
    #[arg(value_name = "INPUT", default_value = "-")]
    input: PathBuf,
    /// Format of the input; by its name, and lines of JSON on standard input.
    #[arg(long, value_enum)]
    from: Option<InputFormat>,
    /// File to write; standard output otherwise. A run that was killed is resumed when the same command is given again.
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
    /// Begin anew where a killed run could be resumed.
    #[arg(long)]
    restart: bool,
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
        let mut source = Source::open(&self.input, from)?;
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
        let (mut destination, answered) = self.destination(&clip, labels, &templates, to)?;
        let mut progress = destination.progress(source.total);
        let preparer = self.preparer(&clip, from, &task);
        for chunk in Pipeline::start(source, answered, preparer) {
            if !answer_chunk(&task, &clip, chunk?, &mut destination, &mut progress)? {
                return Ok(Status::Success);
            }
            if self.exceeds_max_errors(&progress) {
                break;
            }
        }
        progress.finish();
        if self.exceeds_max_errors(&progress) {
            let (failed, most) = (progress.failed(), self.max_errors.unwrap_or_default());
            eprintln!("cliplet: stopped: {failed} rows have failed; --max-errors allows {most}");
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
            _ => Ok(()),
        }
    }

    /// The labels of a zero-shot run; none where rows are to be embedded.
    fn labels(&self, first: Option<&Result<Row, Error>>) -> Result<Option<Vec<String>>, Error> {
        match (self.task, self.labels.given()) {
            (TaskChoice::Embeddings, false) => return Ok(None),
            (TaskChoice::Embeddings, true) => {
                return Err(Error::Input(
                    "--labels are for --task zero-shot, not embeddings".into(),
                ));
            }
            (_, true) => {
                let labels = self.labels.read()?;
                labels::warn(&labels.warnings);
                return Ok(Some(labels.list));
            }
            (TaskChoice::Auto | TaskChoice::ZeroShot, false) => {}
        }
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
            } => Ok(Some(parse_labels(text))),
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

    /// The destination of the answers, and the rows that it has answers of already.
    fn destination(
        &self,
        clip: &Clip,
        labels: Option<Vec<String>>,
        templates: &[PromptTemplate],
        to: OutputFormat,
    ) -> Result<(Destination, AnsweredRows), Error> {
        let Some(output) = &self.output else {
            let writer = AnswerWriter::new(std::io::stdout(), to, "standard output")?;
            return Ok((Destination::Stream(writer), AnsweredRows::default()));
        };
        let info = clip.info();
        let zero_shot = labels.is_some();
        let templates = templates.iter().filter(|_| zero_shot);
        let settings = Settings {
            model: (
                info.name.clone(),
                info.quantization.clone(),
                info.bytes,
                info.checksum.clone(),
            ),
            device: self.model.place.device().to_string(),
            dtype: self.model.place.dtype().map(|dtype| dtype.as_str().to_string()),
            templates: templates.map(|template| template.as_str().to_string()).collect(),
            top_k: self.top_k.filter(|_| zero_shot).map(|k| k as usize),
            normalize: self.normalize && !zero_shot,
            labels,
        };
        let journal = Journal::open(output, &settings, self.restart)?;
        let answered = journal.answered_rows()?;
        Ok((Destination::File(journal), answered))
    }

    /// The preparation of rows, whose relative paths start from `--root`, the input folder or the working directory.
    fn preparer(&self, clip: &Arc<Clip>, from: InputFormat, task: &Task) -> RowPreparer {
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
        RowPreparer {
            clip: Arc::clone(clip),
            root,
            origin,
            zero_shot: matches!(task, Task::ZeroShot { .. }),
            chunk_rows: self.batch_size.map_or(chunk_rows, |rows| rows as usize),
        }
    }

    fn exceeds_max_errors(&self, progress: &RowProgress) -> bool {
        self.max_errors.is_some_and(|most| progress.failed() > most)
    }
}

/// Answers a chunk of rows and counts them. Returns false where nobody reads the answers any more.
fn answer_chunk(
    task: &Task,
    clip: &Clip,
    chunk: Vec<PreparedRow>,
    destination: &mut Destination,
    progress: &mut RowProgress,
) -> Result<bool, Error> {
    let fingerprints: Vec<_> = chunk.iter().map(|row| row.fingerprint).collect();
    let position = chunk.last().map_or(0, |row| row.position);
    let answers = task.answer(clip, chunk)?;
    if !destination.write(&fingerprints, &answers)? {
        return Ok(false);
    }
    let failed = answers.iter().filter(|answer| answer.error.is_some()).count();
    progress.count(answers.len() as u64, failed as u64, position);
    Ok(true)
}

/// The place that answers are written to.
enum Destination {
    /// Standard output, at once.
    Stream(AnswerWriter<Stdout>),
    /// A file, by way of its journal.
    File(Journal),
}

impl Destination {
    /// The progress of an input whose end is at position `total`.
    fn progress(&self, total: Option<u64>) -> RowProgress {
        match self {
            Self::File(journal) => RowProgress::new(total, journal.rows, journal.failed),
            Self::Stream(_) => RowProgress::new(total, 0, 0),
        }
    }

    /// Writes the answers of a chunk. Returns false where nobody reads them any more.
    fn write(&mut self, fingerprints: &[u64], answers: &[Answer]) -> Result<bool, Error> {
        let written = match self {
            Self::Stream(writer) => answers
                .iter()
                .try_for_each(|answer| writer.write(answer))
                .and_then(|()| writer.flush()),
            Self::File(journal) => fingerprints
                .iter()
                .zip(answers)
                .try_for_each(|(fingerprint, answer)| journal.push(*fingerprint, answer))
                .and_then(|()| journal.flush()),
        };
        match written {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            written => written.map(|()| true),
        }
    }

    /// Completes the output.
    fn finish(self, to: OutputFormat) -> Result<(), Error> {
        match self {
            Self::Stream(writer) => writer.finish().map(|_| ()),
            Self::File(journal) => journal.finish(to),
        }
    }
}
