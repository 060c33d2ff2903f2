//! Where rows come from: one iterator of [`Row`]s, whatever the kind of input.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use clap::ValueEnum;
use cliplet::Error;

use super::row::Row;
use super::{columns, folder, lines, parquet};

/// The largest row that is taken in one piece, in bytes.
pub const LARGEST_ROW: u64 = 256 << 20;

/// Kinds of input.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Parquet.
    Parquet,
    /// Every picture file in a folder and in the folders within it.
    Folder,
    /// One path a line.
    Paths,
}

impl Kind {
    /// The kind of an input by its name.
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
    /// What [`Row::position`] comes to at the end, where that is known.
    pub total: Option<u64>,
    /// Whether rows may come slowly, so that nobody is kept waiting for a chunk to fill.
    pub live: bool,
}

/// Rows as each reader gives them.
pub type Rows = Box<dyn Iterator<Item = Result<Row, Error>> + Send>;

impl Source {
    /// Opens an input.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Input`] where it has none of the columns.
    pub fn open(path: &Path, kind: Kind) -> Result<Self, Error> {
        let live = is_stdin(path);
        match kind {
            Kind::Folder | Kind::Parquet if live => {
                return Err(Error::Input(
                    "a folder or Parquet cannot be read from standard input: give its path".into(),
                ));
            }
            Kind::Folder => {
                let mut files = folder::Files::new(path)?;
                let total = files.by_ref().count();
                if let Some(summary) = files.summary() {
                    eprintln!("cliplet: {}: {summary}", path.display());
                }
                return Ok(Self {
                    rows: folder::rows(path)?,
                    total: Some(total as u64),
                    live,
                });
            }
            Kind::Parquet => {
                let (rows, total) = parquet::rows(path)?;
                return Ok(Self {
                    rows,
                    total: Some(total),
                    live,
                });
            }
            Kind::Csv | Kind::Jsonl | Kind::Paths => {}
        }
        let (reader, total): (Box<dyn Read + Send>, _) = if live {
            (Box::new(std::io::stdin()), None)
        } else {
            let file = File::open(path).map_err(Error::io(path))?;
            let length = file.metadata().map_err(Error::io(path))?.len();
            (Box::new(file), Some(length))
        };
        let name = if live {
            "standard input".into()
        } else {
            path.display().to_string()
        };
        let rows: Rows = match kind {
            Kind::Csv => Box::new(columns::Columns::new(reader, name)?),
            Kind::Paths => Box::new(lines::Lines::new(BufReader::new(reader), name, lines::path)),
            _ => Box::new(lines::Lines::new(BufReader::new(reader), name, lines::json)),
        };
        Ok(Self { rows, total, live })
    }

    /// Puts a row back that was taken to look at.
    pub fn put_back(self, row: Result<Row, Error>) -> Self {
        Self {
            rows: Box::new(std::iter::once(row).chain(self.rows)),
            ..self
        }
    }
}

impl Iterator for Source {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}
