//! `config.json` as Hugging Face writes it, checked before anything is sized by it.
//!
//! Fields that are absent take the defaults of `transformers`' `CLIPTextConfig` and
//! `CLIPVisionConfig`. Every size is bounded and the sizes are checked against each other, so the
//! rest of the crate multiplies them without overflow and allocates nothing a hostile file claims.

mod efficientnet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use cliplet_kernels::Activation;
use efficientnet::RawEfficientNet;
pub use efficientnet::{BlockConfig, EfficientNetConfig, HeadConfig};

/// `eos_token_id` of configs written before transformers fixed it; means "pool at the largest id".
const LEGACY_EOS: u32 = 2;

/// A checked CLIP configuration: two towers and the width of the space they share.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipConfig {
    /// Text tower.
    pub text: TextConfig,
    /// Image tower.
    pub vision: VisionConfig,
    /// Width of the joint embedding space.
    pub projection_dim: usize,
    /// Cosine of image and text below which none of the texts describes the image, where it was measured.
    pub no_match_threshold: Option<f32>,
}

/// What both towers have in common: a stack of pre-norm transformer blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct TowerConfig {
    /// Width of a token.
    pub width: usize,
    /// Width of the hidden layer of the MLP.
    pub mlp_width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Activation of the MLP.
    pub activation: Activation,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f32,
}

/// Text tower.
#[derive(Clone, Debug, PartialEq)]
pub struct TextConfig {
    /// Its blocks.
    pub tower: TowerConfig,
    /// Rows of the token embedding.
    pub vocab_size: usize,
    /// Context length, in tokens.
    pub context_length: usize,
    /// Where the text is pooled.
    pub pooling: Pooling,
}

/// Which token's output stands for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The first of the largest ids (configs whose `eos_token_id` is the historical 2).
    LargestId,
    /// The first token with this id.
    EndOfText(u32),
}

/// Image tower: a kind of network and its sizes.
#[derive(Clone, Debug, PartialEq)]
pub enum VisionConfig {
    /// Vision transformer.
    Vit(VitConfig),
    /// EfficientNet-Lite.
    EfficientNet(EfficientNetConfig),
}

impl VisionConfig {
    /// Its name in descriptions of a model.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Vit(_) => "vit",
            Self::EfficientNet(_) => "efficientnet_lite",
        }
    }

    /// Side of the square input, in pixels.
    pub fn image_size(&self) -> usize {
        match self {
            Self::Vit(config) => config.image_size,
            Self::EfficientNet(config) => config.image_size,
        }
    }

    /// Side of a patch, in pixels, where images are cut into patches.
    pub fn patch_size(&self) -> Option<usize> {
        match self {
            Self::Vit(config) => Some(config.patch_size),
            Self::EfficientNet(_) => None,
        }
    }

    /// Rows that most products of the tower multiply for an image: its tokens, or the pixels of a network that halves
    /// its sides five times once it has halved them three times.
    pub fn rows(&self) -> usize {
        match self {
            Self::Vit(config) => config.tokens(),
            Self::EfficientNet(config) => config.image_size.div_ceil(8).pow(2),
        }
    }
}

/// Vision transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct VitConfig {
    /// Its blocks.
    pub tower: TowerConfig,
    /// Side of the square input, in pixels.
    pub image_size: usize,
    /// Side of a patch, in pixels.
    pub patch_size: usize,
}

impl VitConfig {
    /// Patches along one side (what is left over is not looked at, as in a convolution).
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Tokens of an image: its patches and the class token.
    pub fn tokens(&self) -> usize {
        self.grid() * self.grid() + 1
    }

    /// Values of a patch: 3 channels of `patch_size` squared.
    pub fn patch_values(&self) -> usize {
        3 * self.patch_size * self.patch_size
    }
}

impl ClipConfig {
    /// Parses and checks `config.json`.
    ///
    /// Fails with [`Error::Model`] where it is malformed or sizes contradict each other and with
    /// [`Error::Unsupported`] where it describes something that is not a CLIP or is over a limit.
    pub fn from_json(json: &str) -> Result<Self> {
        let raw: RawConfig = serde_json::from_str(json).map_err(|e| malformed(e.to_string()))?;
        if raw.model_type.as_deref().is_some_and(|kind| kind != "clip") {
            let kind = raw.model_type.unwrap_or_default();
            return Err(unsupported(format!(
                "model_type is {kind:?}; only \"clip\" is supported"
            )));
        }
        // As transformers does: the older `*_config_dict`, where present, wins over `*_config`.
        let text = raw.text_config_dict.or(raw.text_config).unwrap_or_default();
        let vision = raw.vision_config_dict.or(raw.vision_config).unwrap_or_default();
        let projection_dim = size("projection_dim", raw.projection_dim.unwrap_or(512), 1, MAX_WIDTH)?;
        if let Some(threshold) = raw.no_match_threshold.filter(|t| !(-1.0..=1.0).contains(t)) {
            return Err(malformed(format!(
                "no_match_threshold is {threshold}; a cosine is between -1 and 1"
            )));
        }
        Ok(Self {
            text: text.into_text()?,
            vision: vision_config(vision)?,
            projection_dim,
            no_match_threshold: raw.no_match_threshold,
        })
    }
}

