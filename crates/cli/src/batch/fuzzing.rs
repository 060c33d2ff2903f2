//! Entry points of the fuzz targets: tables and journals as they lie on disk.

use std::path::Path;

use super::columns::ColumnOptions;
use super::journal::{Journal, Settings};
use super::source::{InputFormat, Source};
use super::writer::OutputFormat;

/// Rows of a table that are read at most.
const MAX_ROWS: usize = 20_000;

/// Reads the rows of a file, in the format that its name tells.
pub fn read_rows(path: &Path) {
    let source =
        InputFormat::of(path).and_then(|format| Source::open(path, format, &ColumnOptions::default()));
    for row in source.into_iter().flatten().take(MAX_ROWS) {
        if row.is_err() {
            break;
        }
    }
}

/// Resumes from the journal of an interrupted run and makes its output. The settings in the journal's first line are
/// replaced by those of this run, so that the records after it are read.
pub fn read_journal(output: &Path) {
    let settings = Settings {
        model: ("fuzz".into(), "q8".into(), 1, None),
        device: "cpu".into(),
        dtype: None,
        labels: None,
        templates: vec![],
        top_k: None,
        normalize: false,
    };
    let partial = output.with_extension("jsonl.partial");
    let records = std::fs::read(&partial).unwrap_or_default();
    let header = serde_json::to_string(&settings).unwrap_or_default();
    if std::fs::write(&partial, [header.as_bytes(), b"\n", &records].concat()).is_err() {
        return;
    }
    if let Ok(journal) = Journal::open(output, &settings, false) {
        // A journal whose records cannot be read is an error.
        let _ = journal.finish(OutputFormat::Jsonl);
    }
}
