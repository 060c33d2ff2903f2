//! `cliplet batch`: rows of pictures and texts in, a row of answers out for each, in their order.
//!
//! As a filter it answers line by line; with an output file it also survives being killed.

mod answer;
mod columns;
mod folder;
#[cfg(fuzzing)]
pub mod fuzzing;
mod journal;
mod lines;
mod meter;
mod parquet;
mod pipeline;
mod row;
mod sink;
mod source;
mod table;

use std::io::Stdout;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::clip::Clip;
use cliplet::zero_shot::{LabelCache, LabelSet, PromptTemplate, parse_labels};

use super::labels::{self, LabelOptions, TemplateOptions};
use super::model::Model;
use super::{Outcome, Status};
use answer::{Answer, Task};
use journal::{Journal, Marks, Settings};
use meter::Meter;
use pipeline::{Pipeline, Preparation};
use row::{Content, Row};
use sink::{Sink, To};
use source::{Kind, Source};

/// Rows a chunk on a CPU.
const CPU_CHUNK: usize = 64;
/// Rows a chunk on a GPU.
const GPU_CHUNK: usize = 512;

/// Classify or embed the rows of a file, of a folder or of standard input.
#[derive(Args)]
pub struct Batch {
    #[command(flatten)]
    model: Model,
    /// A table with the columns image and text, and id where there is one, or a folder of pictures; - is standard input.
    #[arg(value_name = "INPUT", default_value = "-")]
    input: PathBuf,
    /// What the input is; by its name, and lines of JSON on standard input.
    #[arg(long, value_enum)]
    from: Option<Kind>,
    /// File to write; standard output otherwise. A run that was killed goes on when it is given again.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What to write; by the output's name, and lines of JSON on standard output.
    #[arg(long, value_enum)]
    to: Option<To>,
    /// What to do; auto ranks labels where --labels or the first row, having picture and text, gives them.
    #[arg(long, value_enum, default_value_t = Wanted::Auto)]
    task: Wanted,
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
    /// Begin anew where a killed run could go on.
    #[arg(long)]
    restart: bool,
}

/// What the caller wants done.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// As the first row asks.
    Auto,
    /// Rank labels for pictures.
    ZeroShot,
    /// Embed pictures and texts.
    Embeddings,
}

impl Batch {
    pub fn run(&self) -> Outcome {
        let templates = self.templates.read()?;
        let kind = self.from.map_or_else(|| Kind::of(&self.input), Ok)?;
        let to = self.to.map_or_else(|| To::of(self.output.as_deref()), Ok)?;
        self.check(to)?;
        let mut source = Source::open(&self.input, kind)?;
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
        let total = source.total;
        let (mut out, done) = self.out(&clip, labels, &templates, to)?;
        let mut meter = match &out {
            Out::File(journal) => Meter::new(total, journal.rows, journal.failed),
            Out::Stream(_) => Meter::new(total, 0, 0),
        };
        let root = self.root.clone().unwrap_or_else(|| match kind {
            Kind::Folder => self.input.clone(),
            _ => PathBuf::new(),
        });
        // A folder that is not there holds no pictures, whatever its name.
        let origin = Path::new(".").join(&root);
        let origin = origin.canonicalize().unwrap_or(origin);
        let size = match clip.info().backend.as_str() {
            "cuda" | "metal" => GPU_CHUNK,
            _ => CPU_CHUNK,
        };
        let preparation = Preparation {
            clip: Arc::clone(&clip),
            root,
            origin,
            zero_shot: matches!(task, Task::ZeroShot { .. }),
            size: self.batch_size.map_or(size, |size| size as usize),
        };
        for chunk in Pipeline::start(source, done, preparation) {
            let chunk = chunk?;
            let marks: Vec<_> = chunk.iter().map(|row| row.mark).collect();
            let position = chunk.last().map_or(0, |row| row.position);
            let answers = task.answer(&clip, chunk)?;
            if !out.write(&marks, &answers)? {
                return Ok(Status::Success);
            }
            let failed = answers.iter().filter(|answer| answer.error.is_some()).count();
            meter.count(answers.len() as u64, failed as u64, position);
            if self.too_many(&meter) {
                break;
            }
        }
        meter.finish();
        if self.too_many(&meter) {
            let (failed, most) = (meter.failed(), self.max_errors.unwrap_or_default());
            eprintln!("cliplet: stopped: {failed} rows have failed; --max-errors allows {most}");
            return Ok(Status::Partial);
        }
        match out {
            Out::Stream(sink) => sink.finish().map(|_| ())?,
            Out::File(journal) => journal.finish(to)?,
        }
        Ok(Status::Success)
    }

    /// Refuses what cannot be written.
    fn check(&self, to: To) -> Result<(), Error> {
        let same = |output: &Path| match (output.canonicalize(), self.input.canonicalize()) {
            (Ok(output), Ok(input)) => output == input,
            _ => false,
        };
        match &self.output {
            None if to == To::Parquet => Err(Error::Input(
                "Parquet cannot be written to standard output: give --output".into(),
            )),
            Some(output) if journal::files(output).iter().any(|file| same(file)) => {
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
            (Wanted::Embeddings, false) => return Ok(None),
            (Wanted::Embeddings, true) => {
                return Err(Error::Input(
                    "--labels are for --task zero-shot, not embeddings".into(),
                ));
            }
            (_, true) => {
                let labels = self.labels.read()?;
                labels::warn(&labels.warnings);
                return Ok(Some(labels.list));
            }
            (Wanted::Auto | Wanted::ZeroShot, false) => {}
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
            // Nothing to do, or an error that comes up again with the rows: a folder within a folder that cannot be
            // listed, say.
            None | Some(_) => &Content::default(),
        };
        match content {
            Content {
                image: Some(_),
                text: Some(text),
                ..
            } => Ok(Some(parse_labels(text))),
            _ if self.task == Wanted::ZeroShot && first.is_some() => Err(Error::Input(
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

    /// Where answers go, and the rows that are done already.
    fn out(
        &self,
        clip: &Clip,
        labels: Option<Vec<String>>,
        templates: &[PromptTemplate],
        to: To,
    ) -> Result<(Out, Marks), Error> {
        let Some(output) = &self.output else {
            let sink = Sink::new(std::io::stdout(), to, "standard output")?;
            return Ok((Out::Stream(sink), Marks::default()));
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
        let marks = journal.marks()?;
        Ok((Out::File(journal), marks))
    }

    fn too_many(&self, meter: &Meter) -> bool {
        self.max_errors.is_some_and(|most| meter.failed() > most)
    }
}

/// Where answers go.
enum Out {
    /// To standard output, at once.
    Stream(Sink<Stdout>),
    /// To a file, by way of its journal.
    File(Journal),
}

impl Out {
    /// Writes the answers of a chunk; whether anybody still reads them.
    fn write(&mut self, marks: &[u64], answers: &[Answer]) -> Result<bool, Error> {
        let written = match self {
            Self::Stream(sink) => answers
                .iter()
                .try_for_each(|answer| sink.write(answer))
                .and_then(|()| sink.flush()),
            Self::File(journal) => marks
                .iter()
                .zip(answers)
                .try_for_each(|(mark, answer)| journal.push(*mark, answer))
                .and_then(|()| journal.flush()),
        };
        match written {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            written => written.map(|()| true),
        }
    }
}
