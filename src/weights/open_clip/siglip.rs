//! SigLIPs in the files of `open_clip`: `timm`'s vision transformer, pooled by attention, and `open_clip`'s own text
//! transformer, pooled at the last token.

use serde_json::{Value, json};

use super::config::{take_text_sizes, tower};
use super::fields::Fields;
use super::{malformed, unsupported};
use crate::error::Result;

/// Image towers by their names in `timm`, and if their GELU is the tanh approximation.
pub const KNOWN: [(&str, bool); 16] = [
    ("vit_base_patch16_siglip_224", false),
    ("vit_base_patch16_siglip_256", false),
    ("vit_base_patch16_siglip_384", false),
    ("vit_base_patch16_siglip_512", false),
    ("vit_base_patch32_siglip_256", true),
    ("vit_large_patch16_siglip_256", false),
    ("vit_large_patch16_siglip_384", false),
    ("vit_large_patch16_siglip_512", true),
    ("vit_so400m_patch14_siglip_224", false),
    ("vit_so400m_patch14_siglip_378", false),
    ("vit_so400m_patch14_siglip_384", false),
    ("vit_so400m_patch16_siglip_256", true),
    ("vit_so400m_patch16_siglip_384", true),
    ("vit_so400m_patch16_siglip_512", true),
    ("vit_giantopt_patch16_siglip_256", true),
    ("vit_giantopt_patch16_siglip_384", true),
];

/// `model_type` of the `vision_config` of such a tower.
pub const VISION: &str = "siglip_vision_model";

/// The `vision_config` of the tower `name`, with its `mlp_ratio` in place of a width; `None` for another name.
pub fn vision(name: &str) -> Option<Value> {
    let (_, is_tanh) = KNOWN.iter().find(|(known, _)| *known == name)?;
    let (size, rest) = name.strip_prefix("vit_")?.split_once("_patch")?;
    let (patch, rest) = rest.split_once("_siglip_")?;
    let (width, layers, heads, ratio) = match size {
        "base" => (768, 12, 12, 4.0),
        "large" => (1024, 24, 16, 4.0),
        "so400m" => (1152, 27, 16, 3.7362),
        _ => (1536, 40, 16, 4.0),
    };
    Some(json!({
        "model_type": VISION,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "patch_size": patch.parse::<u64>().ok()?,
        "image_size": rest.parse::<u64>().ok()?,
        "mlp_ratio": ratio,
        "hidden_act": if *is_tanh { "gelu_pytorch_tanh" } else { "gelu" },
        "layer_norm_eps": 1e-6,
    }))
}

