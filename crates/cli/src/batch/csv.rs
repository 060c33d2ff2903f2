//! Rows of comma-separated values with a header.

use std::io::{ErrorKind, Read};

use ::csv::{ByteRecord, Reader, ReaderBuilder};
use cliplet::Error;
use serde_json::Value;

use super::columns::{ColumnOptions, Positions};
use super::row::{Content, MAX_ROW_BYTES, Row, RowImage, cut_short};

/// Rows of a CSV file.
pub struct CsvRows<R> {
    reader: Reader<CsvInput<R>>,
    name: String,
    fields: usize,
    positions: Positions,
    /// Rows read so far.
    count: u64,
    ended: bool,
}

impl<R: Read> CsvRows<R> {
    /// Rows of `reader`, called `name` in errors, whose fields are separated by `delimiter`.
    ///
    /// # Errors
    /// [`Error::Input`] where the header has not the columns, [`Error::Io`].
    pub fn new(reader: R, name: String, columns: &ColumnOptions, delimiter: u8) -> Result<Self, Error> {
        let input = CsvInput::new(reader, delimiter);
        let mut builder = ReaderBuilder::new();
        let mut reader = builder.flexible(true).delimiter(delimiter).from_reader(input);
        let header = reader.headers().map_err(|error| csv_error(&name, error))?.clone();
        if reader.get_ref().ends_in_quotes() {
            return Err(cut_short(&name, "its header", QUOTE_NOT_CLOSED));
        }
        let header: Vec<_> = header.iter().collect();
        let positions = columns.find(&header).map_err(|reason| {
            let hint = match header.len() {
                1 => " (another delimiter than a comma is given as --delimiter)",
                _ => "",
            };
            Error::Input(format!("{name}: {reason}{hint}"))
        })?;
        Ok(Self {
            fields: header.len(),
            reader,
            name,
            positions,
            count: 0,
            ended: false,
        })
    }

    /// The next row, `None` at the end.
    fn next_row(&mut self) -> Result<Option<Row>, Error> {
        self.reader.get_mut().left = MAX_ROW_BYTES;
        let mut record = ByteRecord::new();
        let read = self.reader.read_byte_record(&mut record);
        if !read.map_err(|error| csv_error(&self.name, error))? {
            return Ok(None);
        }
        let input = self.reader.get_ref();
        let row = format!("row {}", self.count);
        if input.ends_in_quotes() {
            return Err(cut_short(&self.name, &row, QUOTE_NOT_CLOSED));
        }
        // A complete last row may lack its line break, but not its fields.
        if input.ended && record.len() < self.fields {
            let reason = format!("it has {} fields; the header has {}", record.len(), self.fields);
            return Err(cut_short(&self.name, &row, &reason));
        }
        self.count += 1;
        Ok(Some(Row {
            content: self.content(&record),
            position: self.reader.position().byte(),
        }))
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
            id: field(self.positions.id)?.map(Value::String),
            image: field(self.positions.image)?.map(RowImage::Given),
            text: field(self.positions.text)?,
        })
    }
}

impl<R: Read> Iterator for CsvRows<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.next_row().transpose();
        self.ended = !matches!(row, Some(Ok(_)));
        row
    }
}

const QUOTE_NOT_CLOSED: &str = "a quotation mark is never closed";

/// The bytes of a CSV file on their way to the parser. They are limited for each row, because a quotation mark that is
/// never closed makes the rest of the file one row, and followed so far that an end within quotation marks is noticed,
/// which the parser passes over.
struct CsvInput<R> {
    inner: R,
    delimiter: u8,
    state: QuoteState,
    /// Bytes that may still be read for this row.
    left: u64,
    /// True once all of it was read.
    ended: bool,
}

/// The place of a byte in a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quotation mark in a quoted field: the end of the quotation, or the first of two marks that stand for one.
    QuoteInQuoted,
}

impl<R: Read> CsvInput<R> {
    fn new(inner: R, delimiter: u8) -> Self {
        Self {
            inner,
            delimiter,
            state: QuoteState::FieldStart,
            left: MAX_ROW_BYTES,
            ended: false,
        }
    }

    fn ends_in_quotes(&self) -> bool {
        self.ended && self.state == QuoteState::Quoted
    }

    fn follow(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (QuoteState::Quoted, b'"') => QuoteState::QuoteInQuoted,
                (QuoteState::Quoted, _) => QuoteState::Quoted,
                (QuoteState::FieldStart | QuoteState::QuoteInQuoted, b'"') => QuoteState::Quoted,
                (_, b'\n' | b'\r') => QuoteState::FieldStart,
                (_, byte) if byte == self.delimiter => QuoteState::FieldStart,
                _ => QuoteState::Unquoted,
            };
        }
    }
}

impl<R: Read> Read for CsvInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.ended = count == 0 && !buffer.is_empty();
        self.follow(&buffer[..count]);
        let Some(left) = self.left.checked_sub(count as u64) else {
            let reason = format!("a row is over {MAX_ROW_BYTES} bytes; is a quotation mark never closed?");
            return Err(std::io::Error::new(ErrorKind::InvalidData, reason));
        };
        self.left = left;
        Ok(count)
    }
}

fn csv_error(name: &str, error: ::csv::Error) -> Error {
    Error::io(name)(error.into())
}