const MAX_WIDTH: u64 = 1 << 14;
const MAX_MLP_WIDTH: u64 = 1 << 16;
const MAX_LAYERS: u64 = 256;
const MAX_HEADS: u64 = 256;
const MAX_VOCAB: u64 = 1 << 21;
const MAX_CONTEXT: u64 = 1 << 13;
const MAX_IMAGE: u64 = 1 << 12;
const MAX_IMAGE_TOKENS: usize = 1 << 14;

#[derive(Deserialize)]
struct RawConfig {
    model_type: Option<String>,
    projection_dim: Option<u64>,
    text_config: Option<RawTower>,
    text_config_dict: Option<RawTower>,
    vision_config: Option<Map<String, Value>>,
    vision_config_dict: Option<Map<String, Value>>,
    no_match_threshold: Option<f32>,
}

/// The image tower of the kind that its `model_type` names; CLIP's own where it names none.
fn vision_config(fields: Map<String, Value>) -> Result<VisionConfig> {
    let in_vision = |e: serde_json::Error| malformed(format!("vision_config: {e}"));
    let kind = fields.get("model_type").cloned();
    let fields = Value::Object(fields);
    match kind.as_ref().and_then(Value::as_str) {
        Some("efficientnet_lite") => {
            let raw: RawEfficientNet = serde_json::from_value(fields).map_err(in_vision)?;
            Ok(VisionConfig::EfficientNet(raw.check()?))
        }
        None | Some("clip" | "clip_vision_model") => {
            let raw: RawTower = serde_json::from_value(fields).map_err(in_vision)?;
            Ok(VisionConfig::Vit(raw.into_vision()?))
        }
        Some(other) => Err(unsupported(format!(
            "vision_config.model_type is {other:?}; \"clip_vision_model\" and \"efficientnet_lite\" are supported"
        ))),
    }
}

/// Fields of either tower; those of the other one are ignored where they appear.
#[derive(Default, Deserialize)]
struct RawTower {
    hidden_size: Option<u64>,
    intermediate_size: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
    vocab_size: Option<u64>,
    max_position_embeddings: Option<u64>,
    eos_token_id: Option<u64>,
    image_size: Option<u64>,
    patch_size: Option<u64>,
    num_channels: Option<u64>,
}

impl RawTower {
    fn tower(&self, which: &str, default: &TowerConfig) -> Result<TowerConfig> {
        let field = |name: &str, value: Option<u64>, default: usize, max: u64| {
            size(
                &format!("{which}.{name}"),
                value.unwrap_or(default as u64),
                1,
                max,
            )
        };
        let width = field("hidden_size", self.hidden_size, default.width, MAX_WIDTH)?;
        let heads = field(
            "num_attention_heads",
            self.num_attention_heads,
            default.heads,
            MAX_HEADS,
        )?;
        if !width.is_multiple_of(heads) {
            return Err(malformed(format!(
                "{which}.hidden_size {width} is not a multiple of num_attention_heads {heads}"
            )));
        }
        let eps = self.layer_norm_eps.unwrap_or(1e-5);
        if !(eps > 0.0 && eps < 1.0) {
            return Err(malformed(format!(
                "{which}.layer_norm_eps is {eps}; expected between 0 and 1"
            )));
        }
        Ok(TowerConfig {
            width,
            mlp_width: field(
                "intermediate_size",
                self.intermediate_size,
                default.mlp_width,
                MAX_MLP_WIDTH,
            )?,
            layers: field(
                "num_hidden_layers",
                self.num_hidden_layers,
                default.layers,
                MAX_LAYERS,
            )?,
            heads,
            activation: activation(which, self.hidden_act.as_deref().unwrap_or("quick_gelu"))?,
            layer_norm_eps: eps as f32,
        })
    }

    fn into_text(self) -> Result<TextConfig> {
        let default = tower_default(512, 2048, 8);
        let eos = size(
            "text_config.eos_token_id",
            self.eos_token_id.unwrap_or(49407),
            0,
            MAX_VOCAB,
        )? as u32;
        let context = self.max_position_embeddings.unwrap_or(77);
        Ok(TextConfig {
            tower: self.tower("text_config", &default)?,
            vocab_size: size(
                "text_config.vocab_size",
                self.vocab_size.unwrap_or(49408),
                1,
                MAX_VOCAB,
            )?,
            context_length: size("text_config.max_position_embeddings", context, 2, MAX_CONTEXT)?,
            pooling: if eos == LEGACY_EOS {
                Pooling::LargestId
            } else {
                Pooling::EndOfText(eos)
            },
        })
    }

