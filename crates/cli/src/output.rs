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

/// A field of CSV (RFC 4180): quoted where it must be.
pub fn csv_field(text: &str) -> String {
    let quoted = text.contains([',', '"', '\n', '\r']);
    if quoted {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}

/// A fraction as a percentage.
pub fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}
