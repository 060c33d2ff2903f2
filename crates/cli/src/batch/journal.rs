//! What lets a killed run go on: a file beside the output that every answer is appended to.
//!
//! Its first line says what was asked; each line after it is the mark of a row (see
//! [`Row::mark`](super::row::Row::mark)), `!` where the row failed, and the answer as JSON. The
//! output itself is written from it at the end and put in place whole, so an output that is there is
//! complete.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Lines, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cliplet::Error;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::row::Row;
use super::sink::{Sink, To};

/// Hexadecimal digits of a mark.
const MARK: usize = 16;

/// What makes two runs give the same answers for the same row.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name, quantization, size and, where it has one, checksum of the model.
    pub model: (String, String, u64, Option<String>),
    /// What the model computes on.
    pub device: String,
    /// The type that was asked for, where one was.
    pub dtype: Option<String>,
    /// Labels, where there are any: those of a zero-shot run.
    pub labels: Option<Vec<String>>,
    /// Templates of a zero-shot run.
    pub templates: Vec<String>,
    /// How many labels a row gets, where not all.
    pub top_k: Option<usize>,
    /// Whether embeddings are of unit length.
    pub normalize: bool,
}

/// The file of answers so far.
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
    /// Opens the journal of `output`, empty or as a killed run left it, or empties it on `restart`.
    ///
    /// # Errors
    /// [`Error::Input`] where it was written under other settings or another run is at it,
    /// [`Error::Io`].
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
        let kept = Kept::read(&file).map_err(Error::io(&path))?;
        if let Some(header) = &kept.header {
            let begun: Option<Settings> = serde_json::from_str(header).ok();
            if begun.as_ref() != Some(settings) {
                return Err(refuse(
                    "it was begun with another model or other options; give those, or --restart",
                ));
            }
        }
        // What a kill cut short is written anew.
        file.set_len(kept.length).map_err(Error::io(&path))?;
        let mut journal = Self {
            file: BufWriter::new(file),
            rows: kept.rows,
            failed: kept.failed,
            output: output.to_path_buf(),
            path,
        };
        if kept.header.is_none() {
            let header = serde_json::to_string(settings)?;
            journal.write(&format!("{header}\n"))?;
            journal.flush()?;
        }
        Ok(journal)
    }

    /// The marks of the rows in it.
    pub fn marks(&self) -> Result<Marks, Error> {
        let file = File::open(&self.path).map_err(Error::io(&self.path))?;
        let mut lines = BufReader::new(file).lines();
        lines.next();
        Ok(Marks {
            lines: Some(lines),
            left: self.rows,
            path: self.path.clone(),
        })
    }

    /// Adds an answer.
    pub fn push(&mut self, mark: u64, answer: &Answer) -> Result<(), Error> {
        let flag = if answer.error.is_some() { '!' } else { ' ' };
        let json = serde_json::to_string(answer)?;
        self.rows += 1;
        self.failed += u64::from(answer.error.is_some());
        self.write(&format!("{mark:0MARK$x}{flag}{json}\n"))
    }

    fn write(&mut self, line: &str) -> Result<(), Error> {
        self.file
            .write_all(line.as_bytes())
            .map_err(Error::io(&self.path))
    }

    /// Hands what was added to the operating system: a kill no longer loses it.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::io(&self.path))
    }

    /// Writes the output, puts it in place and removes the journal.
    pub fn finish(mut self, to: To) -> Result<(), Error> {
        self.flush()?;
        let [output, _, writing] = files(&self.output);
        let file = File::create(&writing).map_err(Error::io(&writing))?;
        let mut sink = Sink::new(file, to, &writing.display().to_string())?;
        let lines = BufReader::new(File::open(&self.path).map_err(Error::io(&self.path))?).lines();
        for line in lines.skip(1) {
            let line = line.map_err(Error::io(&self.path))?;
            let answer = line.get(MARK + 1..).unwrap_or_default();
            let answer: Answer =
                serde_json::from_str(answer).map_err(|error| Error::io(&self.path)(error.into()))?;
            sink.write(&answer)?;
        }
        let file = sink.finish()?;
        file.sync_all().map_err(Error::io(&writing))?;
        std::fs::rename(&writing, &output).map_err(Error::io(&output))?;
        std::fs::remove_file(&self.path).map_err(Error::io(&self.path))
    }
}

/// The files that a run writes: the output, the journal, and the output before it is whole.
pub fn files(output: &Path) -> [PathBuf; 3] {
    ["", ".partial", ".writing"].map(|ending| {
        let mut name = output.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

/// What of a journal is whole.
#[derive(Default)]
struct Kept {
    header: Option<String>,
    rows: u64,
    failed: u64,
    length: u64,
}

impl Kept {
    fn read(mut file: &File) -> std::io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(file);
        let mut kept = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)? as u64;
            let Some(whole) = line.strip_suffix(b"}\n") else {
                return Ok(kept);
            };
            if kept.header.is_none() {
                kept.header = Some(String::from_utf8_lossy(&line).into_owned());
            } else {
                match (mark(whole), whole.get(MARK)) {
                    (Some(_), Some(flag)) => kept.failed += u64::from(*flag == b'!'),
                    _ => return Ok(kept),
                }
                kept.rows += 1;
            }
            kept.length += length;
        }
    }
}

/// The mark that a line begins with.
fn mark(line: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(line.get(..MARK)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// The marks of rows that are done, in order.
#[derive(Default)]
pub struct Marks {
    lines: Option<Lines<BufReader<File>>>,
    left: u64,
    path: PathBuf,
}

impl Marks {
    /// Whether `row` is done, whose paths start from `origin`.
    ///
    /// # Errors
    /// [`Error::Input`] where another row was at its place.
    pub fn knows(&mut self, number: u64, row: &Row, origin: &Path) -> Result<bool, Error> {
        let Some(lines) = self.lines.as_mut().filter(|_| self.left > 0) else {
            return Ok(false);
        };
        self.left -= 1;
        let line = lines.next().transpose().map_err(Error::io(&self.path))?;
        match line.and_then(|line| mark(line.as_bytes())) == Some(row.mark(origin)) {
            true => Ok(true),
            false => Err(self.changed(&format!("row {number} of the input is another"))),
        }
    }

    /// Called after the last row, of `count`.
    ///
    /// # Errors
    /// [`Error::Input`] where more rows are done than there are.
    pub fn end(&self, count: u64) -> Result<(), Error> {
        match self.left {
            0 => Ok(()),
            left => {
                let done = count + left;
                Err(self.changed(&format!("{done} rows are done but the input has {count}")))
            }
        }
    }

    fn changed(&self, what: &str) -> Error {
        let path = self.path.display();
        Error::Input(format!(
            "{path}: the input is not the one this was begun with: {what}; give that one, or --restart"
        ))
    }
}
