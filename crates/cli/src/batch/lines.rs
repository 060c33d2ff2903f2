//! Rows that are lines: JSON objects, or paths.

use std::io::{BufRead, Read};

use cliplet::Error;
use serde::Deserialize;
use serde_json::Value;

use super::row::{Content, Picture, Row};
use super::source::LARGEST_ROW;

/// A row as JSON. Other fields are not looked at.
#[derive(Deserialize)]
struct Object {
    id: Option<Value>,
    image: Option<String>,
    text: Option<String>,
}

/// Reads a line of JSON.
pub fn json(line: &str) -> Result<Content, String> {
    let Object { id, image, text } =
        serde_json::from_str(line).map_err(|error| format!("not a row in JSON: {error}"))?;
    Ok(Content {
        id,
        image: image.filter(|image| !image.is_empty()).map(Picture::Given),
        text: text.filter(|text| !text.is_empty()),
    })
}

/// Reads a line that is a path.
pub fn path(line: &str) -> Result<Content, String> {
    Ok(Content {
        image: Some(Picture::File(line.into())),
        ..Content::default()
    })
}

/// Rows of a reader whose every line is one; empty lines are none.
pub struct Lines<R> {
    reader: R,
    name: String,
    parse: fn(&str) -> Result<Content, String>,
    position: u64,
}

impl<R: BufRead> Lines<R> {
    /// Rows of `reader`, called `name` in errors, each read by `parse`.
    pub fn new(reader: R, name: String, parse: fn(&str) -> Result<Content, String>) -> Self {
        Self {
            reader,
            name,
            parse,
            position: 0,
        }
    }

    /// The next row, `None` at the end.
    fn row(&mut self) -> std::io::Result<Option<Row>> {
        loop {
            let start = self.position;
            let mut line = Vec::new();
            self.position += self
                .reader
                .by_ref()
                .take(LARGEST_ROW)
                .read_until(b'\n', &mut line)? as u64;
            if line.is_empty() {
                return Ok(None);
            }
            let content = if line.len() as u64 == LARGEST_ROW && !line.ends_with(b"\n") {
                self.position += self.reader.skip_until(b'\n')? as u64;
                Err(format!("the line is over {LARGEST_ROW} bytes"))
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

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.row().transpose()?;
        Some(row.map_err(Error::io(&self.name)))
    }
}
