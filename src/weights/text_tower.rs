//! Text towers that were trained to go with the image tower of another model: their settings as a `config.json` of a
//! text tower alone.
//!
//! M-CLIP's `config.json` names the model that its tower began as, whose sizes it takes.

use serde_json::{Value, json};

use crate::error::{Error, Result};

/// `model_type` in the `config.json` of M-CLIP.
const M_CLIP: &str = "M-CLIP";

/// Text of the `config.json` of a text tower alone: `tower` are the fields of its `text_config`, and embeddings have
/// `projection_dim` values.
pub fn config_json(tower: Value, projection_dim: &Value) -> String {
    json!({"model_type": "clip_text_model", "projection_dim": projection_dim, "text_config": tower})
        .to_string()
}

/// Translates the `config.json` of M-CLIP; `None` for another model's.
///
/// # Errors
/// [`Error::Model`] for fields that are missing, and [`Error::Unsupported`] for towers that are not known.
pub fn translate_m_clip(json: &str) -> Result<Option<String>> {
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else {
        return Ok(None);
    };
    if fields.get("model_type").and_then(Value::as_str) != Some(M_CLIP) {
        return Ok(None);
    }
    let base = fields
        .get("modelBase")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (width, layers, heads) = match base.trim_start_matches("FacebookAI/") {
        "xlm-roberta-base" => (768, 12, 12),
        "xlm-roberta-large" => (1024, 24, 16),
        _ => {
            return Err(Error::unsupported(
                "config.json",
                format!(
                    "modelBase is {base:?}; \"xlm-roberta-base\" and \"xlm-roberta-large\" are supported"
                ),
            ));
        }
    };
    let mut tower = json!({
        "model_type": "xlm-roberta", "hidden_size": width, "intermediate_size": 4 * width,
        "num_hidden_layers": layers, "num_attention_heads": heads, "hidden_act": "gelu", "layer_norm_eps": 1e-5,
        "vocab_size": 250002, "max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1,
        "pooling": "mean", "projection_bias": true,
    });
    // A tower of other sizes says so.
    for (name, value) in tower.as_object_mut().into_iter().flatten() {
        if let Some(own) = fields.get(name).filter(|_| name != "model_type") {
            *value = own.clone();
        }
    }
    if let Some(given) = fields
        .get("transformerDimensions")
        .filter(|given| **given != tower["hidden_size"])
    {
        let width = &tower["hidden_size"];
        return Err(malformed(format!(
            "transformerDimensions is {given}, but {base} has the width {width}"
        )));
    }
    let projection_dim = fields.get("numDims");
    let projection_dim = projection_dim.ok_or_else(|| malformed("numDims is missing".into()))?;
    Ok(Some(config_json(tower, projection_dim)))
}

fn malformed(reason: String) -> Error {
    Error::model("config.json", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::config::{ClipConfig, Pooling};

    fn m_clip(extra: Value) -> Result<Option<String>> {
        let mut config = json!({"model_type": "M-CLIP", "modelBase": "xlm-roberta-large", "numDims": 640, "transformerDimensions": 1024});
        let fields = config.as_object_mut().unwrap();
        fields.extend(extra.as_object().unwrap().clone());
        translate_m_clip(&config.to_string())
    }

    #[test]
    fn m_clips_tower_has_the_sizes_of_its_base() {
        let config = ClipConfig::from_json(&m_clip(json!({})).unwrap().unwrap()).unwrap();
        let text = config.text.unwrap();
        assert_eq!((config.projection_dim, config.vision), (640, None));
        assert_eq!(
            (text.tower.width, text.tower.layers, text.vocab_size),
            (1024, 24, 250_002)
        );
        assert_eq!(
            (text.context_length, text.pooling),
            (512, Pooling::Mean { padding: 1 })
        );
        let bert = text.bert.unwrap();
        assert_eq!(
            (bert.first_position, bert.token_kinds, bert.projection_bias),
            (2, 1, true)
        );
        assert_eq!(translate_m_clip(r#"{"model_type": "clip"}"#).unwrap(), None);
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        for (extra, reason) in [
            (json!({"modelBase": "gpt2"}), "\"gpt2\"; \"xlm-roberta-base\" and"),
            (
                json!({"transformerDimensions": 768}),
                "transformerDimensions is 768, but",
            ),
        ] {
            let error = m_clip(extra).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(translate_m_clip(r#"{"model_type": "M-CLIP", "modelBase": "xlm-roberta-base"}"#).is_err());
    }
}
