//! Formats of printed answers.

use clap::ValueEnum;
use cliplet::Error;
use serde::Serialize;

/// Formats of printed answers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading.
    Table,
    /// One JSON document.
    Json,
    /// Comma-separated values.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// A value as one line of JSON.
pub fn json_line(value: &impl Serialize) -> Result<String, Error> {
    let line = serde_json::to_string(value)?;
    Ok(line + "\n")
}

/// A list of values as a JSON array, one value a line.
pub fn json_array(values: &[impl Serialize]) -> Result<String, Error> {
    let lines = values.iter().map(json_line).collect::<Result<Vec<_>, _>>()?;
    let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    Ok(format!("[{}]\n", lines.join(",\n ")))
}

/// A line of CSV (RFC 4180), whose fields are quoted where they must be.
pub fn csv_line<F: AsRef<[u8]>>(fields: impl IntoIterator<Item = F>) -> Result<String, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(fields).map_err(std::io::Error::from);
    let bytes = written.and_then(|()| writer.into_inner().map_err(|error| error.into_error()));
    bytes
        .and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other))
        .map_err(Error::io("a line of CSV"))
}

/// A fraction as a percentage.
pub fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}
