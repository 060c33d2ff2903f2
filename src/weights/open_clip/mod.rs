//! Models as `open_clip` publishes them: settings in `open_clip_config.json`, and weights under the names of its
//! Python classes.
//!
//! The settings are translated to the `config.json` and `preprocessor_config.json` of `transformers`, so that all
//! that follows knows one form; a setting that the translation has no counterpart for is refused by name.

mod apple;
mod config;
mod fields;
mod hf_text;
mod preprocess;
mod published;
mod siglip;
mod timm;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::weights::ClipConfig;
pub use apple::AppleNames;
use fields::Fields;
pub use published::published_settings;

/// Name of the file with the settings.
pub const CONFIG: &str = "open_clip_config.json";

/// Returns true for the text of such a file, or of a configuration of Apple's MobileCLIP; a `config.json` of
/// `transformers` has no `model_cfg`.
pub fn is_config(json: &str) -> bool {
    let parsed: Option<Value> = serde_json::from_str(json).ok();
    parsed.is_some_and(|parsed| {
        parsed.get("model_cfg").is_some() || apple::is_config(&parsed) || is_model_config(&parsed)
    })
}

/// Returns true for one of `open_clip`'s own model configurations, which are a `model_cfg` by themselves.
fn is_model_config(json: &Value) -> bool {
    json.get("vision_cfg").is_some() && json.get("text_cfg").is_some()
}

/// Texts of the `config.json` and the `preprocessor_config.json` that the text of an `open_clip_config.json` comes to;
/// for the latter, `other` stands in where the file does not tell how images are prepared.
///
/// # Errors
/// [`Error::Model`] for what is malformed, and [`Error::Unsupported`] for settings that `transformers`' CLIP does not
/// have.
pub fn translate(json: &str, other: Option<String>) -> Result<(String, Option<String>)> {
    let parsed: Value = serde_json::from_str(json).map_err(|e| malformed(e.to_string()))?;
    let other_form = match parsed {
        parsed if apple::is_config(&parsed) => Some(apple::config(&parsed)?.to_string()),
        parsed if is_model_config(&parsed) => Some(serde_json::json!({ "model_cfg": parsed }).to_string()),
        _ => None,
    };
    let json = other_form.as_deref().unwrap_or(json);
    let config = config::config_json(json)?;
    let vision = ClipConfig::from_json(&config)?.vision;
    let size = vision.map_or(0, |vision| vision.image_size());
    Ok((config, preprocess::preprocessor_json(json, size)?.or(other)))
}

/// The fields of the object `section` in the text of an `open_clip_config.json`; an empty section where there is none.
fn section(json: &str, section: &str) -> Result<Fields> {
    let parsed: Value = serde_json::from_str(json).map_err(|e| malformed(e.to_string()))?;
    match parsed.get(section) {
        Some(Value::Object(fields)) => Ok(Fields::new(section, fields.clone())),
        None | Some(Value::Null) => Ok(Fields::new(section, Default::default())),
        Some(_) => Err(malformed(format!("{section} is not a JSON object"))),
    }
}

fn malformed(reason: String) -> Error {
    Error::model(CONFIG, reason)
}

fn unsupported(reason: String) -> Error {
    Error::unsupported(CONFIG, reason)
}
