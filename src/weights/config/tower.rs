//! Fields of a transformer tower in `config.json`, and their defaults.

use serde::Deserialize;

use super::{
    ImagePooling, MAX_CONTEXT, MAX_HEADS, MAX_IMAGE, MAX_IMAGE_TOKENS, MAX_LAYERS, MAX_MLP_WIDTH, MAX_VOCAB,
    MAX_WIDTH, Pooling, TextConfig, TowerConfig, VitConfig, malformed, size, unsupported,
};
use crate::error::Result;
use cliplet_kernels::Activation;

/// `eos_token_id` of configs written before transformers fixed it; means "pool at the largest id".
const LEGACY_EOS: u64 = 2;

/// Fields of either tower; those of the other one are ignored where they appear.
#[derive(Default, Deserialize)]
pub struct RawTower {
    hidden_size: Option<u64>,
    intermediate_size: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
    vocab_size: Option<u64>,
    max_position_embeddings: Option<u64>,
    eos_token_id: Option<u64>,
    pad_token_id: Option<u64>,
    /// Width of a SigLIP's text embeddings.
    pub projection_size: Option<u64>,
    image_size: Option<u64>,
    patch_size: Option<u64>,
    num_channels: Option<u64>,
    /// True where a SigLIP's image tower has its attention pooling.
    pub vision_use_head: Option<bool>,
}

/// Values of absent fields of one tower.
struct TowerDefaults {
    width: u64,
    mlp_width: u64,
    heads: u64,
    activation: &'static str,
    layer_norm_eps: f64,
}

/// Ways in which a family pools texts.
enum TextPooling {
    /// At the end token, or at the largest id where `eos_token_id` is 2.
    LegacyEndToken,
    /// At the end token.
    EndToken,
    /// At the last token of a padded text.
    Padded,
    /// At the first token of a BERT.
    Bert,
}

/// Values of absent fields, and what differs between families.
pub struct Defaults {
    text: TowerDefaults,
    vision: TowerDefaults,
    vocab_size: u64,
    context: u64,
    patch_size: u64,
    text_pooling: TextPooling,
    image_pooling: ImagePooling,
}

impl Defaults {
    /// Those of `CLIPTextConfig` and `CLIPVisionConfig`.
    pub const CLIP: Self = Self {
        text: TowerDefaults {
            width: 512,
            mlp_width: 2048,
            heads: 8,
            ..BASE
        },
        vision: BASE,
        vocab_size: 49408,
        context: 77,
        patch_size: 32,
        text_pooling: TextPooling::LegacyEndToken,
        image_pooling: ImagePooling::ClassToken,
    };

    /// Those of `MetaClip2TextConfig` and `MetaClip2VisionConfig`.
    pub const METACLIP_2: Self = Self {
        text_pooling: TextPooling::EndToken,
        ..Self::CLIP
    };

    /// Those of `ChineseCLIPTextConfig` and `ChineseCLIPVisionConfig`.
    pub const CHINESE_CLIP: Self = Self {
        text: TowerDefaults {
            activation: "gelu",
            layer_norm_eps: 1e-12,
            ..BASE
        },
        vocab_size: 30522,
        context: 512,
        text_pooling: TextPooling::Bert,
        ..Self::CLIP
    };

    /// Those of `SiglipTextConfig` and `SiglipVisionConfig`.
    pub const SIGLIP: Self = Self {
        text: SIGLIP_BASE,
        vision: SIGLIP_BASE,
        vocab_size: 32000,
        context: 64,
        patch_size: 16,
        text_pooling: TextPooling::Padded,
        image_pooling: ImagePooling::Attention,
    };
}

/// A tower of the size that papers call base, as CLIP's image towers have it.
const BASE: TowerDefaults = TowerDefaults {
    width: 768,
    mlp_width: 3072,
    heads: 12,
    activation: "quick_gelu",
    layer_norm_eps: 1e-5,
};

