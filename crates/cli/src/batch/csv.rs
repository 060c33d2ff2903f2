//! Rows of comma-separated values with a header.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::csv::{ByteRecord, Reader, ReaderBuilder};
use cliplet::Error;
use serde_json::Value;

use super::row::{Content, MAX_ROW_BYTES, Row, RowImage};

/// Rows of a CSV file.
pub struct CsvRows<R> {
    reader: Reader<RowLimit<R>>,
    left: Arc<AtomicU64>,
    name: String,
    fields: usize,
    id: Option<usize>,
    image: Option<usize>,
    text: Option<usize>,
    ended: bool,
}

/// A reader that gives at most [`MAX_ROW_BYTES`] for each row: a quote that is never closed would otherwise take
/// the rest of the file for one row.
struct RowLimit<R> {
    inner: R,
    left: Arc<AtomicU64>,
}

impl<R: Read> Read for RowLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)? as u64;
        let left = self.left.load(Ordering::Relaxed);
        let Some(left) = left.checked_sub(count) else {
            let reason = format!("a row is over {MAX_ROW_BYTES} bytes; is a quote never closed?");
            return Err(std::io::Error::other(reason));
        };
        self.left.store(left, Ordering::Relaxed);
        Ok(count as usize)
    }
}

impl<R: Read> CsvRows<R> {
    /// Rows of `reader`, called `name` in errors.
    ///
    /// # Errors
    /// [`Error::Input`] where the header names neither `image` nor `text`.
    pub fn new(reader: R, name: String) -> Result<Self, Error> {
        let left = Arc::new(AtomicU64::new(MAX_ROW_BYTES));
        let limited = RowLimit {
            inner: reader,
            left: Arc::clone(&left),
        };
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(limited);
        let header = reader.headers().map_err(|error| csv_error(&name, error))?;
        let column = |wanted: &str| header.iter().position(|column| column.trim() == wanted);
        let (id, image, text) = (column("id"), column("image"), column("text"));
        let fields = header.len();
        if image.is_none() && text.is_none() {
            let found: Vec<_> = header.iter().collect();
            return Err(Error::Input(format!(
                "{name}: there is no column image or text; the header has {}",
                found.join(", ")
            )));
        }
        Ok(Self {
            reader,
            left,
            name,
            fields,
            id,
            image,
            text,
            ended: false,
        })
    }

    fn content(&self, record: &ByteRecord) -> Result<Content, String> {
        if record.len() != self.fields {
            let (fields, expected) = (record.len(), self.fields);
            return Err(format!("the row has {fields} fields; the header has {expected}"));
        }
        let field = |column: Option<usize>| {
            let field = column.and_then(|column| record.get(column)).unwrap_or_default();
            let field =
                std::str::from_utf8(field).map_err(|error| format!("the row is not UTF-8: {error}"))?;
            Ok::<_, String>(Some(field.to_string()).filter(|field| !field.is_empty()))
        };
        Ok(Content {
            id: field(self.id)?.map(Value::String),
            image: field(self.image)?.map(RowImage::Given),
            text: field(self.text)?,
        })
    }
}

impl<R: Read> Iterator for CsvRows<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.left.store(MAX_ROW_BYTES, Ordering::Relaxed);
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(false) => None,
            Ok(true) => Some(Ok(Row {
                content: self.content(&record),
                position: self.reader.position().byte(),
            })),
            Err(error) => {
                self.ended = true;
                Some(Err(csv_error(&self.name, error)))
            }
        }
    }
}

fn csv_error(name: &str, error: ::csv::Error) -> Error {
    Error::Io {
        file: name.into(),
        source: error.into(),
    }
}
