//! Rows that are lines of text: JSON objects, or paths.

use std::io::{BufRead, Read};

use cliplet::Error;
use serde::Deserialize;
use serde_json::Value;

use super::row::{Content, MAX_ROW_BYTES, Row, RowImage};

/// A row as JSON. Other fields are ignored.
#[derive(Deserialize)]
struct JsonRow {
    id: Option<Value>,
    image: Option<String>,
    text: Option<String>,
}

/// Parses a line of JSON, or returns the reason why it is no row.
pub type ParseLine = fn(&str) -> Result<Content, String>;

/// Parses a line of JSON.
pub fn parse_json(line: &str) -> Result<Content, String> {
    let JsonRow { id, image, text } =
        serde_json::from_str(line).map_err(|error| format!("not a row in JSON: {error}"))?;
    Ok(Content {
        id,
        image: image.filter(|image| !image.is_empty()).map(RowImage::Given),
        text: text.filter(|text| !text.is_empty()),
    })
}

/// Parses a line that is a path.
pub fn parse_path(line: &str) -> Result<Content, String> {
    Ok(Content {
        image: Some(RowImage::File(line.into())),
        ..Content::default()
    })
}

/// Rows of a reader that has one in each line; empty lines are skipped.
pub struct LineRows<R> {
    reader: R,
    name: String,
    parse: ParseLine,
    position: u64,
}

impl<R: BufRead> LineRows<R> {
    /// Rows of `reader`, called `name` in errors, each read by `parse`.
    pub fn new(reader: R, name: String, parse: ParseLine) -> Self {
        Self {
            reader,
            name,
            parse,
            position: 0,
        }
    }

    /// The next row, `None` at the end.
    fn next_row(&mut self) -> std::io::Result<Option<Row>> {
        loop {
            let start = self.position;
            let mut line = Vec::new();
            self.position += self
                .reader
                .by_ref()
                .take(MAX_ROW_BYTES)
                .read_until(b'\n', &mut line)? as u64;
            if line.is_empty() {
                return Ok(None);
            }
            let content = if line.len() as u64 == MAX_ROW_BYTES && !line.ends_with(b"\n") {
                self.position += self.reader.skip_until(b'\n')? as u64;
                Err(format!("the line is over {MAX_ROW_BYTES} bytes"))
            } else {
                let line = match start {
                    0 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line),
                    _ => &line,
                };
                match std::str::from_utf8(line) {
                    Ok(line) if line.trim().is_empty() => continue,
                    Ok(line) => (self.parse)(line.trim_end_matches(['\n', '\r'])),
                    Err(error) => Err(format!("the line is not UTF-8: {error}")),
                }
            };
            return Ok(Some(Row {
                content,
                position: self.position,
            }));
        }
    }
}

impl<R: BufRead> Iterator for LineRows<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row().transpose()?;
        Some(row.map_err(Error::io(&self.name)))
    }
}
