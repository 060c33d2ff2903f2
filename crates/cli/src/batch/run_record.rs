//! The record of a finished run: a small file beside the output, by which the same command is recognized later.
//!
//! Its first line holds the [`Settings`] of the run, its last one the size and format of the output. Each line between is the
//! fingerprint of a row and `!` where the row failed or a space, as in the journal.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Lines, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cliplet::Error;

use super::journal::{FINGERPRINT_DIGITS, Settings, fingerprint};
use super::row::Row;
use super::source::Source;
use super::writer::OutputFormat;

/// The name of an output's record.
pub fn path(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".run");
    name.into()
}

/// Returns whether there is a file in the place of an output's record that is none.
///
/// # Errors
/// [`Error::Io`].
pub fn is_foreign(output: &Path) -> Result<bool, Error> {
    let path = path(output);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io(&path)(error)),
    };
    let mut start = Vec::new();
    let read = file.take(RECORD_START.len() as u64).read_to_end(&mut start);
    read.map_err(Error::io(&path))?;
    Ok(!start.is_empty() && start != RECORD_START)
}

/// The first bytes of every record: those of [`Settings`] as JSON.
const RECORD_START: &[u8] = b"{\"model\":[";

/// A record that is being written.
pub struct RecordWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl RecordWriter {
    /// Starts the record of `output`, which is no record before [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn new(output: &Path, settings: &str) -> Result<Self, Error> {
        let path = path(output);
        let file = File::create(&path).map_err(Error::io(&path))?;
        let mut record = Self {
            path,
            file: BufWriter::new(file),
        };
        record.write(settings.trim_end())?;
        Ok(record)
    }

    /// Adds a row by its line in the journal.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn push(&mut self, journal_line: &str) -> Result<(), Error> {
        self.write(journal_line.get(..=FINGERPRINT_DIGITS).unwrap_or_default())
    }

    /// Completes the record of an output of so many bytes in this format.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self, bytes: u64, format: OutputFormat) -> Result<(), Error> {
        self.write(&last_line(bytes, format))?;
        self.file.flush().map_err(Error::io(&self.path))
    }

    fn write(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.file, "{line}").map_err(Error::io(&self.path))
    }
}

/// A record of a run with known settings.
pub struct RunRecord {
    path: PathBuf,
    lines: Lines<BufReader<File>>,
    /// Time at which the run ended: image files that were changed later are other images.
    ended: SystemTime,
    /// The last line, which tells whether the output is that of the run.
    last_line: String,
}

/// A row of a finished run.
pub struct RecordedRow {
    /// See [`Row::fingerprint`].
    pub fingerprint: u64,
    /// True where the answer is an error.
    pub failed: bool,
}

/// The numbers of a finished run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    pub rows: u64,
    pub failed: u64,
}

impl RunRecord {
    /// Opens the record of `output`, which is in `format`; none where there is none, or the run had other settings.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(output: &Path, settings: &Settings, format: OutputFormat) -> Result<Option<Self>, Error> {
        let path = path(output);
        let (Ok(file), Ok(output)) = (File::open(&path), std::fs::metadata(output)) else {
            return Ok(None);
        };
        let ended = file.metadata().and_then(|metadata| metadata.modified());
        let ended = ended.map_err(Error::io(&path))?;
        let mut lines = BufReader::new(file).lines();
        let header = lines.next().transpose().map_err(Error::io(&path))?;
        let recorded: Option<Settings> = header.and_then(|header| serde_json::from_str(&header).ok());
        Ok((recorded.as_ref() == Some(settings)).then_some(Self {
            path,
            lines,
            ended,
            last_line: last_line(output.len(), format),
        }))
    }

    /// Compares the run with the rows of `source`, whose paths start from `origin`. Returns its numbers where the rows
    /// are the same, no image file was changed since, and the output is that of the run.
    ///
    /// # Errors
    /// [`Error::Io`] of the record. An error of a row is none: it makes the rows differ.
    pub fn matches(mut self, source: Source, origin: &Path) -> Result<Option<RunCounts>, Error> {
        let mut counts = RunCounts::default();
        for row in source {
            let (Ok(row), Some(Line::Row(recorded))) = (row, self.next_line()?) else {
                return Ok(None);
            };
            let same = recorded.fingerprint == row.fingerprint(origin);
            if !same || changed_since(self.ended, &row, origin) {
                return Ok(None);
            }
            counts.rows += 1;
            counts.failed += u64::from(recorded.failed);
        }
        match self.next_line()? {
            Some(Line::Last(line)) if line == self.last_line => Ok(Some(counts)),
            _ => Ok(None),
        }
    }

    /// All rows of the run and the time of its end; none where the record is incomplete or the output is another.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn rows(mut self) -> Result<Option<(Vec<RecordedRow>, SystemTime)>, Error> {
        let mut rows = Vec::new();
        loop {
            match self.next_line()? {
                Some(Line::Row(row)) => rows.push(row),
                Some(Line::Last(line)) if line == self.last_line => {
                    return Ok(Some((rows, self.ended)));
                }
                _ => return Ok(None),
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<Line>, Error> {
        let line = self.lines.next().transpose().map_err(Error::io(&self.path))?;
        Ok(line.map(Line::parse))
    }
}

/// A line of a record after the first.
enum Line {
    Row(RecordedRow),
    Last(String),
}

impl Line {
    fn parse(line: String) -> Self {
        let flag = line.as_bytes().get(FINGERPRINT_DIGITS);
        match (fingerprint(line.as_bytes()), flag) {
            (Some(fingerprint), Some(flag @ (b' ' | b'!'))) => Self::Row(RecordedRow {
                fingerprint,
                failed: *flag == b'!',
            }),
            _ => Self::Last(line),
        }
    }
}

/// The last line of a record.
fn last_line(output_bytes: u64, format: OutputFormat) -> String {
    format!("end of {output_bytes} bytes of {}", format.name())
}

/// Returns whether the image file of a row was changed after `time`.
pub fn changed_since(time: SystemTime, row: &Row, origin: &Path) -> bool {
    let modified = |path: PathBuf| std::fs::metadata(path)?.modified();
    let modified = row.image_file(origin).map(modified);
    modified.is_some_and(|modified| modified.is_ok_and(|modified| modified > time))
}
