//! The journal of a run: a file beside the output to which every answer is appended, so that a killed run can be
//! resumed.
//!
//! Its first line holds the [`Settings`] of the run. Each further line is the fingerprint of a row (see
//! [`Row::fingerprint`](super::row::Row::fingerprint)), `!` where the row failed or a space, and the answer as JSON.
//! The output is made from the journal at the end and renamed into place, so an output that exists is complete.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Lines, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cliplet::Error;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::row::Row;
use super::writer::{AnswerWriter, OutputFormat};

/// Hexadecimal digits of a fingerprint.
const FINGERPRINT_DIGITS: usize = 16;

/// Everything that must be equal for two runs to give the same answers for the same row.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name, quantization, size and, where it has one, checksum of the model.
    pub model: (String, String, u64, Option<String>),
    /// Device that the model computes on.
    pub device: String,
    /// The data type that was asked for, where one was.
    pub dtype: Option<String>,
    /// Labels of a zero-shot run; none where rows are embedded.
    pub labels: Option<Vec<String>>,
    /// Templates of a zero-shot run.
    pub templates: Vec<String>,
    /// Number of labels in an answer; none for all of them.
    pub top_k: Option<usize>,
    /// True where embeddings are scaled to unit length.
    pub normalize: bool,
}

/// An open journal.
pub struct Journal {
    output: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    /// Answers in it.
    pub rows: u64,
    /// Of those, errors.
    pub failed: u64,
}

impl Journal {
    /// Opens the journal of `output`, empty or as a killed run left it; `restart` empties it.
    ///
    /// # Errors
    /// [`Error::Input`] where it was written under other settings or another run has it open, [`Error::Io`].
    pub fn open(output: &Path, settings: &Settings, restart: bool) -> Result<Self, Error> {
        let [_, path, _] = files(output);
        let refuse = |reason: &str| Error::Input(format!("{}: {reason}", path.display()));
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(&path);
        let file = file.map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(refuse("another run is writing it")),
            Err(TryLockError::Error(error)) => return Err(Error::io(&path)(error)),
        }
        if restart {
            file.set_len(0).map_err(Error::io(&path))?;
        }
        let complete = CompleteRecords::read(&file).map_err(Error::io(&path))?;
        if let Some(header) = &complete.header {
            let begun: Option<Settings> = serde_json::from_str(header).ok();
            if begun.as_ref() != Some(settings) {
                return Err(refuse(
                    "it was begun with another model or other options; give those, or --restart",
                ));
            }
        }
        // A record that a kill cut short is written again.
        file.set_len(complete.length).map_err(Error::io(&path))?;
        let mut journal = Self {
            file: BufWriter::new(file),
            rows: complete.rows,
            failed: complete.failed,
            output: output.to_path_buf(),
            path,
        };
        if complete.header.is_none() {
            let header = serde_json::to_string(settings)?;
            journal.write(&format!("{header}\n"))?;
            journal.flush()?;
        }
        Ok(journal)
    }

    /// The rows that it has answers of.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn answered_rows(&self) -> Result<AnsweredRows, Error> {
        let file = File::open(&self.path).map_err(Error::io(&self.path))?;
        let mut lines = BufReader::new(file).lines();
        lines.next();
        Ok(AnsweredRows {
            lines: Some(lines),
            left: self.rows,
            path: self.path.clone(),
        })
    }

    /// Adds an answer.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn push(&mut self, fingerprint: u64, answer: &Answer) -> Result<(), Error> {
        let flag = if answer.error.is_some() { '!' } else { ' ' };
        let json = serde_json::to_string(answer)?;
        self.rows += 1;
        self.failed += u64::from(answer.error.is_some());
        self.write(&format!("{fingerprint:0FINGERPRINT_DIGITS$x}{flag}{json}\n"))
    }

    fn write(&mut self, line: &str) -> Result<(), Error> {
        self.file
            .write_all(line.as_bytes())
            .map_err(Error::io(&self.path))
    }

    /// Passes the answers added so far to the operating system: killing the run no longer loses them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::io(&self.path))
    }

    /// Writes the output, renames it into place and removes the journal.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self, format: OutputFormat) -> Result<(), Error> {
        self.flush()?;
        let [output, _, unfinished] = files(&self.output);
        let file = File::create(&unfinished).map_err(Error::io(&unfinished))?;
        let mut writer = AnswerWriter::new(file, format, &unfinished.display().to_string())?;
        let lines = BufReader::new(File::open(&self.path).map_err(Error::io(&self.path))?).lines();
        for line in lines.skip(1) {
            let line = line.map_err(Error::io(&self.path))?;
            let answer = line.get(FINGERPRINT_DIGITS + 1..).unwrap_or_default();
            let answer: Answer =
                serde_json::from_str(answer).map_err(|error| Error::io(&self.path)(error.into()))?;
            writer.write(&answer)?;
        }
        let file = writer.finish()?;
        file.sync_all().map_err(Error::io(&unfinished))?;
        std::fs::rename(&unfinished, &output).map_err(Error::io(&output))?;
        std::fs::remove_file(&self.path).map_err(Error::io(&self.path))
    }
}