/// The `config.json` of a SigLIP whose image tower has the settings `vision` and whose text tower has those of `text`;
/// `act` is the activation of the latter.
///
/// # Errors
/// [`Error::Unsupported`](crate::Error::Unsupported) and [`Error::Model`](crate::Error::Model) for settings that make
/// another model than a SigLIP of them, with what they would have to be.
pub fn config(
    vision: Value,
    mut text: Fields,
    embed_dim: u64,
    bias: Option<Value>,
    act: &str,
) -> Result<Value> {
    if vision["hidden_size"] != embed_dim {
        return Err(malformed(format!(
            "model_cfg.embed_dim is {embed_dim}, but the image tower, whose tokens are its embeddings, has the width {}",
            vision["hidden_size"]
        )));
    }
    if !bias.as_ref().is_some_and(Value::is_number) {
        let given = bias.unwrap_or_default();
        return Err(unsupported(format!(
            "model_cfg.init_logit_bias is {given}, but the image tower is a SigLIP's, whose scores have a bias"
        )));
    }
    if let Some(name) = text.take("hf_model_name") {
        return Err(unsupported(format!(
            "model_cfg.text_cfg.hf_model_name is {name}, but the image tower is a SigLIP's, with which open_clip's own text \
             transformer is supported"
        )));
    }
    for (name, needed) in [
        ("pool_type", Value::from("last")),
        ("no_causal_mask", true.into()),
        ("proj_bias", true.into()),
    ] {
        let given = text.take(name).unwrap_or_default();
        if given != needed {
            return Err(unsupported(format!(
                "model_cfg.text_cfg.{name} is {given}, but the image tower is a SigLIP's, with which {needed} is supported"
            )));
        }
    }
    let (width, layers) = (text.count("width", 512)?, text.count("layers", 12)?);
    let mut config = tower(&mut text, width, layers, act)?;
    text.one_of("proj_type", "linear", &["linear"])?;
    config.insert("projection_size".into(), embed_dim.into());
    take_text_sizes(text, &mut config)?;
    Ok(json!({"model_type": "siglip", "text_config": config, "vision_config": vision}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::open_clip::config::config_json;
    use crate::weights::{ClipConfig, Family, Pooling, VisionConfig};

    /// The settings of a published SigLIP with those of `extra` in its sections.
    fn converted(extra: Value) -> Result<ClipConfig> {
        let mut model = json!({
            "embed_dim": 768, "init_logit_bias": -10, "custom_text": true,
            "vision_cfg": {"image_size": 224, "timm_model_name": "vit_base_patch16_siglip_224",
                           "timm_model_pretrained": false, "timm_pool": "map", "timm_proj": "none"},
            "text_cfg": {"context_length": 64, "vocab_size": 32000, "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
                         "tokenizer_kwargs": {"clean": "canonicalize"}, "width": 768, "heads": 12, "layers": 12,
                         "no_causal_mask": true, "proj_bias": true, "pool_type": "last", "norm_kwargs": {"eps": 1e-6}},
        });
        for (name, value) in extra.as_object().unwrap() {
            match value.as_object() {
                Some(fields) => model[name].as_object_mut().unwrap().extend(fields.clone()),
                None => model[name] = value.clone(),
            }
        }
        ClipConfig::from_json(&config_json(&json!({ "model_cfg": model }).to_string())?)
    }

    #[test]
    fn every_name_has_its_sizes() {
        for (name, _) in KNOWN {
            let fields = vision(name).unwrap();
            let (width, side) = (fields["hidden_size"].clone(), fields["image_size"].clone());
            let config = converted(json!({
                "embed_dim": width, "vision_cfg": {"timm_model_name": name, "image_size": side},
            }));
            let config = config.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(config.family, Family::Siglip);
        }
        let config = converted(json!({
            "embed_dim": 1152, "vision_cfg": {"timm_model_name": "vit_so400m_patch14_siglip_384", "image_size": 384},
            "text_cfg": {"mlp_ratio": 3.7362, "width": 1152, "heads": 16, "layers": 27},
        }));
        let config = config.unwrap();
        let (Some(text), Some(VisionConfig::Vit(vision))) = (config.text, config.vision) else {
            panic!("both towers are there");
        };
        assert_eq!((vision.tower.mlp_width, vision.tokens()), (4304, 729));
        assert_eq!((text.tower.mlp_width, text.pooling), (4304, Pooling::Last));
    }

    #[test]
    fn settings_of_another_model_are_named_with_both_values() {
        for (extra, reason) in [
            (
                json!({"embed_dim": 512}),
                "embed_dim is 512, but the image tower, whose tokens are its embeddings, has the width 768",
            ),
            (json!({"init_logit_bias": null}), "init_logit_bias is null, but"),
            (
                json!({"text_cfg": {"pool_type": "argmax"}}),
                "pool_type is \"argmax\", but the image tower is a SigLIP's, with which \"last\"",
            ),
            (
                json!({"text_cfg": {"no_causal_mask": null}}),
                "no_causal_mask is null, but",
            ),
            (
                json!({"text_cfg": {"proj_bias": false}}),
                "proj_bias is false, but",
            ),
            (
                json!({"vision_cfg": {"image_size": 256}}),
                "image_size is 256, but images of \"vit_base_patch16_siglip_224\" have the side 224",
            ),
            (
                json!({"vision_cfg": {"timm_pool": "avg"}}),
                "timm_pool is \"avg\"; supported with",
            ),
            (
                json!({"vision_cfg": {"timm_proj": "linear"}}),
                "timm_proj is \"linear\"; \"none\" is supported",
            ),
            (
                json!({"vision_cfg": {"timm_model_name": "vit_base_patch16_siglip_gap_224"}}),
                "vit_so400m_patch14_siglip_384",
            ),
            (
                json!({"text_cfg": {"hf_model_name": "xlm-roberta-base"}}),
                "hf_model_name is \"xlm-roberta-base\", but the image tower is a SigLIP's",
            ),
            (
                json!({"text_cfg": {"tokenizer_kwargs": {"clean": "rinse"}}}),
                "clean is \"rinse\"; supported: whitespace, lower, canonicalize",
            ),
        ] {
            let error = converted(extra).unwrap_err().to_string();
            assert!(error.contains(reason), "{reason}: {error}");
        }
    }
}