    fn into_vision(self) -> Result<VitConfig> {
        let default = tower_default(768, 3072, 12);
        let channels = self.num_channels.unwrap_or(3);
        if channels != 3 {
            return Err(unsupported(format!(
                "vision_config.num_channels is {channels}; only 3 is supported"
            )));
        }
        let config = VitConfig {
            tower: self.tower("vision_config", &default)?,
            image_size: size(
                "vision_config.image_size",
                self.image_size.unwrap_or(224),
                1,
                MAX_IMAGE,
            )?,
            patch_size: size(
                "vision_config.patch_size",
                self.patch_size.unwrap_or(32),
                1,
                MAX_IMAGE,
            )?,
        };
        if config.patch_size > config.image_size {
            let VitConfig {
                image_size,
                patch_size,
                ..
            } = config;
            return Err(malformed(format!(
                "vision_config.patch_size {patch_size} is over image_size {image_size}"
            )));
        }
        if config.tokens() > MAX_IMAGE_TOKENS {
            let tokens = config.tokens();
            return Err(unsupported(format!(
                "an image would be {tokens} tokens; at most {MAX_IMAGE_TOKENS} are supported"
            )));
        }
        Ok(config)
    }
}

fn tower_default(width: usize, mlp_width: usize, heads: usize) -> TowerConfig {
    let activation = Activation::QuickGelu;
    TowerConfig {
        width,
        mlp_width,
        layers: 12,
        heads,
        activation,
        layer_norm_eps: 1e-5,
    }
}

/// `hidden_act` by the names of transformers' `ACT2FN`.
fn activation(which: &str, name: &str) -> Result<Activation> {
    match name {
        "quick_gelu" => Ok(Activation::QuickGelu),
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        other => Err(unsupported(format!(
            "{which}.hidden_act is {other:?}; \"quick_gelu\" and \"gelu\" are supported"
        ))),
    }
}

fn size(name: &str, value: u64, min: u64, max: u64) -> Result<usize> {
    if (min..=max).contains(&value) {
        Ok(value as usize)
    } else {
        Err(unsupported(format!(
            "{name} is {value}; supported are {min} to {max}"
        )))
    }
}

fn malformed(reason: String) -> Error {
    Error::Model {
        file: "config.json".into(),
        reason,
    }
}

fn unsupported(reason: String) -> Error {
    Error::Unsupported {
        file: "config.json".into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_take_the_defaults_of_transformers() {
        let config = ClipConfig::from_json("{}").unwrap();
        assert_eq!(config.projection_dim, 512);
        assert_eq!(
            (
                config.text.tower.width,
                config.text.tower.mlp_width,
                config.text.tower.heads
            ),
            (512, 2048, 8)
        );
        let VisionConfig::Vit(vision) = config.vision else {
            panic!("{:?} is no vision transformer", config.vision);
        };
        assert_eq!((vision.tower.width, vision.tower.heads), (768, 12));
        assert_eq!((vision.tokens(), vision.patch_values()), (50, 3072));
        assert_eq!(config.no_match_threshold, None);
        assert_eq!(config.text.pooling, Pooling::EndOfText(49407));
    }

    #[test]
    fn older_config_dict_wins_and_the_historical_end_token_pools_at_the_largest_id() {
        let json = r#"{"text_config": {"hidden_size": 512, "eos_token_id": 7},
            "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12, "eos_token_id": 2, "hidden_act": "gelu"}}"#;
        let text = ClipConfig::from_json(json).unwrap().text;
        assert_eq!(text.tower.width, 768);
        assert_eq!(text.tower.activation, Activation::Gelu);
        assert_eq!(text.pooling, Pooling::LargestId);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (json, field) in [
            (r#"{"model_type": "siglip"}"#, "siglip"),
            (
                r#"{"vision_config": {"hidden_size": 4294967296}}"#,
                "vision_config.hidden_size",
            ),
            (
                r#"{"vision_config": {"hidden_size": 100}}"#,
                "num_attention_heads",
            ),
            (r#"{"vision_config": {"patch_size": 0}}"#, "patch_size"),
            (r#"{"vision_config": {"patch_size": 225}}"#, "patch_size"),
            (
                r#"{"vision_config": {"image_size": 4096, "patch_size": 1}}"#,
                "tokens",
            ),
            (r#"{"vision_config": {"num_channels": 4}}"#, "num_channels"),
            (r#"{"text_config": {"hidden_act": "relu"}}"#, "relu"),
            (r#"{"text_config": {"layer_norm_eps": 0}}"#, "layer_norm_eps"),
            (r#"{"text_config": {"vocab_size": -1}}"#, "-1"),
            (
                r#"{"vision_config": {"model_type": "siglip_vision_model"}}"#,
                "siglip_vision_model",
            ),
            (
                r#"{"vision_config": {"model_type": "efficientnet_lite"}}"#,
                "stem_channels",
            ),
            (r#"{"no_match_threshold": 1.5}"#, "no_match_threshold"),
            ("[", "EOF"),
        ] {
            let message = ClipConfig::from_json(json).unwrap_err().to_string();
            assert!(message.contains(field), "{json}: {message}");
        }
    }
}
