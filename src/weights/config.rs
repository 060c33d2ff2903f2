//! `config.json` as Hugging Face writes it, checked before anything is sized by it.
//!
//! Fields that are absent take the defaults of `transformers`' configuration classes. Every size is bounded and the
//! sizes are checked against each other, so the rest of the crate multiplies them without overflow and allocates
//! nothing that a file merely claims.

mod defaults;
mod efficientnet;
mod family;
mod fastvit;
mod fields;
#[cfg(test)]
mod tests;
mod tower;
mod types;

use serde_json::{Map, Value};

use crate::error::Result;
use defaults::Defaults;
use efficientnet::RawEfficientNet;
pub use efficientnet::{BlockConfig, EfficientNetConfig, HeadConfig};
pub use family::{Family, ScoreRule};
use fastvit::RawFastVit;
pub use fastvit::{FastVitConfig, FastVitStage};
pub use fields::MAX_IMAGE_TOKENS;
use fields::{malformed, object, parse, projection_dim, threshold, unsupported};
use tower::RawTower;
pub use types::{
    BertConfig, ImagePooling, Pooling, STEM_SIDES, TextCleaning, TextConfig, TowerConfig, VisionConfig,
    VitConfig,
};

/// A checked configuration: two towers, or one of them alone, and the width of the space they share.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipConfig {
    /// Kind of model.
    pub family: Family,
    /// Text tower; `None` in a model of images alone.
    pub text: Option<TextConfig>,
    /// Image tower; `None` in a model of texts alone.
    pub vision: Option<VisionConfig>,
    /// Width of the joint embedding space.
    pub projection_dim: usize,
    /// Cosine of image and text below which none of the texts describes the image, where it was measured.
    pub no_match_threshold: Option<f32>,
}

impl ClipConfig {
    /// Parses and checks `config.json`.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) where it is malformed or sizes contradict each other, and
    /// [`Error::Unsupported`](crate::Error::Unsupported) where it describes a model of another family or is over a limit.
    pub fn from_json(json: &str) -> Result<Self> {
        let fields: Map<String, Value> = serde_json::from_str(json).map_err(|e| malformed(e.to_string()))?;
        let config = match family::model_type(&fields)? {
            "clip" => Self::clip(&fields, "clip", &Defaults::CLIP)?,
            "metaclip_2" => Self::clip(&fields, "metaclip_2", &Defaults::METACLIP_2)?,
            "chinese_clip" => Self::clip(&fields, "chinese_clip", &Defaults::CHINESE_CLIP)?,
            "siglip" => Self::siglip(&fields, &Defaults::SIGLIP)?,
            "siglip2" => Self::siglip(&fields, &Defaults::NAFLEX)?,
            "clip_text_model" | "clip_vision_model" => Self::tower_alone(fields.clone())?,
            other => return Err(unsupported(family::refusal("model_type", other))),
        };
        if let Some(threshold) = config.no_match_threshold.filter(|t| !(-1.0..=1.0).contains(t)) {
            return Err(malformed(format!(
                "no_match_threshold is {threshold}; a cosine is between -1 and 1"
            )));
        }
        Ok(config)
    }

    fn clip(fields: &Map<String, Value>, model_type: &str, defaults: &Defaults) -> Result<Self> {
        let text = object(fields, "text_config")?;
        check_text_kind(&text, model_type)?;
        Ok(Self {
            family: Family::Clip,
            text: Some(text_config(text, defaults)?),
            vision: Some(vision_config(object(fields, "vision_config")?)?),
            projection_dim: projection_dim(fields)?,
            no_match_threshold: threshold(fields)?,
        })
    }

