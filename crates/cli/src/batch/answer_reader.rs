//! Answers of a finished output, in each of its formats.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use cliplet::Error;
use parquet::file::reader::SerializedFileReader;
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::Answer;
use super::panics::caught;
use super::writer::OutputFormat;

/// Answers in the order of their rows.
type Answers = Box<dyn Iterator<Item = Result<Answer, Error>>>;

/// Reads the answers of a file.
///
/// # Errors
/// [`Error::Io`], also from the iterator where an answer is not of the format.
pub fn read(path: &Path, format: OutputFormat) -> Result<Answers, Error> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(Error::io(path))?;
    let failed = move |error: std::io::Error| Error::io(&name)(error);
    Ok(match format {
        OutputFormat::Jsonl => {
            let lines = BufReader::new(file).lines();
            Box::new(lines.map(move |line| parse(&line.map_err(&failed)?).map_err(&failed)))
        }
        OutputFormat::Csv => {
            let records = csv::Reader::from_reader(file).into_deserialize();
            Box::new(records.map(move |record| {
                let record: CsvAnswer = record.map_err(|error: csv::Error| failed(error.into()))?;
                record.answer().map_err(&failed)
            }))
        }
        OutputFormat::Parquet => {
            let rows = caught(|| parquet_rows(file));
            let mut rows = rows.unwrap_or_else(|| Err(damaged())).map_err(Error::io(path))?;
            Box::new(std::iter::from_fn(move || {
                let row = caught(|| rows.next()).unwrap_or_else(|| Some(Err(damaged())))?;
                Some(row.map_err(&failed))
            }))
        }
    })
}

/// The answers of a Parquet file.
fn parquet_rows(file: File) -> Result<impl Iterator<Item = std::io::Result<Answer>>, std::io::Error> {
    let reader = SerializedFileReader::new(file).map_err(std::io::Error::other)?;
    let rows = RowIter::from_file_into(Box::new(reader));
    Ok(rows.map(|row| {
        let fields = row.map_err(std::io::Error::other)?.into_columns();
        let fields = fields.iter().map(|(name, field)| (name.clone(), json(field)));
        Ok(serde_json::from_value(Value::Object(fields.collect()))?)
    }))
}

fn damaged() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, "damaged Parquet")
}

/// A row of CSV, whose lists are JSON and whose empty fields are absent.
#[derive(serde::Deserialize)]
struct CsvAnswer {
    row: u64,
    id: String,
    image: String,
    probs: String,
    labels: String,
    image_features: String,
    text_features: String,
    error: String,
}

impl CsvAnswer {
    fn answer(self) -> std::io::Result<Answer> {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Answer {
            row: self.row,
            id: given(self.id).map(Value::String),
            image: given(self.image),
            probs: list(&self.probs)?,
            labels: list(&self.labels)?,
            image_features: list(&self.image_features)?,
            text_features: list(&self.text_features)?,
            error: given(self.error),
        })
    }
}

fn list<T: DeserializeOwned>(text: &str) -> std::io::Result<Option<Vec<T>>> {
    match text {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> std::io::Result<T> {
    serde_json::from_str(text).map_err(Into::into)
}

/// A field of Parquet as JSON. A type that no answer has becomes null, which is refused where it stands.
fn json(field: &Field) -> Value {
    match field {
        Field::Long(number) => Value::from(*number),
        Field::Float(number) => Value::from(*number),
        Field::Str(text) => Value::from(text.as_str()),
        Field::ListInternal(list) => list.elements().iter().map(json).collect(),
        _ => Value::Null,
    }
}
