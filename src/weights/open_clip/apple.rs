//! MobileCLIP as Apple published its first version: tensors under the names of its own classes, and a configuration of
//! its own. Both are brought to the form of `open_clip`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{malformed, unsupported};
use crate::error::Result;

/// Names of the image tower and of the text tower begin so.
const TOWERS: [&str; 2] = ["image_encoder.model.", "text_encoder."];
/// Parts of names in the text tower and in the vision transformer, and those of `open_clip` and `timm`, in the order in
/// which they are replaced.
const TEXT: [(&str, &str); 11] = [
    ("projection_layer", "text_projection"),
    ("embedding_layer", "token_embedding"),
    ("positional_embedding.pos_embed.pos_embed", "positional_embedding"),
    ("final_layer_norm", "ln_final"),
    ("pre_norm_mha.0", "ln_1"),
    ("pre_norm_mha.1", "attn"),
    ("pre_norm_ffn.0", "ln_2"),
    ("pre_norm_ffn.1", "mlp.c_fc"),
    ("pre_norm_ffn.4", "mlp.c_proj"),
    ("qkv_proj.", "in_proj_"),
    ("transformer.", "transformer.resblocks."),
];
const VIT: [(&str, &str); 13] = [
    ("patch_emb.", "patch_embed.backbone."),
    ("block.conv", "conv"),
    ("block.norm", "bn"),
    ("post_transformer_norm.", "norm."),
    ("pre_norm_mha.0", "norm1"),
    ("pre_norm_mha.1", "attn"),
    ("pre_norm_ffn.0", "norm2"),
    ("pre_norm_ffn.1", "mlp.fc1"),
    ("pre_norm_ffn.4", "mlp.fc2"),
    ("qkv_proj.", "qkv."),
    ("out_proj.", "proj."),
    ("transformer.", "blocks."),
    ("pos_embed.pos_embed.pos_embed", "pos_embed"),
];
/// The same for a FastViT.
const FASTVIT: [(&str, &str); 10] = [
    ("patch_embed.", "stem."),
    ("rbr_conv", "conv_kxk"),
    ("rbr_scale", "conv_scale"),
    ("rbr_skip", "identity"),
    ("conv_exp", "final_conv"),
    ("lkb_origin", "large_conv"),
    ("lkb_reparam", "reparam_conv"),
    ("convffn", "mlp"),
    ("se.reduce", "se.fc1"),
    ("se.expand", "se.fc2"),
];

/// The names of a file of Apple's.
#[derive(Default)]
pub struct AppleNames {
    /// True for a vision transformer.
    is_vit: bool,
    /// Places of the layers that begin a stage among those of the tower.
    stages: BTreeSet<usize>,
    /// Places of the blocks of convolutions among those of the text tower.
    convolutions: BTreeSet<usize>,
}

/// Tokens under a window of the convolutions in a text tower of the kind "mct".
const WINDOW: u64 = 11;

impl AppleNames {
    /// The naming of a file that holds tensors of these names; `None` where they are not Apple's.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (mut found, mut naming) = (false, Self::default());
        for name in names {
            if let Some(rest) = name.strip_prefix(TOWERS[0]) {
                found = true;
                naming.is_vit |= rest.starts_with("patch_emb.");
                let place = place(rest, "network.").filter(|(_, layer)| layer.starts_with("proj."));
                naming.stages.extend(place.map(|(place, _)| place));
            }
            let text = name.strip_prefix(TOWERS[1]);
            let place = text.and_then(|rest| place(rest, "transformer."));
            let convolution = place.filter(|(_, layer)| layer.starts_with("token_mixer."));
            naming.convolutions.extend(convolution.map(|(place, _)| place));
        }
        found.then_some(naming)
    }

    /// The name that `open_clip` gives to the tensor `name`.
    pub fn open_clip(&self, name: &str) -> String {
        if let Some(rest) = name.strip_prefix(TOWERS[1]) {
            return format!("text.{}", self.text(rest));
        }
        let Some(rest) = name.strip_prefix(TOWERS[0]) else {
            return name.into();
        };
        let inner = match self.is_vit {
            true => replaced(rest, &VIT).replace("classifier.proj", "head.proj"),
            false => self.fastvit(rest),
        };
        format!("visual.trunk.{inner}")
    }

    /// The name of a tensor of the text tower, whose blocks of convolutions are counted by themselves.
    fn text(&self, rest: &str) -> String {
        let Some((at, layer)) = place(rest, "transformer.") else {
            return replaced(rest, &TEXT);
        };
        let before = self.convolutions.range(..at).count();
        match self.convolutions.contains(&at) {
            true => format!("convolutions.{before}.{}", convolutions(layer)),
            false => replaced(&format!("transformer.{}.{layer}", at - before), &TEXT),
        }
    }

    fn fastvit(&self, rest: &str) -> String {
        let renamed = convolutions(rest);
        let Some((place, layer)) = place(&renamed, "network.") else {
            return renamed;
        };
        let stage = self.stages.range(..=place).count();
        let inner = match layer.split_once('.') {
            Some(("proj", _)) => format!("downsample.{layer}"),
            Some(("pe", what)) => format!("pos_emb.pos_enc.{what}"),
            Some(("reparam_conv", _)) => format!("pos_emb.{layer}"),
            _ => format!("blocks.{layer}"),
        };
        format!("stages.{stage}.{inner}")
    }
}

