//! The finished run whose output is in the place of that of this run.

use std::path::Path;

use cliplet::Error;

use super::Batch;
use super::journal::{Settings, files};
use super::previous::{self, PreviousAnswers};
use super::run_record::{RunCounts, RunRecord};
use super::source::{InputFormat, Source, is_stdin};
use super::writer::OutputFormat;
use crate::{Status, terminal};

/// The use that is made of an earlier run.
pub enum Earlier {
    /// There is none, or it is not used.
    Nothing,
    /// The answers of the same rows.
    Same(RunCounts),
    /// Answers from which those of the same rows are taken.
    Answers(PreviousAnswers),
}

impl Batch {
    /// Looks for a finished run of the same settings.
    ///
    /// # Errors
    /// [`Error::Input`] where an update is asked for and the output is of another run; [`Error::Io`].
    pub fn earlier(
        &self,
        settings: &Settings,
        from: InputFormat,
        to: OutputFormat,
        origin: &Path,
    ) -> Result<Earlier, Error> {
        let Some(output) = self.output.as_deref().filter(|output| output.exists()) else {
            return Ok(Earlier::Nothing);
        };
        let resumed = files(output)[1].exists();
        if self.restart || resumed && !self.update {
            return Ok(Earlier::Nothing);
        }
        let record = RunRecord::open(output, settings, to)?;
        let Some(record) = record else {
            return match self.update {
                true => Err(previous::not_recorded(output)),
                false => Ok(Earlier::Nothing),
            };
        };
        // Standard input can be read only once.
        if !is_stdin(&self.input) && !resumed {
            let source = Source::open(&self.input, from, &self.columns)?;
            match record.matches(source, origin)? {
                Some(counts) if counts.failed == 0 || !self.update => return Ok(Earlier::Same(counts)),
                None if !self.update => terminal::message(format_args!(
                    "{}: its rows were added to or changed since it was made: all are answered again; --update answers only these",
                    output.display()
                )),
                _ => {}
            }
        }
        match RunRecord::open(output, settings, to)? {
            Some(record) if self.update => PreviousAnswers::read(output, to, record).map(Earlier::Answers),
            _ => Ok(Earlier::Nothing),
        }
    }

    /// Reports that a finished run has answers of all rows.
    pub fn nothing_to_do(&self, counts: RunCounts) -> Status {
        let output = self.output.as_deref().unwrap_or(Path::new("")).display();
        let failed = match counts.failed {
            0 => String::new(),
            failed => format!(" ({failed} failed: --update tries them again)"),
        };
        let rows = counts.rows;
        terminal::message(format_args!(
            "{output}: nothing to do: it has the answers of all {rows} rows{failed}; --restart answers all again"
        ));
        Status::Success
    }
}
