//! Values of absent fields of transformer towers, by the family that a model is of.

use super::ImagePooling;

/// Values of absent fields of one tower.
#[derive(Clone, Copy)]
pub(super) struct TowerDefaults {
    pub(super) width: u64,
    pub(super) mlp_width: u64,
    pub(super) heads: u64,
    pub(super) activation: &'static str,
    pub(super) layer_norm_eps: f64,
}

/// Ways in which a family pools texts.
#[derive(Clone, Copy)]
pub(super) enum TextPooling {
    /// At the end token, or at the largest id where `eos_token_id` is 2.
    LegacyEndToken,
    /// At the end token.
    EndToken,
    /// At the last token of a padded text.
    Padded,
    /// At the first token of a BERT, or over all of them.
    Bert {
        /// Kinds of tokens, where the configuration does not say.
        token_kinds: u64,
        /// Id of the padding token, where the configuration does not say.
        padding: u64,
        /// True if positions begin behind the row of the padding token.
        after_padding: bool,
    },
}

/// Values of absent fields, and what differs between families.
#[derive(Clone, Copy)]
pub struct Defaults {
    pub(super) text: TowerDefaults,
    pub(super) vision: TowerDefaults,
    pub(super) vocab_size: u64,
    pub(super) context: u64,
    pub(super) patch_size: u64,
    pub(super) text_pooling: TextPooling,
    pub(super) image_pooling: ImagePooling,
    pub(super) keeps_proportions: bool,
}

impl Defaults {
    /// Defaults of `CLIPTextConfig` and `CLIPVisionConfig`.
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
        keeps_proportions: false,
    };

    /// Defaults of `MetaClip2TextConfig` and `MetaClip2VisionConfig`.
    pub const METACLIP_2: Self = Self {
        text_pooling: TextPooling::EndToken,
        ..Self::CLIP
    };

    /// Defaults of `ChineseCLIPTextConfig` and `ChineseCLIPVisionConfig`.
    pub const CHINESE_CLIP: Self = Self {
        text: TowerDefaults {
            activation: "gelu",
            layer_norm_eps: 1e-12,
            ..BASE
        },
        vocab_size: 30522,
        context: 512,
        text_pooling: TextPooling::Bert {
            token_kinds: 2,
            padding: 0,
            after_padding: false,
        },
        ..Self::CLIP
    };

    /// Defaults of `DistilBertConfig`, under the names of `BertConfig`.
    const DISTILBERT: Self = Self {
        text_pooling: TextPooling::Bert {
            token_kinds: 0,
            padding: 0,
            after_padding: false,
        },
        ..Self::CHINESE_CLIP
    };

    /// Defaults of `XLMRobertaConfig` and `RobertaConfig`.
    const XLM_ROBERTA: Self = Self {
        text_pooling: TextPooling::Bert {
            token_kinds: 2,
            padding: 1,
            after_padding: true,
        },
        ..Self::CHINESE_CLIP
    };

    /// Defaults of the text tower that `model_type` names, in a model whose own text tower has these.
    pub fn of_text_tower(self, model_type: Option<&str>) -> Self {
        match model_type {
            Some("bert") => Self::CHINESE_CLIP,
            Some("distilbert") => Self::DISTILBERT,
            Some("xlm-roberta" | "roberta") => Self::XLM_ROBERTA,
            _ => self,
        }
    }

    /// Defaults of `SiglipTextConfig` and `SiglipVisionConfig`.
    pub const SIGLIP: Self = Self {
        text: SIGLIP_BASE,
        vision: SIGLIP_BASE,
        vocab_size: 32000,
        context: 64,
        patch_size: 16,
        text_pooling: TextPooling::Padded,
        image_pooling: ImagePooling::Attention,
        keeps_proportions: false,
    };

    /// Defaults of `Siglip2TextConfig` and `Siglip2VisionConfig`.
    pub const NAFLEX: Self = Self {
        keeps_proportions: true,
        ..Self::SIGLIP
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
