//! Inputs of every format as one iterator of [`Row`]s.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use clap::ValueEnum;
use cliplet::Error;

use super::row::{Row, Rows};
use super::{csv, folder, jsonl, parquet_reader};

/// Formats of the input.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Parquet.
    Parquet,
    /// Every image file in a folder and in the folders within it.
    Folder,
    /// One path a line.
    Paths,
}

impl InputFormat {
    /// The format of an input by its name.
    ///
    /// # Errors
    /// [`Error::Input`] where the name does not tell it.
    pub fn of(path: &Path) -> Result<Self, Error> {
        if is_stdin(path) {
            return Ok(Self::Jsonl);
        }
        if path.is_dir() {
            return Ok(Self::Folder);
        }
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("csv") => Ok(Self::Csv),
            Some("jsonl" | "ndjson") => Ok(Self::Jsonl),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Error::Input(format!(
                "{}: what it holds does not show in its name: say --from csv, jsonl, parquet, folder or paths",
                path.display()
            ))),
        }
    }
}

/// Whether `path` stands for standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Rows of an input; an error ends them.
pub struct Source {
    rows: Rows,
    /// [`Row::position`] of the last row, where it is known beforehand.
    pub total: Option<u64>,
    /// True for a stream whose rows may come slowly: then no row waits for its chunk to fill.
    pub live: bool,
}

impl Source {
    /// Opens an input.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Input`] where it has none of the columns.
    pub fn open(path: &Path, format: InputFormat) -> Result<Self, Error> {
        let live = is_stdin(path);
        let (rows, total) = match format {
            InputFormat::Folder | InputFormat::Parquet if live => {
                return Err(Error::Input(
                    "a folder or Parquet cannot be read from standard input: give its path".into(),
                ));
            }
            InputFormat::Folder => open_folder(path)?,
            InputFormat::Parquet => parquet_reader::rows(path)?,
            InputFormat::Csv | InputFormat::Jsonl | InputFormat::Paths => {
                let (rows, length) = open_text(path, format)?;
                return Ok(Self {
                    rows,
                    total: length,
                    live,
                });
            }
        };
        Ok(Self {
            rows,
            total: Some(total),
            live,
        })
    }

    /// Puts a row back that was taken to look at.
    pub fn put_back(self, row: Result<Row, Error>) -> Self {
        Self {
            rows: Box::new(std::iter::once(row).chain(self.rows)),
            ..self
        }
    }
}

/// The rows of a folder and their number. It is listed twice, so that the number is known before the first row; what
/// is left out is reported on standard error.
fn open_folder(path: &Path) -> Result<(Rows, u64), Error> {
    let mut files = folder::ImageFiles::new(path)?;
    let total = files.by_ref().count();
    if let Some(left_out) = files.left_out() {
        eprintln!("cliplet: {}: {left_out}", path.display());
    }
    Ok((folder::rows(path)?, total as u64))
}

/// The rows of a text file or of standard input, and the file's length in bytes.
fn open_text(path: &Path, format: InputFormat) -> Result<(Rows, Option<u64>), Error> {
    let (reader, name, length): (Box<dyn Read + Send>, _, _) = if is_stdin(path) {
        (Box::new(std::io::stdin()), "standard input".to_string(), None)
    } else {
        let file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        (Box::new(file), path.display().to_string(), Some(length))
    };
    let lines =
        |reader, name, parse| -> Rows { Box::new(jsonl::LineRows::new(BufReader::new(reader), name, parse)) };
    let rows = match format {
        InputFormat::Csv => Box::new(csv::CsvRows::new(reader, name)?),
        InputFormat::Paths => lines(reader, name, jsonl::parse_path),
        _ => lines(reader, name, jsonl::parse_json),
    };
    Ok((rows, length))
}

impl Iterator for Source {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}
