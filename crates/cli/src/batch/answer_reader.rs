//! Answers of a finished output, in each of its formats.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use cliplet::Error;
use parquet::file::reader::SerializedFileReader;
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::Answer;
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
            let reader = SerializedFileReader::new(file);
            let reader = reader.map_err(|error| Error::io(path)(std::io::Error::other(error)))?;
            let rows = RowIter::from_file_into(Box::new(reader));
            Box::new(rows.map(move |row| {
                let row = row.map_err(|error| failed(std::io::Error::other(error)))?;
                let fields = row.into_columns().into_iter();
                let object: Map<_, _> = fields.map(|(name, field)| (name, json(&field))).collect();
                serde_json::from_value(Value::Object(object)).map_err(|error| failed(error.into()))
            }))
        }
    })
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
