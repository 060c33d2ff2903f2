//! Labels and prompt templates of the command line, and warnings about them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

use clap::Args;
use cliplet::Error;
use cliplet::clip::Clip;
use cliplet::zero_shot::{DEFAULT_TEMPLATE, PromptTemplate};

use super::{templates, terminal};

/// The column of a CSV file that holds the labels; the first column where there is none of that name.
const LABEL_COLUMN: &str = "label";

/// The options that give labels. Several may be used; their labels come in the order of the fields.
#[derive(Args)]
pub struct LabelOptions {
    /// Labels, separated by commas or line breaks; "quotation marks" keep a comma within a label.
    #[arg(long, value_name = "LABELS")]
    labels: Option<String>,
    /// One label, commas and all; give it again for each further label.
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// File of labels: one a line, the column label (or the first) of a .csv file, or the list of a .json file.
    #[arg(long, value_name = "FILE")]
    labels_file: Option<PathBuf>,
}

/// Labels, and warnings about them.
pub struct Labels {
    /// Trimmed, in the order given, each once.
    pub list: Vec<String>,
    /// A sentence for each label that was given twice.
    pub warnings: Vec<String>,
}

impl LabelOptions {
    /// True where one of the options was given.
    pub fn given(&self) -> bool {
        self.labels.is_some() || !self.label.is_empty() || self.labels_file.is_some()
    }

    /// The labels of all options.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read, [`Error::Input`] where it holds no list of labels or a
    /// quotation mark is never closed.
    pub fn read(&self) -> Result<Labels, Error> {
        let mut all = Vec::new();
        if let Some(text) = &self.labels {
            all.extend(split(text)?);
        }
        all.extend(self.label.iter().cloned());
        if let Some(file) = &self.labels_file {
            all.extend(from_file(file)?);
        }
        Ok(Labels::unique(all))
    }
}

/// The options that give prompt templates.
#[derive(Args)]
pub struct TemplateOptions {
    /// Prompt template with {} for the label; several make an ensemble.
    #[arg(long, value_name = "TEMPLATE", default_value = DEFAULT_TEMPLATE)]
    template: Vec<String>,
    /// File of templates, one a line, or a published set by name, such as imagenet-80 or imagenet-7;
    /// docs/eval.md lists all.
    #[arg(long, value_name = "FILE|SET", conflicts_with = "template")]
    templates: Option<String>,
}

impl TemplateOptions {
    /// The templates.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read, [`Error::Input`] where a template has no `{}`.
    pub fn read(&self) -> Result<Vec<PromptTemplate>, Error> {
        match &self.templates {
            Some(name) => templates::named(name),
            None => PromptTemplate::list(&self.template),
        }
    }
}

/// Splits labels at commas and line breaks. Within quotation marks these are part of a label, and a doubled
/// mark stands for one, as in CSV; a mark in the middle of a label is a character like others.
fn split(text: &str) -> Result<Vec<String>, Error> {
    let mut labels = Vec::new();
    let mut label = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if label.trim().is_empty() => label = quoted(&mut characters)?,
            ',' | '\n' | '\r' => labels.push(std::mem::take(&mut label)),
            other => label.push(other),
        }
    }
    labels.push(label);
    Ok(labels)
}

/// The text up to the closing quotation mark.
fn quoted(characters: &mut Peekable<Chars>) -> Result<String, Error> {
    let mut text = String::new();
    while let Some(character) = characters.next() {
        match character {
            '"' if characters.next_if_eq(&'"').is_some() => text.push('"'),
            '"' => return Ok(text),
            other => text.push(other),
        }
    }
    Err(Error::Input(format!(
        "a quotation mark of the labels is never closed, before {text:?}: close it, or give --label for each label"
    )))
}

/// The labels of a file, by its extension.
fn from_file(file: &Path) -> Result<Vec<String>, Error> {
    let wrong = |reason: String| Error::Input(format!("{}: {reason}", file.display()));
    let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let extension = file.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        Some("json") => serde_json::from_str(text)
            .map_err(|error| wrong(format!("this is no JSON list of labels: {error}"))),
        Some("csv") => from_csv(text).map_err(|error| wrong(error.to_string())),
        _ => Ok(text.lines().map(str::to_string).collect()),
    }
}

/// The fields of the column [`LABEL_COLUMN`]. Without a column of that name every row's first field is a label.
fn from_csv(text: &str) -> Result<Vec<String>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let rows = reader.records().collect::<Result<Vec<_>, _>>()?;
    let header = rows.first();
    let named = header.and_then(|row| {
        row.iter()
            .position(|name| name.trim().eq_ignore_ascii_case(LABEL_COLUMN))
    });
    let rows = rows.iter().skip(usize::from(named.is_some()));
    let labels = rows.filter_map(|row| row.get(named.unwrap_or(0)));
    Ok(labels.map(str::to_string).collect())
}

