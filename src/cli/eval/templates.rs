//! The prompt templates of a data set.

use std::path::{Path, PathBuf};

use cliplet::Error;
use cliplet::classify::Template;

use super::beside;
use crate::cli::io_error;

/// The file in which a data set brings its templates, one a line, as CLIP_benchmark's sets do.
const FILE: &str = "zeroshot_classification_templates.txt";
/// What such files write for the label.
const PLACEHOLDER: &str = "{c}";

/// The templates of the data set at `data`: those given, those of `file`, or those it brings; else the
/// usual one.
///
/// # Errors
/// [`Error::Io`] where a file cannot be read, [`Error::Input`] where a template has no place for the
/// label.
pub fn templates(given: &[String], file: Option<&Path>, data: &Path) -> Result<Vec<Template>, Error> {
    if !given.is_empty() {
        return Template::list(given);
    }
    match file.map(PathBuf::from).or_else(|| beside(data, FILE)) {
        Some(file) => read(&file),
        None => Ok(vec![Template::default()]),
    }
}

fn read(file: &Path) -> Result<Vec<Template>, Error> {
    let text = std::fs::read_to_string(file).map_err(io_error(file))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let templates: Vec<String> = lines.map(|line| line.replace(PLACEHOLDER, "{}")).collect();
    let wrong = |reason: String| Error::Input(format!("{}: {reason}", file.display()));
    if templates.is_empty() {
        return Err(wrong("there is no template in it".into()));
    }
    Template::list(&templates).map_err(|error| wrong(error.to_string()))
}
