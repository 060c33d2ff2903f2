//! The journal of a run: a file beside the output to which every answer is appended, so that a killed run can be
//! resumed.
//!
//! Its first line holds the [`Settings`] of the run. Each further line is the fingerprint of a row (see
//! [`Row::fingerprint`](super::row::Row::fingerprint)), `!` where the row failed or a space, and the answer as JSON.
//! The output is made from the journal at the end and renamed into place, so an output that exists is complete.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Lines, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cliplet::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Answer;
use super::row::Row;
use super::run_record::{self, RecordWriter};
use super::writer::{AnswerWriter, OutputFormat};

/// Hexadecimal digits of a fingerprint.
pub const FINGERPRINT_DIGITS: usize = 16;

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
    /// Opens the journal of `output`, empty or as a killed run left it; `restart` empties it. A file in its place that
    /// is no journal is left as it is.
    ///
    /// # Errors
    /// [`Error::Input`] where there is another file in its place, it was written under other settings, one of its lines
    /// is damaged, or another run has it open; [`Error::Io`].
    pub fn open(output: &Path, settings: &Settings, restart: bool) -> Result<Self, Error> {
        let [_, path, unfinished, _] = files(output);
        let refuse = |path: &Path, reason: &str| Error::Input(format!("{}: {reason}", path.display()));
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(&path);
        let file = file.map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(refuse(&path, "another run is writing it")),
            Err(TryLockError::Error(error)) => return Err(Error::io(&path)(error)),
        }
        let header = format!("{}\n", serde_json::to_string(settings)?);
        let found = Records::read(&file, &header).map_err(Error::io(&path))?;
        // Beside a journal this would be the output of a run that was killed at its very end.
        if matches!(found.begun, Begun::Not) && unfinished.exists() {
            return Err(refuse(&unfinished, FOREIGN));
        }
        let records = found.resumable(settings, restart);
        let records = records.map_err(|reason| refuse(&path, &reason))?;
        // A record that a kill cut short is written again.
        file.set_len(records.length).map_err(Error::io(&path))?;
        let mut journal = Self {
            file: BufWriter::new(file),
            rows: records.rows,
            failed: records.failed,
            output: output.to_path_buf(),
            path,
        };
        if records.length == 0 {
            journal.write(&header)?;
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

    /// Writes the output, renames it into place, writes the record of the run and removes the journal.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self, format: OutputFormat) -> Result<(), Error> {
        self.flush()?;
        let [output, _, unfinished, _] = files(&self.output);
        let file = File::create(&unfinished).map_err(Error::io(&unfinished))?;
        let mut writer = AnswerWriter::new(file, format, &unfinished.display().to_string())?;
        let mut lines = BufReader::new(File::open(&self.path).map_err(Error::io(&self.path))?).lines();
        let settings = lines.next().transpose().map_err(Error::io(&self.path))?;
        let mut record = RecordWriter::new(&self.output, &settings.unwrap_or_default())?;
        for line in lines {
            let line = line.map_err(Error::io(&self.path))?;
            record.push(&line)?;
            let answer = line.get(FINGERPRINT_DIGITS + 1..).unwrap_or_default();
            let answer: Answer =
                serde_json::from_str(answer).map_err(|error| Error::io(&self.path)(error.into()))?;
            writer.write(&answer)?;
        }
        let file = writer.finish()?;
        file.sync_all().map_err(Error::io(&unfinished))?;
        let bytes = file.metadata().map_err(Error::io(&unfinished))?.len();
        std::fs::rename(&unfinished, &output).map_err(Error::io(&output))?;
        record.finish(bytes, format)?;
        std::fs::remove_file(&self.path).map_err(Error::io(&self.path))
    }
}

/// The files that a run writes: the output, the journal, the output before it is complete, and the record of the run.
pub fn files(output: &Path) -> [PathBuf; 4] {
    let with = |ending| {
        let mut name = output.as_os_str().to_owned();
        name.push(ending);
        name.into()
    };
    [
        output.to_path_buf(),
        with(".partial"),
        with(".writing"),
        run_record::path(output),
    ]
}

/// The reason to leave a file alone.
pub const FOREIGN: &str = "there is a file here already that is not of `cliplet batch`, and it is left as it is: move it \
                       away, or give another output";

/// Bytes of the longest first line that is looked at.
const LONGEST_HEADER: u64 = 1 << 28;

/// The contents of a journal; a last line that was cut short is not among them.
#[derive(Default)]
struct Records {
    begun: Begun,
    rows: u64,
    failed: u64,
    /// Bytes of the journal up to the end of the last complete record.
    length: u64,
    /// Number of the first line that is complete and yet not a record, from 1.
    damaged_line: Option<u64>,
}

/// The first line of a journal.
#[derive(Default)]
enum Begun {
    /// There is none yet, or only its beginning.
    #[default]
    Not,
    /// The settings of a run; none where another version of the command wrote them.
    With(Option<Box<Settings>>),
    /// It is of another program.
    Elsewhere,
}

impl Begun {
    /// Tells from the first line of a file, which would be `header` where this run had written it.
    fn of(line: &[u8], header: &str) -> Self {
        if line.len() < header.len() && header.as_bytes().starts_with(line) {
            return Self::Not;
        }
        if let Ok(settings) = serde_json::from_slice(line) {
            return Self::With(Some(settings));
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(fields)) if fields.get("model").is_some_and(Value::is_array) => Self::With(None),
            _ => Self::Elsewhere,
        }
    }
}

impl Records {
    fn read(mut file: &File, header: &str) -> std::io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        let length = reader
            .by_ref()
            .take(LONGEST_HEADER)
            .read_until(b'\n', &mut line)? as u64;
        let mut records = Self {
            begun: Begun::of(&line, header),
            length,
            ..Self::default()
        };
        if !matches!(records.begun, Begun::With(_)) {
            return Ok(records);
        }
        for number in 2.. {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)? as u64;
            let Some(record) = line.strip_suffix(b"\n") else {
                break;
            };
            let Some(failed) = failed(record) else {
                records.damaged_line = Some(number);
                break;
            };
            records.rows += 1;
            records.failed += u64::from(failed);
            records.length += length;
        }
        Ok(records)
    }

    /// The records to go on from, or the reason why the file must stay as it is.
    fn resumable(self, settings: &Settings, restart: bool) -> Result<Self, String> {
        match (&self.begun, self.damaged_line) {
            (Begun::Not, _) => Ok(Self::default()),
            (Begun::Elsewhere, _) => Err(FOREIGN.into()),
            (Begun::With(_), _) if restart => Ok(Self::default()),
            (Begun::With(begun), _) if begun.as_deref() != Some(settings) => {
                Err("it was begun with another model or other options; give those, or --restart".into())
            }
            (Begun::With(_), Some(line)) => Err(format!(
                "line {line} is damaged: delete it and all lines after it to go on from there, or give --restart"
            )),
            (Begun::With(_), None) => Ok(self),
        }
    }
}

/// Returns true for a record of a row that failed; none where it is no record.
fn failed(record: &[u8]) -> Option<bool> {
    fingerprint(record)?;
    let (flag, answer) = record.get(FINGERPRINT_DIGITS..)?.split_first()?;
    serde_json::from_slice::<Answer>(answer).ok()?;
    Some(*flag == b'!')
}

/// The fingerprint at the start of a record.
pub fn fingerprint(record: &[u8]) -> Option<u64> {
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
    /// Returns whether `row`, the next one of the input, is answered; its paths start from `origin`.
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
