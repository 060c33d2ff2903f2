//! The answers of a finished run, from which an update takes those of rows that are the same.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use cliplet::Error;

use super::answer::Answer;
use super::answer_reader;
use super::row::Row;
use super::run_record::{RunRecord, changed_since};
use super::writer::OutputFormat;

/// Answers by the fingerprint of their row.
pub struct PreviousAnswers {
    /// Positions of the answers in `lines`.
    positions: HashMap<u64, u64>,
    /// The answers as lines of JSON, in a temporary file: those of a CSV or Parquet file have no positions.
    lines: Mutex<BufReader<File>>,
    /// Time at which the run ended.
    ended: SystemTime,
    output: PathBuf,
}

impl PreviousAnswers {
    /// Reads the answers of `output`, whose run has this `record`. Rows that failed are left out, so that they are
    /// tried again.
    ///
    /// # Errors
    /// [`Error::Input`] where the record is not that of the output, [`Error::Io`].
    pub fn read(output: &Path, format: OutputFormat, record: RunRecord) -> Result<Self, Error> {
        let Some((rows, ended)) = record.rows()? else {
            return Err(not_recorded(output));
        };
        let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let file = tempfile::tempfile_in(parent).map_err(Error::io(parent))?;
        let mut lines = BufWriter::new(file);
        let mut positions = HashMap::new();
        let mut position = 0;
        let mut answers = answer_reader::read(output, format)?;
        for row in rows {
            let answer = answers.next().ok_or_else(|| not_recorded(output))??;
            if row.failed {
                continue;
            }
            let line = serde_json::to_string(&answer)?;
            writeln!(lines, "{line}").map_err(Error::io(parent))?;
            positions.insert(row.fingerprint, position);
            position += line.len() as u64 + 1;
        }
        let file = lines
            .into_inner()
            .map_err(|error| Error::io(parent)(error.into_error()))?;
        Ok(Self {
            positions,
            lines: Mutex::new(BufReader::new(file)),
            ended,
            output: output.to_path_buf(),
        })
    }

    /// The answer of a row; none where it is new, was changed or failed. Its paths start from `origin`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn find(&self, row: &Row, fingerprint: u64, origin: &Path) -> Result<Option<Answer>, Error> {
        let Some(&position) = self.positions.get(&fingerprint) else {
            return Ok(None);
        };
        if changed_since(self.ended, row, origin) {
            return Ok(None);
        }
        let mut line = String::new();
        let mut lines = self.lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        lines
            .seek(SeekFrom::Start(position))
            .and_then(|_| lines.read_line(&mut line))
            .map_err(Error::io(&self.output))?;
        let answer = serde_json::from_str(&line).map_err(|error| Error::io(&self.output)(error.into()))?;
        Ok(Some(answer))
    }
}

/// The error of an output that cannot be updated.
pub fn not_recorded(output: &Path) -> Error {
    Error::Input(format!(
        "{}: --update wants an output of the same model and options that was not changed since: give those, or \
         --restart to answer all rows",
        output.display()
    ))
}