/// The place and the rest of a name such as `network.3.proj.0.weight`, in the list `network.`.
fn place<'a>(name: &'a str, list: &str) -> Option<(usize, &'a str)> {
    let (place, layer) = name.strip_prefix(list)?.split_once('.')?;
    Some((place.parse().ok()?, layer))
}

/// The name of a tensor of a block of convolutions.
fn convolutions(name: &str) -> String {
    let renamed = replaced(name, &FASTVIT);
    let last = renamed.rsplit('.').next().unwrap_or_default();
    match last.starts_with("layer_scale") {
        true => format!("{renamed}.gamma"),
        false => renamed,
    }
}

fn replaced(name: &str, pairs: &[(&str, &str)]) -> String {
    let replace = |name: String, (theirs, ours): &(&str, &str)| name.replace(theirs, ours);
    pairs.iter().fold(name.to_string(), replace)
}

/// Returns true for the text of a configuration of Apple's, such as `mobileclip_s1.json`.
pub fn is_config(json: &Value) -> bool {
    json.get("image_cfg").is_some() && json.get("text_cfg").is_some()
}

/// The `open_clip_config.json` that Apple's configuration comes to.
pub fn config(json: &Value) -> Result<Value> {
    let field = |section: &str, name: &str| json[section].get(name).cloned().unwrap_or_default();
    let tower = field("image_cfg", "model_name");
    let tower = match tower.as_str() {
        Some("mci0") => "fastvit_mci0",
        Some("mci1") => "fastvit_mci1",
        Some("mci2") => "fastvit_mci2",
        Some("vit_b16") => "vit_base_mci_224",
        _ => {
            return Err(unsupported(format!(
                "image_cfg.model_name is {tower}; \"mci0\", \"mci1\", \"mci2\" and \"vit_b16\" are supported"
            )));
        }
    };
    let text = field("text_cfg", "model_name");
    let window = match text.as_str() {
        Some("base") => None,
        Some("mct") => Some(WINDOW),
        _ => {
            return Err(unsupported(format!(
                "text_cfg.model_name is {text}; \"base\" and \"mct\" are supported"
            )));
        }
    };
    let ratio = field("text_cfg", "ffn_multiplier_per_layer");
    let causal = field("text_cfg", "causal_masking").as_bool();
    let causal = causal.ok_or_else(|| malformed("text_cfg.causal_masking is no truth value".into()))?;
    let pool = if tower == "vit_base_mci_224" {
        "token"
    } else {
        "avg"
    };
    Ok(json!({
        "model_cfg": {
            "embed_dim": json["embed_dim"],
            "custom_text": true,
            "vision_cfg": {
                "timm_model_name": tower, "timm_proj": null, "timm_pool": pool,
                "image_size": field("image_cfg", "image_size"),
                "timm_model_kwargs": field("image_cfg", "timm_model_kwargs"),
            },
            "text_cfg": {
                "context_length": field("text_cfg", "context_length"),
                "vocab_size": field("text_cfg", "vocab_size"),
                "width": field("text_cfg", "dim"),
                "heads": field("text_cfg", "n_heads_per_layer"),
                "layers": field("text_cfg", "n_transformer_layers"),
                "mlp_ratio": ratio,
                "no_causal_mask": !causal,
                "convolution_window": window,
            },
        },
        // As Apple prepares images.
        "preprocess_cfg": {
            "mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bilinear", "resize_mode": "shortest",
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_open_clip() {
        let names = [
            "image_encoder.model.network.1.proj.0.lkb_origin.conv.weight",
            "image_encoder.model.network.3.proj.0.lkb_origin.conv.weight",
            "image_encoder.model.network.5.proj.0.lkb_origin.conv.weight",
        ];
        let naming = AppleNames::of(names.into_iter()).unwrap();
        for (theirs, ours) in [
            (
                "patch_embed.0.rbr_conv.0.conv.weight",
                "stem.0.conv_kxk.0.conv.weight",
            ),
            (
                "network.0.1.token_mixer.layer_scale",
                "stages.0.blocks.1.token_mixer.layer_scale.gamma",
            ),
            (
                "network.5.proj.0.se.reduce.bias",
                "stages.3.downsample.proj.0.se.fc1.bias",
            ),
            ("network.6.pe.weight", "stages.3.pos_emb.pos_enc.weight"),
            (
                "network.6.reparam_conv.bias",
                "stages.3.pos_emb.reparam_conv.bias",
            ),
            (
                "network.7.0.layer_scale_2",
                "stages.3.blocks.0.layer_scale_2.gamma",
            ),
            (
                "network.2.3.convffn.conv.bn.running_var",
                "stages.1.blocks.3.mlp.conv.bn.running_var",
            ),
            ("conv_exp.rbr_scale.bn.bias", "final_conv.conv_scale.bn.bias"),
            ("head.proj", "head.proj"),
        ] {
            let name = format!("image_encoder.model.{theirs}");
            assert_eq!(naming.open_clip(&name), format!("visual.trunk.{ours}"));
        }
        for (theirs, ours) in [
            (
                "text_encoder.transformer.3.pre_norm_mha.1.qkv_proj.bias",
                "text.transformer.resblocks.3.attn.in_proj_bias",
            ),
            (
                "text_encoder.positional_embedding.pos_embed.pos_embed",
                "text.positional_embedding",
            ),
            ("text_encoder.projection_layer", "text.text_projection"),
            ("logit_scale", "logit_scale"),
        ] {
            assert_eq!(naming.open_clip(theirs), ours);
        }
        let vit = AppleNames::of(["image_encoder.model.patch_emb.0.block.conv.weight"].into_iter()).unwrap();
        for (theirs, ours) in [
            ("patch_emb.0.block.norm.bias", "patch_embed.backbone.0.bn.bias"),
            (
                "transformer.2.pre_norm_mha.1.out_proj.weight",
                "blocks.2.attn.proj.weight",
            ),
            ("classifier.proj", "head.proj"),
            ("pos_embed.pos_embed.pos_embed", "pos_embed"),
        ] {
            let name = format!("image_encoder.model.{theirs}");
            assert_eq!(vit.open_clip(&name), format!("visual.trunk.{ours}"));
        }
        assert!(AppleNames::of(["visual.trunk.cls_token"].into_iter()).is_none());
        let hybrid = [
            "image_encoder.model.head.proj",
            "text_encoder.transformer.0.token_mixer.layer_scale",
            "text_encoder.transformer.5.token_mixer.layer_scale",
        ];
        let hybrid = AppleNames::of(hybrid.into_iter()).unwrap();
        for (theirs, ours) in [
            (
                "0.token_mixer.mixer.rbr_conv.0.bn.bias",
                "convolutions.0.token_mixer.mixer.conv_kxk.0.bn.bias",
            ),
            ("1.pre_norm_ffn.4.bias", "transformer.resblocks.0.mlp.c_proj.bias"),
            ("5.layer_scale", "convolutions.1.layer_scale.gamma"),
            (
                "5.convffn.conv.conv.weight",
                "convolutions.1.mlp.conv.conv.weight",
            ),
        ] {
            let name = format!("text_encoder.transformer.{theirs}");
            assert_eq!(hybrid.open_clip(&name), format!("text.{ours}"));
        }
    }

    #[test]
    fn towers_that_are_not_there_are_named() {
        for (image, text, reason) in [
            ("mci9", "base", "image_cfg.model_name is \"mci9\""),
            (
                "mci0",
                "rnn",
                "text_cfg.model_name is \"rnn\"; \"base\" and \"mct\"",
            ),
        ] {
            let json = json!({"image_cfg": {"model_name": image}, "text_cfg": {"model_name": text, "causal_masking": false}});
            assert!(is_config(&json));
            let error = config(&json).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