/// The files that a run writes: the output, the journal, and the output before it is complete.
pub fn files(output: &Path) -> [PathBuf; 3] {
    ["", ".partial", ".writing"].map(|ending| {
        let mut name = output.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

/// The complete records of a journal; a last line that was cut short is not among them.
#[derive(Default)]
struct CompleteRecords {
    header: Option<String>,
    rows: u64,
    failed: u64,
    /// Bytes of the journal up to the end of the last one.
    length: u64,
}

impl CompleteRecords {
    fn read(mut file: &File) -> std::io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(file);
        let mut complete = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)? as u64;
            let Some(record) = line.strip_suffix(b"}\n") else {
                return Ok(complete);
            };
            if complete.header.is_none() {
                complete.header = Some(String::from_utf8_lossy(&line).into_owned());
            } else {
                match (fingerprint(record), record.get(FINGERPRINT_DIGITS)) {
                    (Some(_), Some(flag)) => complete.failed += u64::from(*flag == b'!'),
                    _ => return Ok(complete),
                }
                complete.rows += 1;
            }
            complete.length += length;
        }
    }
}

/// The fingerprint at the start of a record.
fn fingerprint(record: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(record.get(..FINGERPRINT_DIGITS)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// The rows that a journal has answers of, in order.
#[derive(Default)]
pub struct AnsweredRows {
    lines: Option<Lines<BufReader<File>>>,
    left: u64,
    path: PathBuf,
}

impl AnsweredRows {
    /// Whether `row`, the next one of the input, is answered; its paths start from `origin`.
    ///
    /// # Errors
    /// [`Error::Input`] where the answer is that of another row.
    pub fn contains_next(&mut self, number: u64, row: &Row, origin: &Path) -> Result<bool, Error> {
        let Some(lines) = self.lines.as_mut().filter(|_| self.left > 0) else {
            return Ok(false);
        };
        self.left -= 1;
        let line = lines.next().transpose().map_err(Error::io(&self.path))?;
        match line.and_then(|line| fingerprint(line.as_bytes())) == Some(row.fingerprint(origin)) {
            true => Ok(true),
            false => Err(self.input_changed(&format!("row {number} of the input is another"))),
        }
    }

    /// Called after the last row of an input of `count` rows.
    ///
    /// # Errors
    /// [`Error::Input`] where more rows are answered than the input has.
    pub fn check_count(&self, count: u64) -> Result<(), Error> {
        match self.left {
            0 => Ok(()),
            left => {
                let answered = count + left;
                Err(self.input_changed(&format!("{answered} rows are done but the input has {count}")))
            }
        }
    }

    fn input_changed(&self, change: &str) -> Error {
        let path = self.path.display();
        Error::Input(format!(
            "{path}: the input is not the one this was begun with: {change}; give that one, or --restart"
        ))
    }
}
