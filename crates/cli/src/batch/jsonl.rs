//! Rows of text that ends at a line break or a zero byte: JSON objects, or paths.

use std::io::{BufRead, Read};
use std::path::PathBuf;

use cliplet::Error;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::columns::{ColumnOptions, Role};
use super::row::{Content, MAX_ROW_BYTES, Row, RowImage, cut_short};
use crate::image_fetcher::is_address;

/// The kind of text that makes a row.
pub enum TextFormat {
    /// A JSON object a line.
    Json(ColumnOptions),
    /// A path a line.
    Paths,
    /// Paths that end with a zero byte, as `find -print0` writes them.
    NulPaths,
}

/// The reason why a row is none.
enum Malformed {
    /// The row's own error.
    Row(String),
    /// The end of the input came before that of the row.
    CutShort(String),
}

/// Rows of a reader; empty lines are skipped.
pub struct TextRows<R> {
    reader: R,
    name: String,
    format: TextFormat,
    position: u64,
    /// Rows read so far.
    count: u64,
}

impl<R: BufRead> TextRows<R> {
    /// Rows of `reader`, called `name` in errors.
    pub fn new(reader: R, name: String, format: TextFormat) -> Self {
        Self {
            reader,
            name,
            format,
            position: 0,
            count: 0,
        }
    }

    /// The next row, `None` at the end.
    fn next_row(&mut self) -> Result<Option<Row>, Error> {
        let separator = match self.format {
            TextFormat::Json(_) | TextFormat::Paths => b'\n',
            TextFormat::NulPaths => 0,
        };
        loop {
            let is_first = self.position == 0;
            let mut line = Vec::new();
            let mut limited = self.reader.by_ref().take(MAX_ROW_BYTES);
            let read = limited.read_until(separator, &mut line);
            self.position += read.map_err(Error::io(&self.name))? as u64;
            if line.is_empty() {
                return Ok(None);
            }
            let is_complete = line.ends_with(&[separator]);
            let content = if line.len() as u64 == MAX_ROW_BYTES && !is_complete {
                let skipped = self.reader.skip_until(separator);
                self.position += skipped.map_err(Error::io(&self.name))? as u64;
                Err(format!("the line is over {MAX_ROW_BYTES} bytes"))
            } else {
                let line = line.strip_suffix(&[separator]).unwrap_or(&line);
                let byte_order_mark: &[u8] = if is_first { b"\xef\xbb\xbf" } else { b"" };
                let line = line.strip_prefix(byte_order_mark).unwrap_or(line);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                match self.format.parse(line, is_complete) {
                    Ok(content) => Ok(content),
                    Err(Malformed::Row(reason)) => Err(reason),
                    Err(Malformed::CutShort(reason)) => {
                        return Err(cut_short(&self.name, &format!("row {}", self.count), &reason));
                    }
                }
            };
            self.count += 1;
            return Ok(Some(Row {
                content,
                position: self.position,
            }));
        }
    }
}

impl<R: BufRead> Iterator for TextRows<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

impl TextFormat {
    /// Parses the text of a row, which lacks its separator unless it `is_complete`.
    fn parse(&self, line: &[u8], is_complete: bool) -> Result<Content, Malformed> {
        match self {
            Self::Json(columns) => parse_json(line, columns, is_complete),
            Self::Paths => Ok(path_row(line.strip_suffix(b"\r").unwrap_or(line))),
            Self::NulPaths => Ok(path_row(line)),
        }
    }
}

/// Parses a JSON object. Fields that are in no column are ignored.
fn parse_json(line: &[u8], columns: &ColumnOptions, is_complete: bool) -> Result<Content, Malformed> {
    let malformed = |reason: String, at_end: bool| match at_end && !is_complete {
        true => Malformed::CutShort(reason),
        false => Malformed::Row(reason),
    };
    let line = std::str::from_utf8(line).map_err(|error| {
        let reason = format!("the line is not UTF-8: {error}");
        malformed(reason, error.error_len().is_none())
    })?;
    let mut object: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| malformed(format!("not a row in JSON: {error}"), error.is_eof()))?;
    let mut text = |role| {
        let name = columns.name(role);
        let value = object.remove(name).unwrap_or_default();
        let text = Option::<String>::deserialize(value);
        let text = text.map_err(|error| Malformed::Row(format!("not a row in JSON: {name}: {error}")))?;
        Ok::<_, Malformed>(text.filter(|text| !text.is_empty()))
    };
    Ok(Content {
        image: text(Role::Image)?.map(RowImage::Given),
        text: text(Role::Text)?,
        id: object.remove(columns.name(Role::Id)).filter(|id| !id.is_null()),
    })
}

/// The row of a path, or of an http(s) address in its place.
fn path_row(path: &[u8]) -> Content {
    let address = std::str::from_utf8(path).ok().filter(|path| is_address(path));
    let image = match address {
        Some(address) => RowImage::Given(address.to_string()),
        None => RowImage::File(path_of_bytes(path)),
    };
    Content {
        image: Some(image),
        ..Content::default()
    }
}

/// The path of these bytes, which need not be UTF-8.
#[cfg(unix)]
fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

/// The path of these bytes; those that are not UTF-8 are replaced.
#[cfg(not(unix))]
fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