/// A tower of that size, as SigLIP has it.
const SIGLIP_BASE: TowerDefaults = TowerDefaults {
    activation: "gelu_pytorch_tanh",
    layer_norm_eps: 1e-6,
    ..BASE
};

impl RawTower {
    fn tower(&self, which: &str, defaults: &TowerDefaults) -> Result<TowerConfig> {
        let field = |name: &str, value: Option<u64>, default: u64, max: u64| {
            size(&format!("{which}.{name}"), value.unwrap_or(default), 1, max)
        };
        let width = field("hidden_size", self.hidden_size, defaults.width, MAX_WIDTH)?;
        let heads = field(
            "num_attention_heads",
            self.num_attention_heads,
            defaults.heads,
            MAX_HEADS,
        )?;
        if !width.is_multiple_of(heads) {
            return Err(malformed(format!(
                "{which}.hidden_size {width} is not a multiple of num_attention_heads {heads}"
            )));
        }
        let eps = self.layer_norm_eps.unwrap_or(defaults.layer_norm_eps);
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
                defaults.mlp_width,
                MAX_MLP_WIDTH,
            )?,
            layers: field("num_hidden_layers", self.num_hidden_layers, 12, MAX_LAYERS)?,
            heads,
            activation: activation(which, self.hidden_act.as_deref().unwrap_or(defaults.activation))?,
            layer_norm_eps: eps as f32,
        })
    }

    /// The text tower that the fields describe.
    pub fn into_text(self, defaults: &Defaults) -> Result<TextConfig> {
        let eos = self.eos_token_id.unwrap_or(49407);
        let eos = size("text_config.eos_token_id", eos, 0, MAX_VOCAB)? as u64;
        let padding = self.pad_token_id.unwrap_or(0);
        let padding = size("text_config.pad_token_id", padding, 0, MAX_VOCAB)? as u32;
        let context = self.max_position_embeddings.unwrap_or(defaults.context);
        let vocab_size = self.vocab_size.unwrap_or(defaults.vocab_size);
        Ok(TextConfig {
            tower: self.tower("text_config", &defaults.text)?,
            vocab_size: size("text_config.vocab_size", vocab_size, 1, MAX_VOCAB)?,
            context_length: size("text_config.max_position_embeddings", context, 2, MAX_CONTEXT)?,
            pooling: match defaults.text_pooling {
                TextPooling::LegacyEndToken if eos == LEGACY_EOS => Pooling::LargestId,
                TextPooling::LegacyEndToken | TextPooling::EndToken => Pooling::EndOfText(eos as u32),
                TextPooling::Padded => Pooling::Last,
                TextPooling::Bert => Pooling::First { padding },
            },
        })
    }

    /// The vision transformer that the fields describe.
    pub fn into_vision(self, defaults: &Defaults) -> Result<VitConfig> {
        let channels = self.num_channels.unwrap_or(3);
        if channels != 3 {
            return Err(unsupported(format!(
                "vision_config.num_channels is {channels}; only 3 is supported"
            )));
        }
        let patch_size = self.patch_size.unwrap_or(defaults.patch_size);
        let config = VitConfig {
            tower: self.tower("vision_config", &defaults.vision)?,
            image_size: size(
                "vision_config.image_size",
                self.image_size.unwrap_or(224),
                1,
                MAX_IMAGE,
            )?,
            patch_size: size("vision_config.patch_size", patch_size, 1, MAX_IMAGE)?,
            pooling: defaults.image_pooling,
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

/// `hidden_act` by the names of transformers' `ACT2FN`.
fn activation(which: &str, name: &str) -> Result<Activation> {
    match name {
        "quick_gelu" => Ok(Activation::QuickGelu),
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        "gelu_pytorch_tanh" | "gelu_new" => Ok(Activation::GeluTanh),
        other => Err(unsupported(format!(
            "{which}.hidden_act is {other:?}; \"quick_gelu\", \"gelu\" and \"gelu_pytorch_tanh\" are supported"
        ))),
    }
}