    fn siglip(fields: &Map<String, Value>, defaults: &Defaults) -> Result<Self> {
        let tower = |name: &str| -> Result<RawTower> {
            let tower = object(fields, name)?;
            match tower.get("model_type").and_then(Value::as_str) {
                Some(kind) if !kind.starts_with("siglip") => Err(malformed(format!(
                    "model_type is a SigLIP's, but {name}.model_type is {kind:?}"
                ))),
                _ => parse(name, tower),
            }
        };
        let (text, vision) = (tower("text_config")?, tower("vision_config")?);
        if vision.vision_use_head == Some(false) {
            return Err(unsupported(
                "vision_config.vision_use_head is false; a SigLIP without its attention pooling gives no embeddings"
                    .into(),
            ));
        }
        let projected = text.projection_size;
        let (text, vision) = (text.into_text(defaults)?, vision.into_vision(defaults)?);
        let (given, width) = (projected.unwrap_or(text.tower.width as u64), vision.tower.width);
        if given != width as u64 {
            return Err(malformed(format!(
                "text_config.projection_size is {given} but vision_config.hidden_size is {width}; both are the width \
                 of embeddings"
            )));
        }
        Ok(Self {
            family: Family::Siglip,
            text: Some(text),
            vision: Some(VisionConfig::Vit(vision)),
            projection_dim: width,
            no_match_threshold: threshold(fields)?,
        })
    }

    /// A tower that was saved alone, with its projection.
    fn tower_alone(fields: Map<String, Value>) -> Result<Self> {
        let is_text = fields.get("model_type").and_then(Value::as_str) == Some("clip_text_model");
        let class = fields
            .get("architectures")
            .and_then(|classes| classes.get(0)?.as_str());
        if let Some(class @ ("CLIPTextModel" | "CLIPVisionModel")) = class {
            return Err(unsupported(format!(
                "a {class} has no projection into the space of embeddings; {class}WithProjection has"
            )));
        }
        let projection_dim = projection_dim(&fields)?;
        let (text, vision) = match is_text {
            true => {
                let nested = object(&fields, "text_config")?;
                let fields = if nested.is_empty() { fields } else { nested };
                check_text_kind(&fields, "clip")?;
                (Some(text_config(fields, &Defaults::CLIP)?), None)
            }
            false => (None, Some(vision_config(fields)?)),
        };
        Ok(Self {
            family: Family::Clip,
            text,
            vision,
            projection_dim,
            no_match_threshold: None,
        })
    }
}

/// Kinds of text towers that may stand in the place of any CLIP's own.
const OTHER_TEXT_TOWERS: [&str; 4] = ["bert", "distilbert", "roberta", "xlm-roberta"];

/// Checks that the text tower is one that a model of this `model_type` has, where both say what they are.
fn check_text_kind(fields: &Map<String, Value>, model_type: &str) -> Result<()> {
    let own = format!("{model_type}_text_model");
    match fields.get("model_type").and_then(Value::as_str) {
        None => Ok(()),
        Some(kind) if kind == own || OTHER_TEXT_TOWERS.contains(&kind) => Ok(()),
        Some(kind) => Err(unsupported(format!(
            "text_config.model_type is {kind:?}, but model_type is {model_type:?}, with which {own:?}, {} are supported",
            OTHER_TEXT_TOWERS.map(|kind| format!("{kind:?}")).join(", ")
        ))),
    }
}

/// The text tower of the kind that its `model_type` names; the model's own, which has these defaults, where it names
/// another or none.
fn text_config(fields: Map<String, Value>, defaults: &Defaults) -> Result<TextConfig> {
    let kind = fields.get("model_type").and_then(Value::as_str);
    let defaults = defaults.of_text_tower(kind);
    let raw: RawTower = parse("text_config", fields)?;
    raw.into_text(&defaults)
}

/// The image tower of the kind that its `model_type` names; CLIP's own where it names none.
fn vision_config(fields: Map<String, Value>) -> Result<VisionConfig> {
    let kind = fields.get("model_type").cloned();
    match kind.as_ref().and_then(Value::as_str) {
        Some("efficientnet_lite") => {
            let raw: RawEfficientNet = parse("vision_config", fields)?;
            Ok(VisionConfig::EfficientNet(raw.check()?))
        }
        Some("fastvit") => {
            let raw: RawFastVit = parse("vision_config", fields)?;
            Ok(VisionConfig::FastVit(raw.check()?))
        }
        None
        | Some("clip" | "clip_vision_model" | "metaclip_2_vision_model" | "chinese_clip_vision_model") => {
            let raw: RawTower = parse("vision_config", fields)?;
            Ok(VisionConfig::Vit(raw.into_vision(&Defaults::CLIP)?))
        }
        Some(other) => Err(unsupported(format!(
            "vision_config.model_type is {other:?}; \"clip_vision_model\", \"efficientnet_lite\" and \"fastvit\" are supported"
        ))),
    }
}
