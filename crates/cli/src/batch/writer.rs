//! Answers as lines of JSON, comma-separated values or Parquet, with the same fields in each.

use std::io::{BufWriter, Write};
use std::path::Path;

use clap::ValueEnum;
use cliplet::Error;
use serde::Serialize;
use serde_json::Value;

use super::answer::Answer;
use super::parquet_writer::ParquetWriter;

/// Formats of the output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header; lists are JSON.
    Csv,
    /// Parquet.
    Parquet,
}

impl OutputFormat {
    /// The name of the format on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// The format of an output by its name; lines of JSON on standard output.
    ///
    /// # Errors
    /// [`Error::Input`] where the name does not tell it.
    pub fn of(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            return Ok(Self::Jsonl);
        };
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("csv") => Ok(Self::Csv),
            Some("jsonl" | "ndjson") => Ok(Self::Jsonl),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Error::Input(format!(
                "{}: what to write does not show in its name: say --to jsonl, csv or parquet",
                path.display()
            ))),
        }
    }
}

/// Writes answers to `W`.
pub struct AnswerWriter<W: Write + Send> {
    name: String,
    encoder: Encoder<W>,
}

enum Encoder<W: Write + Send> {
    Jsonl(BufWriter<W>),
    Csv(Box<csv::Writer<W>>),
    Parquet(ParquetWriter<W>),
}

/// Columns of CSV.
const COLUMNS: [&str; 8] = [
    "row",
    "id",
    "image",
    "probs",
    "labels",
    "image_features",
    "text_features",
    "error",
];

impl<W: Write + Send> AnswerWriter<W> {
    /// A writer to `output`, called `name` in errors. CSV begins with its header at once.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn new(output: W, format: OutputFormat, name: &str) -> Result<Self, Error> {
        let encoder = match format {
            OutputFormat::Jsonl => Encoder::Jsonl(BufWriter::new(output)),
            OutputFormat::Csv => {
                let mut writer = csv::Writer::from_writer(output);
                writer
                    .write_record(COLUMNS)
                    .map_err(|error| Error::io(name)(error.into()))?;
                Encoder::Csv(Box::new(writer))
            }
            OutputFormat::Parquet => Encoder::Parquet(ParquetWriter::new(output).map_err(Error::io(name))?),
        };
        Ok(Self {
            name: name.into(),
            encoder,
        })
    }

    /// Writes one answer.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&mut self, answer: &Answer) -> Result<(), Error> {
        let written = match &mut self.encoder {
            Encoder::Jsonl(writer) => serde_json::to_writer(&mut *writer, answer)
                .map_err(std::io::Error::from)
                .and_then(|()| writer.write_all(b"\n")),
            Encoder::Csv(writer) => writer.write_record(csv_fields(answer)).map_err(Into::into),
            Encoder::Parquet(writer) => writer.push(answer.clone()),
        };
        written.map_err(Error::io(&self.name))
    }

    /// Passes on the answers written so far; a Parquet file is readable at its end only.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<(), Error> {
        let flushed = match &mut self.encoder {
            Encoder::Jsonl(writer) => writer.flush(),
            Encoder::Csv(writer) => writer.flush(),
            Encoder::Parquet(_) => Ok(()),
        };
        flushed.map_err(Error::io(&self.name))
    }

    /// Writes the rest and returns the output.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self) -> Result<W, Error> {
        let finished = match self.encoder {
            Encoder::Jsonl(writer) => writer.into_inner().map_err(|error| error.into_error()),
            Encoder::Csv(writer) => writer.into_inner().map_err(|error| error.into_error()),
            Encoder::Parquet(writer) => writer.finish(),
        };
        finished.map_err(Error::io(&self.name))
    }
}

/// The fields of a row of CSV.
fn csv_fields(answer: &Answer) -> [String; COLUMNS.len()] {
    fn list<T: Serialize>(list: &Option<Vec<T>>) -> String {
        let json = list.as_ref().and_then(|list| serde_json::to_string(list).ok());
        json.unwrap_or_default()
    }
    let Answer {
        row,
        id,
        image,
        probs,
        labels,
        image_features,
        text_features,
        error,
    } = answer;
    [
        row.to_string(),
        id.as_ref().map(id_text).unwrap_or_default(),
        image.clone().unwrap_or_default(),
        list(probs),
        list(labels),
        list(image_features),
        list(text_features),
        error.clone().unwrap_or_default(),
    ]
}

/// An id as text, without the quotation marks of a JSON string.
pub fn id_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_string)
}
