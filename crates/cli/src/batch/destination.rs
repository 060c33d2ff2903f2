//! The place that answers are written to, and what is counted of them on the way.

use std::io::Stdout;
use std::path::Path;

use cliplet::Error;
use cliplet::clip::Clip;

use super::answer::{Answer, Task};
use super::journal::{AnsweredRows, Journal, Settings};
use super::pipeline::PreparedRow;
use super::writer::{AnswerWriter, OutputFormat};
use crate::progress::RowProgress;
use crate::terminal;

/// The place that answers are written to.
pub enum Destination {
    /// Standard output, at once.
    Stream(AnswerWriter<Stdout>),
    /// A file, by way of its journal.
    File(Journal),
}

impl Destination {
    /// Opens the file `output` or standard output. Returns the rows that it has answers of already, too.
    ///
    /// # Errors
    /// Those of [`Journal::open`] and [`AnswerWriter::new`].
    pub fn open(
        output: Option<&Path>,
        settings: &Settings,
        restart: bool,
        format: OutputFormat,
    ) -> Result<(Self, AnsweredRows), Error> {
        let Some(output) = output else {
            let writer = AnswerWriter::new(std::io::stdout(), format, "standard output")?;
            return Ok((Self::Stream(writer), AnsweredRows::default()));
        };
        let journal = Journal::open(output, settings, restart)?;
        let answered = journal.answered_rows()?;
        Ok((Self::File(journal), answered))
    }

    /// The progress of an input whose end is at position `total`.
    pub fn progress(&self, total: Option<u64>) -> RowProgress {
        match self {
            Self::File(journal) => RowProgress::new(total, journal.rows, journal.failed),
            Self::Stream(_) => RowProgress::new(total, 0, 0),
        }
    }

    /// Answers a chunk of rows and counts them. Returns false where nobody reads the answers any more.
    ///
    /// # Errors
    /// Those of the model, and [`Error::Io`].
    pub fn answer(
        &mut self,
        task: &Task,
        clip: &Clip,
        chunk: Vec<PreparedRow>,
        progress: &mut RowProgress,
    ) -> Result<bool, Error> {
        let fingerprints: Vec<_> = chunk.iter().map(|row| row.fingerprint).collect();
        let position = chunk.last().map_or(0, |row| row.position);
        let reused = chunk.iter().filter(|row| row.reused).count();
        let answers = task.answer(clip, chunk)?;
        if !self.write(&fingerprints, &answers)? {
            return Ok(false);
        }
        let failed = answers.iter().filter(|answer| answer.error.is_some()).count();
        progress.count_earlier(reused as u64);
        progress.count((answers.len() - reused) as u64, failed as u64, position);
        Ok(true)
    }

    /// Writes the answers of a chunk. Returns false where nobody reads them any more.
    fn write(&mut self, fingerprints: &[u64], answers: &[Answer]) -> Result<bool, Error> {
        let written = match self {
            Self::Stream(writer) => answers
                .iter()
                .try_for_each(|answer| writer.write(answer))
                .and_then(|()| writer.flush()),
            Self::File(journal) => fingerprints
                .iter()
                .zip(answers)
                .try_for_each(|(fingerprint, answer)| journal.push(*fingerprint, answer))
                .and_then(|()| journal.flush()),
        };
        match written {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            written => written.map(|()| true),
        }
    }

    /// Completes the output.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self, format: OutputFormat) -> Result<(), Error> {
        match self {
            Self::Stream(writer) => writer.finish().map(|_| ()),
            Self::File(journal) => journal.finish(format),
        }
    }
}

/// Counts the texts whose end is cut off at the model's context length.
#[derive(Default)]
pub struct TruncatedTexts {
    count: u64,
    /// Number of the row of the first one.
    first_row: u64,
}

impl TruncatedTexts {
    /// Counts those of a chunk.
    pub fn count(&mut self, chunk: &[PreparedRow]) {
        for row in chunk.iter().filter(|row| row.text_truncated) {
            if self.count == 0 {
                self.first_row = row.answer.row;
            }
            self.count += 1;
        }
    }

    /// Warns of them on standard error, if there are any.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn warn(&self, clip: &Clip) -> Result<(), Error> {
        if self.count > 0 {
            let most = clip.tokenizer()?.context_length();
            let (count, row) = (self.count, self.first_row);
            terminal::warning(format_args!(
                "{count} texts are over {most} tokens, so their ends were cut off; the first is that of row {row}"
            ));
        }
        Ok(())
    }
}