impl Labels {
    /// The labels in a text, separated as those of `--labels`.
    ///
    /// # Errors
    /// [`Error::Input`] where a quotation mark is never closed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self::unique(split(text)?))
    }

    /// Trims labels, drops empty ones and those that came before, and warns of those that came before in the same or
    /// another case.
    pub fn unique(labels: Vec<String>) -> Self {
        // The first label of each spelling without regard to case.
        let mut first: HashMap<String, String> = HashMap::new();
        let mut seen = HashSet::new();
        let mut list = Vec::new();
        let mut warnings = Vec::new();
        for label in labels {
            let label = label.trim();
            if label.is_empty() {
                continue;
            }
            if !seen.insert(label.to_string()) {
                warnings.push(format!("the label \"{label}\" is given twice; it counts once"));
                continue;
            }
            match first.entry(label.to_lowercase()) {
                Entry::Vacant(entry) => {
                    entry.insert(label.to_string());
                }
                Entry::Occupied(other) => warnings.push(format!(
                    "the labels \"{}\" and \"{label}\" differ in case alone: the model does not tell them apart",
                    other.get()
                )),
            }
            list.push(label.to_string());
        }
        Self { list, warnings }
    }
}

/// A warning for each class whose label is that of an earlier class, spaces around it and case aside.
pub fn repeated_in_classes(labels: &[String], classes: &[String]) -> Vec<String> {
    let mut first: HashMap<String, &str> = HashMap::new();
    let mut warnings = Vec::new();
    for (label, class) in labels.iter().zip(classes) {
        match first.entry(label.trim().to_lowercase()) {
            Entry::Vacant(entry) => {
                entry.insert(class);
            }
            Entry::Occupied(other) => warnings.push(format!(
                "the classes {} and {class} have the same label \"{label}\": the model does not tell them apart",
                other.get()
            )),
        }
    }
    warnings
}

/// A warning for each label one of whose prompts is longer than the model's context.
///
/// # Errors
/// Those of the tokenizer.
pub fn truncated(clip: &Clip, labels: &[String], templates: &[PromptTemplate]) -> Result<Vec<String>, Error> {
    let tokenizer = clip.tokenizer()?;
    let most = tokenizer.context_length();
    let mut warnings = Vec::new();
    for label in labels {
        for template in templates {
            let prompt = template.prompt(label);
            if tokenizer.is_truncated(&prompt)? {
                warnings.push(format!(
                    "the prompt \"{prompt}\" of the label \"{label}\" is over {most} tokens: its end is cut off"
                ));
                break;
            }
        }
    }
    Ok(warnings)
}

/// A warning for each text that is longer than the model's context.
///
/// # Errors
/// Those of the tokenizer.
pub fn truncated_texts(clip: &Clip, texts: &[String]) -> Result<Vec<String>, Error> {
    let mut warnings = Vec::new();
    for text in texts {
        if clip.tokenizer()?.is_truncated(text)? {
            let most = clip.tokenizer()?.context_length();
            warnings.push(format!(
                "the text \"{text}\" is over {most} tokens: its end is cut off"
            ));
        }
    }
    Ok(warnings)
}

/// Writes warnings to standard error.
pub fn warn(warnings: &[String]) {
    warnings.iter().for_each(terminal::warning);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_keep_commas() {
        let labels = split("cat, \"salt, pepper\",\"a \"\"b\"\"\", 27\" screen\ndog").unwrap();
        let labels: Vec<_> = labels.iter().map(|label| label.trim()).collect();
        assert_eq!(labels, ["cat", "salt, pepper", "a \"b\"", "27\" screen", "dog"]);
        assert!(split("cat, \"dog").is_err());
    }

    #[test]
    fn repeated_labels_are_named() {
        let labels = Labels::unique(["cat", " cat ", "Cat", "", "dog"].map(String::from).to_vec());
        assert_eq!(labels.list, ["cat", "Cat", "dog"]);
        assert_eq!(labels.warnings.len(), 2);
    }

    #[test]
    fn csv_files_may_have_a_header() {
        assert_eq!(from_csv("id,label\n1,\"a, b\"\n2,c\n").unwrap(), ["a, b", "c"]);
        assert_eq!(from_csv("\"a, b\",1\nc\n").unwrap(), ["a, b", "c"]);
    }
}
