//! Image towers of `timm`, by the names of its models: MobileCLIP's, SigLIP's and its first vision transformers.

use serde_json::{Value, json};

use super::config::{WITHOUT_EFFECT, image_size};
use super::fields::Fields;
use super::{malformed, siglip, unsupported};
use crate::error::Result;

/// Names of the models that are there, beside those of SigLIP.
const KNOWN: [&str; 9] = [
    "fastvit_mci0",
    "fastvit_mci1",
    "fastvit_mci2",
    "fastvit_mci3",
    "fastvit_mci4",
    "vit_base_mci_224",
    "vit_large_patch14_clip_224",
    "vit_base_patch16_224",
    "vit_base_patch32_224",
];
/// Arguments of `timm`'s vision transformer under other names than those of `transformers`.
const VIT_ARGUMENTS: [(&str, &str); 4] = [
    ("img_size", "image_size"),
    ("embed_dim", "hidden_size"),
    ("depth", "num_hidden_layers"),
    ("num_heads", "num_attention_heads"),
];

/// The `vision_config` that the `vision_cfg` of the model `name` comes to, whose other fields are `vision`. Arguments in
/// its object `timm_model_kwargs` replace those of the name.
pub fn vision_config(name: &Value, mut vision: Fields) -> Result<Value> {
    let known = |name| {
        fastvit(name)
            .or_else(|| vit(name))
            .or_else(|| siglip::vision(name))
    };
    let Some(mut config) = name.as_str().and_then(known) else {
        let siglips = siglip::KNOWN.map(|(name, _)| name);
        return Err(unsupported(format!(
            "model_cfg.vision_cfg.timm_model_name is {name}; supported are {}, {}, and open_clip's own vision transformer",
            KNOWN.join(", "),
            siglips.join(", ")
        )));
    };
    check_ends(name, &config, &mut vision)?;
    let has_size = vision.has("image_size");
    let side: Value = image_size(&mut vision)?.into();
    if let Some(arguments) = vision.object("timm_model_kwargs")? {
        replace_arguments(&mut config, arguments)?;
    }
    match config.get("image_size").cloned() {
        // The name stands for a table of positions.
        Some(own) if has_size && own != side => {
            return Err(malformed(format!(
                "model_cfg.vision_cfg.image_size is {side}, but images of {name} have the side {own}"
            )));
        }
        Some(_) => {}
        None => config["image_size"] = side,
    }
    if let Some(width) = config["hidden_size"].as_u64() {
        let ratio = config["mlp_ratio"].as_f64().unwrap_or(4.0);
        // As Python's int(), which rounds down.
        config["intermediate_size"] = ((width as f64 * ratio) as u64).into();
    }
    vision.ignore(&WITHOUT_EFFECT);
    vision.finish()?;
    Ok(config)
}

/// Checks that the tower is pooled and projected as it is read.
fn check_ends(name: &Value, config: &Value, vision: &mut Fields) -> Result<()> {
    // Where it is absent, open_clip adds a linear map.
    let projection = match (vision.has("timm_proj"), vision.take("timm_proj")) {
        (true, None) => "".into(),
        (_, given) => given.unwrap_or_else(|| "linear".into()),
    };
    let (needed, pools): (&str, &[&str]) = match config["model_type"].as_str() {
        Some(siglip::VISION) => ("none", &["map"]),
        Some("fastvit") => ("", &["avg"]),
        _ if is_plain(config) => ("linear", &["", "token"]),
        _ => ("", &["token"]),
    };
    if projection != needed {
        let supported = match needed {
            "" => format!("null is supported, where the head of {name} projects"),
            "none" => format!("\"none\" is supported with {name}, whose tokens are pooled to embeddings"),
            _ => format!("\"linear\" is supported with {name}"),
        };
        return Err(unsupported(format!(
            "model_cfg.vision_cfg.timm_proj is {projection}; {supported}"
        )));
    }
    if vision.flag("timm_proj_bias")? && needed == "linear" {
        return Err(unsupported(
            "model_cfg.vision_cfg.timm_proj_bias is true; false is supported".into(),
        ));
    }
    // open_clip's own default.
    let given = vision.has("timm_pool");
    let pool = vision.take("timm_pool");
    let pool = pool.unwrap_or_else(|| if given { "" } else { "avg" }.into());
    match pools.iter().any(|supported| pool == *supported) {
        true => Ok(()),
        false => Err(unsupported(format!(
            "model_cfg.vision_cfg.timm_pool is {pool}; supported with {name}: {pools:?}"
        ))),
    }
}

/// True for a vision transformer without the norm before its blocks and without convolutions, behind which `open_clip` puts
/// a projection.
fn is_plain(config: &Value) -> bool {
    config["pre_norm"] == false && config["conv_stem"] == false
}

/// Puts arguments of `timm`'s class in the place of those that the name of a model stands for.
fn replace_arguments(config: &mut Value, arguments: Fields) -> Result<()> {
    for (argument, value) in arguments.into_map() {
        let renamed = VIT_ARGUMENTS.iter().find(|(theirs, _)| *theirs == argument);
        match config.get_mut(renamed.map_or(argument.as_str(), |(_, ours)| ours)) {
            Some(own) => *own = value,
            None => {
                return Err(malformed(format!(
                    "model_cfg.vision_cfg.timm_model_kwargs.{argument} is no argument that is read"
                )));
            }
        }
    }
    Ok(())
}

