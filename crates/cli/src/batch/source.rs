//! Inputs of every format as one iterator of [`Row`]s.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use clap::ValueEnum;
use cliplet::Error;
use cliplet::image::FILE_EXTENSIONS;

use super::columns::ColumnOptions;
use super::jsonl::{TextFormat, TextRows};
use super::row::{Row, Rows};
use super::{csv, folder, parquet_reader};
use crate::image_fetcher::is_address;
use crate::terminal;

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
    /// Paths that end with a zero byte, as find -print0 writes them.
    Paths0,
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
        check_exists(path)?;
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("csv" | "tsv") => Ok(Self::Csv),
            Some("jsonl" | "ndjson") => Ok(Self::Jsonl),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Error::Input(format!(
                "{}: its format does not show in its name: say --from csv, jsonl, parquet, paths or paths0{}",
                path.display(),
                match FILE_EXTENSIONS.contains(&extension.to_str().unwrap_or_default()) {
                    true => "; a single image is answered by cliplet classify or embed",
                    false => "",
                }
            ))),
        }
    }
}

/// Refuses an input that is not there.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] for an address.
fn check_exists(path: &Path) -> Result<(), Error> {
    if path.exists() {
        return Ok(());
    }
    let name = path.display();
    if path.to_str().is_some_and(is_address) {
        return Err(Error::Input(format!(
            "{name}: tables are not fetched; download it first, or pipe it: curl -L {name} | cliplet batch --from csv. \
             A single image is fetched by cliplet classify or embed"
        )));
    }
    let reason = "there is no such file or folder; give a table (.csv, .tsv, .jsonl, .parquet), a folder of images, or \
                  - for standard input";
    Err(crate::not_found(path, reason))
}

/// Returns whether `path` stands for standard input.
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
    /// A sentence about the files that are left out of a folder, if there are any.
    left_out: Option<String>,
}

impl Source {
    /// Opens an input.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Input`] where it has none of the columns.
    pub fn open(path: &Path, format: InputFormat, columns: &ColumnOptions) -> Result<Self, Error> {
        let live = is_stdin(path);
        if columns.delimiter.is_some() && format != InputFormat::Csv {
            return Err(Error::Input(
                "--delimiter is for CSV: say --from csv, or leave it out".into(),
            ));
        }
        if !live {
            check_exists(path)?;
        }
        let mut left_out = None;
        let (rows, total) = match format {
            InputFormat::Folder | InputFormat::Parquet if live => {
                return Err(Error::Input(
                    "a folder or Parquet cannot be read from standard input: give its path".into(),
                ));
            }
            InputFormat::Folder => {
                // It is listed twice, so that the number of rows is known before the first.
                let mut files = folder::ImageFiles::new(path)?;
                let total = files.by_ref().count();
                left_out =
                    (!files.left_out.is_empty()).then(|| format!("{}: {}", path.display(), files.left_out));
                (folder::rows(path)?, Some(total as u64))
            }
            InputFormat::Parquet => {
                let (rows, total) = parquet_reader::rows(path, columns)?;
                (rows, Some(total))
            }
            InputFormat::Csv | InputFormat::Jsonl | InputFormat::Paths | InputFormat::Paths0 => {
                open_text(path, format, columns)?
            }
        };
        Ok(Self {
            rows,
            total,
            live,
            left_out,
        })
    }

    /// Reports on standard error which files of a folder are left out.
    pub fn report_left_out(&self) {
        self.left_out.iter().for_each(terminal::message);
    }

    /// Puts a row back that was taken to look at.
    pub fn put_back(self, row: Result<Row, Error>) -> Self {
        Self {
            rows: Box::new(std::iter::once(row).chain(self.rows)),
            ..self
        }
    }
}

/// The rows of a text file or of standard input, and the file's length in bytes.
fn open_text(
    path: &Path,
    format: InputFormat,
    columns: &ColumnOptions,
) -> Result<(Rows, Option<u64>), Error> {
    let (reader, name, length): (Box<dyn Read + Send>, _, _) = if is_stdin(path) {
        (Box::new(std::io::stdin()), "standard input".to_string(), None)
    } else {
        let file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        (Box::new(file), path.display().to_string(), Some(length))
    };
    let text_format = match format {
        InputFormat::Csv => {
            let by_name = match path.extension() {
                Some(extension) if extension.eq_ignore_ascii_case("tsv") => b'\t',
                _ => b',',
            };
            let delimiter = columns.delimiter.unwrap_or(by_name);
            let rows = csv::CsvRows::new(reader, name, columns, delimiter)?;
            return Ok((Box::new(rows), length));
        }
        InputFormat::Paths => TextFormat::Paths,
        InputFormat::Paths0 => TextFormat::NulPaths,
        _ => TextFormat::Json(columns.clone()),
    };
    let rows = TextRows::new(BufReader::new(reader), name, text_format);
    Ok((Box::new(rows), length))
}

impl Iterator for Source {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}
