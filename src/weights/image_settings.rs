//! The image processor's settings of a snapshot, wherever its writer put them.
//!
//! Until version 4 `transformers` wrote them as `preprocessor_config.json`; since version 5 they are
//! the field `image_processor` of `processor_config.json`. The field wins where a snapshot has both,
//! as in `transformers`; a `processor_config.json` without it belongs beside the older file.

use serde_json::Value;

use crate::error::{Error, Result};

const PROCESSOR: &str = "processor_config.json";

/// The settings among the texts of `processor_config.json` and `preprocessor_config.json`, in the form
/// of the latter; `None` where neither holds any.
///
/// # Errors
/// [`Error::Model`] for a `processor_config.json` that is no JSON object.
pub fn image_settings(processor: Option<&str>, preprocessor: Option<String>) -> Result<Option<String>> {
    match processor.map(nested).transpose()?.flatten() {
        Some(settings) => Ok(Some(settings)),
        // The reader of its fields reports errors in the older file.
        None => Ok(preprocessor.map(|text| nested(&text).ok().flatten().unwrap_or(text))),
    }
}

/// The field `image_processor` of a `processor_config.json`, as text.
fn nested(text: &str) -> Result<Option<String>> {
    let malformed = |reason: String| Error::Model {
        file: PROCESSOR.into(),
        reason,
    };
    let parsed: Value = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
    let Some(fields) = parsed.as_object() else {
        return Err(malformed("is not a JSON object".into()));
    };
    match fields.get("image_processor") {
        None | Some(Value::Null) => Ok(None),
        Some(settings @ Value::Object(_)) => Ok(Some(settings.to_string())),
        Some(_) => Err(malformed("image_processor is not a JSON object".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_settings_win_and_others_are_passed_over() {
        let old = || Some(r#"{"size":8}"#.to_string());
        let new = r#"{"image_processor":{"size":9},"processor_class":"CLIPProcessor"}"#;
        let plain = r#"{"processor_class":"CLIPProcessor"}"#;
        let found = |processor, preprocessor| image_settings(processor, preprocessor).unwrap();
        assert_eq!(found(Some(new), old()).as_deref(), Some(r#"{"size":9}"#));
        assert_eq!(found(Some(new), None).as_deref(), Some(r#"{"size":9}"#));
        assert_eq!(found(Some(plain), old()), old());
        assert_eq!(found(None, old()), old());
        assert_eq!(found(Some(plain), None), None);
        assert_eq!(found(None, Some(new.into())).as_deref(), Some(r#"{"size":9}"#));
        for broken in ["{", "[]", r#"{"image_processor": 3}"#] {
            let error = image_settings(Some(broken), None).unwrap_err().to_string();
            assert!(error.contains("processor_config.json"), "{error}");
        }
    }
}
