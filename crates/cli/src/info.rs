//! `cliplet info`: the properties of a model.

use clap::Args;
use serde_json::{Map, Value};

use super::model::ModelOptions;
use super::output::{Format, csv_line, json_line};
use super::terminal::print;
use super::{Outcome, Status};

/// Print name, size, quantization and configuration of a model.
#[derive(Args)]
pub struct Info {
    #[command(flatten)]
    model: ModelOptions,
    /// Format of the properties.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Info {
    pub fn run(&self) -> Outcome {
        let clip = self.model.load()?;
        let line = json_line(clip.info())?;
        let properties: Map<String, Value> = serde_json::from_str(&line)?;
        for (name, value) in properties.iter().filter(|(_, value)| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            match self.format {
                Format::Json | Format::Jsonl => return print(&line).map(|()| Status::Success),
                Format::Csv => print(&csv_line([name, &value])?)?,
                Format::Table => print(&format!("{name:16} {value}\n"))?,
            }
        }
        Ok(Status::Success)
    }
}
