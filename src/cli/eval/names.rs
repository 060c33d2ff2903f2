//! What class folders are called in prompts.

use std::collections::BTreeMap;
use std::path::Path;

use cliplet::Error;
use cliplet::classify::parse_labels;
use serde::Deserialize;

use crate::cli::io_error;

/// A label, or a label and its synonyms.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

/// The label of each class folder with every name it goes by.
///
/// # Errors
/// [`Error::Input`] where the file is not such an object or does not name exactly the folders there are.
pub fn labels(file: Option<&Path>, classes: &[String]) -> Result<Vec<(String, Vec<String>)>, Error> {
    let Some(file) = file else {
        let named = classes.iter().map(|class| class.replace('_', " "));
        return Ok(named.map(|label| (label.clone(), vec![label])).collect());
    };
    let wrong = |reason: String| Error::Input(format!("{}: {reason}", file.display()));
    let text = std::fs::read_to_string(file).map_err(io_error(file))?;
    let mut given: BTreeMap<String, Names> = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("not an object from folder to label: {error}")))?;
    let labels = classes.iter().map(|class| {
        let names = match given.remove(class) {
            Some(Names::One(text)) => parse_labels(&text),
            Some(Names::Several(names)) => names,
            None => return Err(wrong(format!("it has no label for the folder {class}"))),
        };
        let first = names.first().cloned();
        first
            .map(|label| (label, names))
            .ok_or_else(|| wrong(format!("the label of the folder {class} is empty")))
    });
    let labels = labels.collect::<Result<_, _>>()?;
    match given.first_key_value() {
        Some((extra, _)) => Err(wrong(format!(
            "it names {extra}, which is not among the class folders"
        ))),
        None => Ok(labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(json: &str, classes: &[&str]) -> Result<Vec<(String, Vec<String>)>, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        labels(
            Some(file.path()),
            &classes.iter().map(|c| c.to_string()).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn synonyms_come_as_lists_or_with_commas() {
        let labels = with(r#"{"a": "cat, tabby", "b": ["dog"]}"#, &["a", "b"]).unwrap();
        assert_eq!(labels[0], ("cat".into(), vec!["cat".into(), "tabby".into()]));
        assert_eq!(labels[1], ("dog".into(), vec!["dog".into()]));
    }

    #[test]
    fn folders_and_names_must_match() {
        assert!(
            with(r#"{"a": "cat"}"#, &["a", "b"])
                .unwrap_err()
                .to_string()
                .contains("folder b")
        );
        assert!(
            with(r#"{"a": "cat", "c": "x"}"#, &["a"])
                .unwrap_err()
                .to_string()
                .contains("names c")
        );
        assert!(
            with(r#"{"a": ""}"#, &["a"])
                .unwrap_err()
                .to_string()
                .contains("empty")
        );
        assert!(with("[]", &["a"]).is_err());
    }

    #[test]
    fn a_folder_names_itself() {
        assert_eq!(labels(None, &["sea_lion".into()]).unwrap()[0].0, "sea lion");
    }
}
