//! One configuration of a text tower and of the image tower that it was trained to go with.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::weights::config::{ClipConfig, Family};

/// Text of the `config.json` of a model whose text tower is that of `text` and whose image tower is that of `image`,
/// each given by its own `config.json`.
///
/// # Errors
/// [`Error::Input`] for models that do not go together.
pub fn join(text: (&str, &ClipConfig), image: (&str, &ClipConfig)) -> Result<String> {
    let ((text_json, text), (image_json, image)) = (text, image);
    if text.vision.is_some() {
        return Err(Error::Input(
            "the model has an image tower of its own; another is given to a text tower alone".into(),
        ));
    }
    if image.family != Family::Clip || image.vision.is_none() || image.text.is_none() {
        return Err(Error::Input(
            "the model of the image tower is no CLIP of two towers, whose logit scale is needed too".into(),
        ));
    }
    if text.projection_dim != image.projection_dim {
        return Err(Error::Input(format!(
            "the text tower embeds to {} values, the image tower to {}: they were not trained together",
            text.projection_dim, image.projection_dim
        )));
    }
    let object = |json: &str| -> Result<Map<String, Value>> {
        serde_json::from_str(json).map_err(|e| Error::model("config.json", e.to_string()))
    };
    let (mut text_fields, mut fields) = (object(text_json)?, object(image_json)?);
    // The model is not the one that either came from.
    for name in ["text_config_dict", "_name_or_path", "no_match_threshold"] {
        fields.remove(name);
    }
    let tower = match text_fields.remove("text_config") {
        Some(tower) => tower,
        None => Value::Object(text_fields),
    };
    fields.insert("model_type".into(), "clip".into());
    fields.insert("text_config".into(), tower);
    Ok(Value::Object(fields).to_string())
}
