//! Answers as lines of JSON, comma-separated values or Parquet: the same fields in each.

use std::io::{BufWriter, Write};
use std::path::Path;

use clap::ValueEnum;
use cliplet::Error;
use serde::Serialize;
use serde_json::Value;

use super::answer::Answer;
use super::table::Table;

/// Kinds of output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header; lists are JSON.
    Csv,
    /// Parquet.
    Parquet,
}

impl To {
    /// The kind of an output by its name; lines of JSON on standard output.
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

/// A writer of answers.
pub struct Sink<W: Write + Send> {
    name: String,
    form: Form<W>,
}

enum Form<W: Write + Send> {
    Jsonl(BufWriter<W>),
    Csv(Box<csv::Writer<W>>),
    Parquet(Table<W>),
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

impl<W: Write + Send> Sink<W> {
    /// A sink into `to`, called `name` in errors. CSV begins with its header at once.
    pub fn new(to_write: W, to: To, name: &str) -> Result<Self, Error> {
        let form = match to {
            To::Jsonl => Form::Jsonl(BufWriter::new(to_write)),
            To::Csv => {
                let mut writer = csv::Writer::from_writer(to_write);
                writer
                    .write_record(COLUMNS)
                    .map_err(|error| Error::io(name)(error.into()))?;
                Form::Csv(Box::new(writer))
            }
            To::Parquet => Form::Parquet(Table::new(to_write).map_err(Error::io(name))?),
        };
        Ok(Self {
            name: name.into(),
            form,
        })
    }

    /// Writes one answer.
    pub fn write(&mut self, answer: &Answer) -> Result<(), Error> {
        let done = match &mut self.form {
            Form::Jsonl(writer) => serde_json::to_writer(&mut *writer, answer)
                .map_err(std::io::Error::from)
                .and_then(|()| writer.write_all(b"\n")),
            Form::Csv(writer) => writer.write_record(fields(answer)).map_err(Into::into),
            Form::Parquet(table) => table.push(answer.clone()),
        };
        done.map_err(Error::io(&self.name))
    }

    /// Lets the reader see what was written; Parquet shows itself at the end only.
    pub fn flush(&mut self) -> Result<(), Error> {
        let done = match &mut self.form {
            Form::Jsonl(writer) => writer.flush(),
            Form::Csv(writer) => writer.flush(),
            Form::Parquet(_) => Ok(()),
        };
        done.map_err(Error::io(&self.name))
    }

    /// Writes what is left and gives back what was written to.
    pub fn finish(self) -> Result<W, Error> {
        let done = match self.form {
            Form::Jsonl(writer) => writer.into_inner().map_err(|error| error.into_error()),
            Form::Csv(writer) => writer.into_inner().map_err(|error| error.into_error()),
            Form::Parquet(table) => table.finish(),
        };
        done.map_err(Error::io(&self.name))
    }
}

/// The fields of a row of CSV.
fn fields(answer: &Answer) -> [String; COLUMNS.len()] {
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
        id.as_ref().map(plain).unwrap_or_default(),
        image.clone().unwrap_or_default(),
        list(probs),
        list(labels),
        list(image_features),
        list(text_features),
        error.clone().unwrap_or_default(),
    ]
}

/// An id as text, without quotes where it is text already.
pub fn plain(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_string)
}