/// The `vision_config` of `timm`'s vision transformers with a class token: MobileCLIP's of the sizes B and L, and those of
/// Dosovitskiy et al. 2020, as BiomedCLIP has one.
fn vit(name: &str) -> Option<Value> {
    let (width, layers, heads, patch, eps) = match name {
        "vit_base_mci_224" | "vit_base_patch16_224" => (768, 12, 12, 16, 1e-6),
        "vit_base_patch32_224" => (768, 12, 12, 32, 1e-6),
        "vit_large_patch14_clip_224" => (1024, 24, 16, 14, 1e-5),
        _ => return None,
    };
    let conv_stem = name == "vit_base_mci_224";
    let has_head = conv_stem || name == "vit_large_patch14_clip_224";
    let mut config = json!({
        "model_type": "clip_vision_model",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "patch_size": patch,
        "hidden_act": "gelu",
        "layer_norm_eps": eps,
        "conv_stem": conv_stem,
        "pre_norm": name == "vit_large_patch14_clip_224",
        "projection_bias": has_head,
    });
    if !has_head {
        config["image_size"] = 224.into();
        config["patch_bias"] = true.into();
    }
    Some(config)
}

/// Arguments of `timm`'s class for its models of MobileCLIP.
fn fastvit(name: &str) -> Option<Value> {
    let (layers, dims): (&[u64], &[u64]) = match name {
        "fastvit_mci0" => (&[2, 6, 10, 2], &[64, 128, 256, 512]),
        "fastvit_mci1" => (&[4, 12, 20, 4], &[64, 128, 256, 512]),
        "fastvit_mci2" => (&[4, 12, 24, 4], &[80, 160, 320, 640]),
        "fastvit_mci3" => (&[2, 12, 24, 4, 2], &[96, 192, 384, 768, 1536]),
        "fastvit_mci4" => (&[2, 12, 24, 4, 4], &[128, 256, 512, 1024, 2048]),
        _ => return None,
    };
    // The larger two have a stage more, layer norms, and no weighing of channels where sides are halved.
    let is_large = layers.len() == 5;
    let attends = |i: usize| i >= 3;
    let of_stages = |value: &dyn Fn(usize) -> Value| -> Value { (0..layers.len()).map(value).collect() };
    Some(json!({
        "model_type": "fastvit",
        "layers": layers,
        "embed_dims": dims,
        "mlp_ratios": of_stages(&|_| if is_large { 4 } else { 3 }.into()),
        "token_mixers": of_stages(&|i| if attends(i) { "attention" } else { "repmixer" }.into()),
        "downsamples": of_stages(&|i| (i > 0).into()),
        "se_downsamples": of_stages(&|i| (!is_large && i >= 2).into()),
        "pos_embs": of_stages(&|i| attends(i).into()),
        "layer_norm": is_large,
        "stem_use_scale_branch": !is_large,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::open_clip::config::config_json;
    use crate::weights::{ClipConfig, VisionConfig};

    fn converted(vision: Value) -> Result<ClipConfig> {
        let text = json!({"no_causal_mask": true});
        let model = json!({"embed_dim": 512, "text_cfg": text, "vision_cfg": vision, "custom_text": true});
        ClipConfig::from_json(&config_json(&json!({ "model_cfg": model }).to_string())?)
    }

    #[test]
    fn every_name_has_its_sizes() {
        for (name, stages, features) in [
            ("fastvit_mci0", 4, 1024),
            ("fastvit_mci1", 4, 1024),
            ("fastvit_mci2", 4, 1280),
            ("fastvit_mci3", 5, 3072),
            ("fastvit_mci4", 5, 4096),
        ] {
            let config = converted(json!({"timm_model_name": name, "timm_proj": null, "image_size": 256}));
            let config = config.unwrap();
            let Some(VisionConfig::FastVit(vision)) = config.vision else {
                panic!("{name} is {:?}", config.vision);
            };
            assert_eq!(
                (vision.stages.len(), vision.features()),
                (stages, features),
                "{name}"
            );
            assert!(config.text.unwrap().fills_context());
        }
    }

    #[test]
    fn vision_transformers_have_their_stems_and_norms() {
        for (name, tokens, conv_stem) in [
            ("vit_base_mci_224", 197, true),
            ("vit_large_patch14_clip_224", 257, false),
        ] {
            let tower =
                json!({"timm_model_name": name, "timm_proj": null, "timm_pool": "token", "image_size": 224});
            let Some(VisionConfig::Vit(vision)) = converted(tower).unwrap().vision else {
                panic!("{name} is no vision transformer");
            };
            assert_eq!(
                (vision.tokens(), vision.conv_stem, vision.pre_norm),
                (tokens, conv_stem, !conv_stem)
            );
            assert!(vision.projection_bias && vision.tower.mlp_width == 4 * vision.tower.width);
        }
    }

    #[test]
    fn other_towers_and_heads_are_named() {
        for (vision, reason) in [
            (
                json!({"timm_model_name": "resnet50", "timm_proj": null}),
                "fastvit_mci4",
            ),
            (json!({"timm_model_name": "fastvit_mci1"}), "timm_proj"),
            (
                json!({"timm_model_name": "fastvit_mci1", "timm_proj": "mlp"}),
                "timm_proj is \"mlp\"",
            ),
            (
                json!({"timm_model_name": "fastvit_mci1", "timm_proj": null, "timm_pool": "max"}),
                "timm_pool",
            ),
            (
                json!({"timm_model_name": "fastvit_mci1", "timm_proj": null, "timm_model_kwargs": {"depth": 3}}),
                "timm_model_kwargs.depth",
            ),
        ] {
            let error = converted(vision).unwrap_err().to_string();
            assert!(error.contains(reason), "{reason}: {error}");
        }
    }
}
