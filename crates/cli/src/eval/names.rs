//! Labels of classes.

use std::collections::BTreeMap;
use std::path::Path;

use cliplet::Error;
use cliplet::zero_shot::parse_labels;
use serde::Deserialize;

use super::beside;
use crate::dataset::Dataset;

/// The file in which a data set brings its labels, one a line, as CLIP_benchmark's sets do.
const CLASS_NAMES: &str = "classnames.txt";

/// Labels as a file gives them.
#[derive(Deserialize)]
#[serde(untagged)]
enum LabelFile {
    ByClass(BTreeMap<String, Names>),
    InOrder(Vec<Names>),
}

/// A label, or a label and its synonyms.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

/// A label and every name it goes by.
type Label = (String, Vec<String>);

/// The label of each class of the data set at `path`: those of `file`, those it brings, or the names
/// of its folders. Numbered classes become as many as there are labels.
///
/// # Errors
/// [`Error::Input`] where the file does not hold labels or not those of the classes there are.
pub fn labels(file: Option<&Path>, path: &Path, data: &mut Dataset) -> Result<Vec<Label>, Error> {
    let own = beside(path, CLASS_NAMES);
    let Some(file) = file.or(own.as_deref()) else {
        if data.numbered {
            return Err(Error::Input(format!(
                "{}: its classes are numbers; give their labels in --names or in a {CLASS_NAMES} beside it",
                path.display()
            )));
        }
        let named = data.classes.iter().map(|class| class.replace('_', " "));
        return Ok(named.map(|label| (label.clone(), vec![label])).collect());
    };
    let wrong = |reason: String| Error::Input(format!("{}: {reason}", file.display()));
    let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
    let given = if file.extension().is_some_and(|e| e == "txt") {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        LabelFile::InOrder(lines.map(|line| Names::Several(vec![line.into()])).collect())
    } else {
        serde_json::from_str(&text).map_err(|error| {
            wrong(format!(
                "neither an object from class to label nor a list of labels: {error}"
            ))
        })?
    };
    match given {
        LabelFile::ByClass(labels) => {
            if data.numbered {
                data.extend_classes(labels.len());
            }
            by_class(labels, &data.classes).map_err(wrong)
        }
        LabelFile::InOrder(labels) => {
            if data.numbered {
                data.extend_classes(labels.len());
            }
            let (count, classes) = (labels.len(), data.classes.len());
            if count != classes {
                return Err(wrong(format!(
                    "it has {count} labels but there are {classes} classes"
                )));
            }
            let named = labels.into_iter().zip(&data.classes);
            let labels = named.map(|(names, class)| label(names, class));
            labels.collect::<Result<_, _>>().map_err(wrong)
        }
    }
}

/// The labels of exactly these classes.
fn by_class(mut given: BTreeMap<String, Names>, classes: &[String]) -> Result<Vec<Label>, String> {
    let labels = classes.iter().map(|class| match given.remove(class) {
        Some(names) => label(names, class),
        None => Err(format!("it has no label for the class {class}")),
    });
    let labels = labels.collect::<Result<_, _>>()?;
    match given.first_key_value() {
        Some((extra, _)) => Err(format!("it names {extra}, which is not among the classes")),
        None => Ok(labels),
    }
}

fn label(names: Names, class: &str) -> Result<Label, String> {
    let names = match names {
        Names::One(text) => parse_labels(&text),
        Names::Several(names) => names,
    };
    let first = names.first().cloned();
    first
        .map(|label| (label, names))
        .ok_or_else(|| format!("the label of the class {class} is empty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(json: &str, classes: &[&str]) -> Result<Vec<Label>, String> {
        let classes: Vec<_> = classes.iter().map(|class| class.to_string()).collect();
        by_class(
            serde_json::from_str(json).map_err(|error| error.to_string())?,
            &classes,
        )
    }

    #[test]
    fn synonyms_come_as_lists_or_with_commas() {
        let labels = with(r#"{"a": "cat, tabby", "b": ["dog"]}"#, &["a", "b"]).unwrap();
        assert_eq!(labels[0], ("cat".into(), vec!["cat".into(), "tabby".into()]));
        assert_eq!(labels[1], ("dog".into(), vec!["dog".into()]));
    }

    #[test]
    fn classes_and_names_must_match() {
        assert!(
            with(r#"{"a": "cat"}"#, &["a", "b"])
                .unwrap_err()
                .contains("class b")
        );
        assert!(
            with(r#"{"a": "cat", "c": "x"}"#, &["a"])
                .unwrap_err()
                .contains("names c")
        );
        assert!(with(r#"{"a": ""}"#, &["a"]).unwrap_err().contains("empty"));
    }
}
