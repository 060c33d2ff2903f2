//! `cliplet info`: what a model is.

use clap::Args;
use serde_json::{Map, Value};

use super::model::Model;
use super::output::{Format, csv_field, json_line, print};
use super::{Outcome, Status};

/// Tell what a model is.
#[derive(Args)]
pub struct Info {
    #[command(flatten)]
    model: Model,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Info {
    pub fn run(&self) -> Outcome {
        let clip = self.model.load()?;
        let line = json_line(clip.info())?;
        let facts: Map<String, Value> = serde_json::from_str(&line)?;
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            match self.format {
                Format::Json | Format::Jsonl => return print(&line).map(|()| Status::Success),
                Format::Csv => print(&format!("{name},{}\n", csv_field(&value)))?,
                Format::Table => print(&format!("{name:16} {value}\n"))?,
            }
        }
        Ok(Status::Success)
    }
}
