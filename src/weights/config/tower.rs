//! Fields of a transformer tower in `config.json`.

use serde::Deserialize;

use super::defaults::{Defaults, TextPooling, TowerDefaults};
use super::fields::{
    MAX_CONTEXT, MAX_HEADS, MAX_IMAGE, MAX_IMAGE_TOKENS, MAX_LAYERS, MAX_MLP_WIDTH, MAX_VOCAB, MAX_WIDTH,
    malformed, size, unsupported,
};
use super::{
    BertConfig, ImagePooling, Pooling, STEM_SIDES, TextCleaning, TextConfig, TowerConfig, VitConfig,
};
use crate::error::Result;
use cliplet_kernels::Activation;

/// `eos_token_id` of configs written before transformers fixed it; means "pool at the largest id".
const LEGACY_EOS: u64 = 2;
/// Most kinds of tokens that a BERT may tell apart.
const MAX_TOKEN_KINDS: u64 = 16;

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
    /// True where all tokens of a text see each other, as `open_clip` says it.
    no_causal_mask: Option<bool>,
    /// Tokens under a window of convolutions before and behind the transformer.
    convolution_window: Option<u64>,
    type_vocab_size: Option<u64>,
    position_embedding_type: Option<String>,
    /// The most tokens of a text, where that is less than there are positions.
    max_length: Option<u64>,
    /// `cls`, `mean` or `pooler`: the way in which a BERT is pooled.
    pooling: Option<String>,
    /// Width between the two linear maps that a BERT's projection may be made of.
    projection_hidden_size: Option<u64>,
    /// Steps before those of the tokenizer.
    text_cleaning: Option<String>,
    /// True where the projection of a BERT, or of a tower of `timm`, has a bias.
    projection_bias: Option<bool>,
    /// Width of a SigLIP's text embeddings.
    pub projection_size: Option<u64>,
    image_size: Option<u64>,
    patch_size: Option<u64>,
    /// Number of positions where images keep their proportions.
    num_patches: Option<u64>,
    num_channels: Option<u64>,
    /// True where convolutions stand in place of the patches' linear map.
    conv_stem: Option<bool>,
    /// True where the patches' linear map has a bias; a SigLIP's always has one.
    patch_bias: Option<bool>,
    /// False where tokens are not normalized before the first block.
    pre_norm: Option<bool>,
    /// True where a SigLIP's image tower has its attention pooling.
    pub vision_use_head: Option<bool>,
}

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
        let context = self.max_position_embeddings.unwrap_or(defaults.context);
        let context = size("text_config.max_position_embeddings", context, 2, MAX_CONTEXT)?;
        let vocab_size = self.vocab_size.unwrap_or(defaults.vocab_size);
        let bert = self.bert(defaults, context)?;
        let pooling = match defaults.text_pooling {
            TextPooling::LegacyEndToken if self.no_causal_mask == Some(true) => Pooling::LargestOfPadded,
            TextPooling::LegacyEndToken if eos == LEGACY_EOS => Pooling::LargestId,
            TextPooling::LegacyEndToken | TextPooling::EndToken => Pooling::EndOfText(eos as u32),
            TextPooling::Padded => Pooling::Last,
            TextPooling::Bert { padding, .. } => self.bert_pooling(padding)?,
        };
        if let (Pooling::EndOfText(end), Some(_)) = (pooling, self.eos_token_id)
            && u64::from(end) >= vocab_size
        {
            return Err(malformed(format!(
                "text_config.eos_token_id is {end}, but vocab_size is {vocab_size}"
            )));
        }
        let convolution_window = self.convolution_window(pooling)?;
        let positions = context - bert.as_ref().map_or(0, |bert| bert.first_position);
        let longest = self.max_length.unwrap_or(positions as u64);
        Ok(TextConfig {
            tower: self.tower("text_config", &defaults.text)?,
            vocab_size: size("text_config.vocab_size", vocab_size, 1, MAX_VOCAB)?,
            context_length: size("text_config.max_length", longest, 2, positions as u64)?,
            pooling,
            bert,
            convolution_window,
            cleaning: self.cleaning()?,
        })
    }

    fn cleaning(&self) -> Result<Option<TextCleaning>> {
        match self.text_cleaning.as_deref() {
            None => Ok(None),
            Some("whitespace") => Ok(Some(TextCleaning::Whitespace)),
            Some("lower") => Ok(Some(TextCleaning::Lower)),
            Some("canonicalize") => Ok(Some(TextCleaning::Canonicalize)),
            Some(other) => Err(unsupported(format!(
                "text_config.text_cleaning is {other:?}; \"whitespace\", \"lower\" and \"canonicalize\" are supported"
            ))),
        }
    }

    /// The window of a text tower's convolutions, which see later tokens as they see earlier ones.
    fn convolution_window(&self, pooling: Pooling) -> Result<Option<usize>> {
        let Some(window) = self.convolution_window else {
            return Ok(None);
        };
        if pooling != Pooling::LargestOfPadded {
            return Err(malformed(format!(
                "text_config.convolution_window is {window}, but no_causal_mask is not true"
            )));
        }
        match window {
            1 | 3 | 5 | 7 | 9 | 11 => Ok(Some(window as usize)),
            _ => Err(unsupported(format!(
                "text_config.convolution_window is {window}; odd numbers up to 11 are supported"
            ))),
        }
    }

    /// The ends of a BERT with `positions` rows of positions; `None` for another kind of tower.
    fn bert(&self, defaults: &Defaults, positions: usize) -> Result<Option<BertConfig>> {
        let TextPooling::Bert {
            token_kinds,
            padding,
            after_padding,
        } = defaults.text_pooling
        else {
            return Ok(None);
        };
        if let Some(other) = self
            .position_embedding_type
            .as_deref()
            .filter(|kind| *kind != "absolute")
        {
            return Err(unsupported(format!(
                "text_config.position_embedding_type is {other:?}; \"absolute\" is supported"
            )));
        }
        let kinds = self.type_vocab_size.unwrap_or(token_kinds);
        let first = match after_padding {
            true => self.pad_token_id.unwrap_or(padding).saturating_add(1),
            false => 0,
        };
        let last = positions as u64 - 2;
        let hidden = self.projection_hidden_size.map(|hidden| {
            let name = "text_config.projection_hidden_size";
            size(name, hidden, 1, MAX_WIDTH)
        });
        if let (Some(hidden), Some(true)) = (self.projection_hidden_size, self.projection_bias) {
            return Err(malformed(format!(
                "text_config.projection_hidden_size is {hidden}, but projection_bias is true; two linear maps have no biases"
            )));
        }
        Ok(Some(BertConfig {
            token_kinds: size(
                "text_config.type_vocab_size",
                kinds,
                token_kinds.min(1),
                MAX_TOKEN_KINDS,
            )?,
            positions,
            first_position: size(
                "the first position, behind text_config.pad_token_id,",
                first,
                0,
                last,
            )?,
            has_pooler: self.pooling.as_deref() == Some("pooler"),
            projection_hidden: hidden.transpose()?,
            projection_bias: self.projection_bias.unwrap_or(false),
        }))
    }

    fn bert_pooling(&self, padding: u64) -> Result<Pooling> {
        let padding = self.pad_token_id.unwrap_or(padding);
        let padding = size("text_config.pad_token_id", padding, 0, MAX_VOCAB)? as u32;
        match self.pooling.as_deref() {
            None | Some("cls" | "pooler") => Ok(Pooling::First { padding }),
            Some("mean") => Ok(Pooling::Mean { padding }),
            Some(other) => Err(unsupported(format!(
                "text_config.pooling is {other:?}; \"cls\", \"mean\" and \"pooler\" are supported"
            ))),
        }
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
        let patch_size = size("vision_config.patch_size", patch_size, 1, MAX_IMAGE)?;
        let image_size = match defaults.keeps_proportions {
            true => self.side_of_positions()? * patch_size as u64,
            false => self.image_size.unwrap_or(224),
        };
        let config = VitConfig {
            tower: self.tower("vision_config", &defaults.vision)?,
            image_size: size("vision_config.image_size", image_size, 1, MAX_IMAGE)?,
            patch_size,
            keeps_proportions: defaults.keeps_proportions,
            pooling: defaults.image_pooling,
            conv_stem: self.conv_stem.unwrap_or(false),
            patch_bias: self
                .patch_bias
                .unwrap_or(defaults.image_pooling == ImagePooling::Attention),
            pre_norm: self.pre_norm.unwrap_or(true),
            projection_bias: self.projection_bias.unwrap_or(false),
        };
        let stem: usize = STEM_SIDES.iter().product();
        if config.conv_stem && (config.patch_size != stem || !config.tower.width.is_multiple_of(4)) {
            return Err(malformed(format!(
                "vision_config.conv_stem is true, but patch_size is {}, not {stem}, or hidden_size {} no multiple of 4",
                config.patch_size, config.tower.width
            )));
        }
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

impl RawTower {
    /// Side of the square that a table of `num_patches` positions is.
    fn side_of_positions(&self) -> Result<u64> {
        let count = size(
            "vision_config.num_patches",
            self.num_patches.unwrap_or(256),
            1,
            MAX_IMAGE_TOKENS as u64,
        )? as u64;
        match count.isqrt() {
            side if side * side == count => Ok(side),
            _ => Err(malformed(format!(
                "vision_config.num_patches is {count}; the positions of patches are a square, such as 256"
            ))),
        }
    }
}

/// `hidden_act` by the names of transformers' `ACT2FN`.
fn activation(which: &str, name: &str) -> Result<Activation> {
    match name {
        "quick_gelu" => Ok(Activation::QuickGelu),
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        // The same function under four names, which differ in the way they round.
        "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" | "gelu_accurate" => Ok(Activation::GeluTanh),
        other => Err(unsupported(format!(
            "{which}.hidden_act is {other:?}; \"quick_gelu\", \"gelu\" and \"gelu_pytorch_tanh\" are supported"
        ))),
    }
}
