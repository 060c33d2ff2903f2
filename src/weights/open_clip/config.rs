//! The model's shape: `model_cfg` of `open_clip_config.json` as a `config.json` of `transformers`.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::{hf_text, malformed, section, siglip, timm, unsupported};
use crate::error::Result;

/// Fields by which a configuration tells which weights are meant.
const TAGS: [&str; 3] = ["pretrained", "pretrained_tag", "tag"];
/// Fields of towers that matter in training, or to variants that other fields choose.
pub(super) const WITHOUT_EFFECT: [&str; 13] = [
    "patch_dropout",
    "output_tokens",
    "attn_pooler_queries",
    "attn_pooler_heads",
    "timm_model_pretrained",
    "timm_pool",
    "timm_proj",
    "timm_proj_bias",
    "timm_drop",
    "timm_drop_path",
    "hf_model_pretrained",
    "pad_id",
    "final_ln_after_pool",
];

/// Fields of a model that matter in training, or to the form of what a model gives.
const WITHOUT_EFFECT_OF_MODEL: [&str; 5] = [
    "custom_text",
    "init_logit_scale",
    "nonscalar_logit_scale",
    "output_dict",
    "cast_dtype",
];

/// Text of the `config.json` that the text of an `open_clip_config.json` comes to.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) for what is malformed, and
/// [`Error::Unsupported`](crate::Error::Unsupported) for settings that `transformers`' CLIP does not have.
pub fn config_json(json: &str) -> Result<String> {
    let mut model = section(json, "model_cfg")?;
    if model.is_empty() {
        return Err(malformed(
            "has no model_cfg, which gives the sizes of the model".into(),
        ));
    }
    let act = match is_quick_gelu(json, &mut model)? {
        true => "quick_gelu",
        false => "gelu",
    };
    let embed_dim = model.count("embed_dim", 0)?;
    if embed_dim == 0 {
        return Err(malformed("model_cfg.embed_dim is missing".into()));
    }
    let missing = |name: &str| malformed(format!("model_cfg.{name} is missing"));
    let text = model.object("text_cfg")?.ok_or_else(|| missing("text_cfg"))?;
    let vision = model.object("vision_cfg")?.ok_or_else(|| missing("vision_cfg"))?;
    let bias = model.take("init_logit_bias");
    model.ignore(&WITHOUT_EFFECT_OF_MODEL);
    model.finish()?;
    let vision = vision_config(vision, act)?;
    if vision["model_type"] == siglip::VISION {
        return Ok(siglip::config(vision, text, embed_dim, bias, act)?.to_string());
    }
    if let Some(bias) = bias {
        return Err(unsupported(format!(
            "model_cfg.init_logit_bias is {bias}; scores with a bias are supported with the image towers of SigLIP, such as \
             {}",
            siglip::KNOWN[0].0
        )));
    }
    let config = json!({
        "model_type": "clip",
        "projection_dim": embed_dim,
        "text_config": text_config(text, act, embed_dim)?,
        "vision_config": vision,
    });
    Ok(config.to_string())
}

/// The activation is QuickGELU where the configuration says so, and for the weights that OpenAI trained, whose
/// configurations do not always say it.
fn is_quick_gelu(json: &str, model: &mut Fields) -> Result<bool> {
    let flag = model.flag("quick_gelu")?;
    let parsed: Value = serde_json::from_str(json).map_err(|e| malformed(e.to_string()))?;
    let inner = TAGS.map(|tag| model.take(tag));
    let tags = TAGS
        .iter()
        .filter_map(|tag| parsed.get(*tag))
        .chain(inner.iter().flatten());
    Ok(flag
        || tags
            .filter_map(Value::as_str)
            .any(|tag| tag == "openai" || tag.ends_with(".openai")))
}

fn text_config(mut text: Fields, act: &str, embed_dim: u64) -> Result<Value> {
    if let Some(name) = text.take("hf_model_name") {
        return hf_text::text_config(&name, text, embed_dim);
    }
    let (width, layers) = (text.count("width", 512)?, text.count("layers", 12)?);
    let mut config = tower(&mut text, width, layers, act)?;
    // The end of a text is its largest id, which the historical 2 stands for, or a given id.
    let eos = match text.one_of("pool_type", "argmax", &["argmax", "eos"])?.as_str() {
        "eos" => match text.count("eos_id", 2)? {
            2 => {
                return Err(unsupported(
                    "model_cfg.text_cfg.eos_id is 2, which pools at no end token".into(),
                ));
            }
            eos => eos,
        },
        _ => 2,
    };
    text.one_of("proj_type", "linear", &["linear"])?;
    if text.flag("no_causal_mask")? {
        // Texts are seen with what pads them.
        let padding = text.count("pad_id", 0)?;
        if eos != 2 || padding != 0 {
            return Err(unsupported(format!(
                "model_cfg.text_cfg.no_causal_mask is true; it is supported with pool_type \"argmax\" and pad_id 0, \
                 which is {padding}"
            )));
        }
        config.insert("no_causal_mask".into(), true.into());
    }
    if let Some(window) = text.take("convolution_window") {
        config.insert("convolution_window".into(), window);
    }
    config.insert("eos_token_id".into(), eos.into());
    take_text_sizes(text, &mut config)?;
    Ok(config.into())
}

/// Puts what is left of the settings of `open_clip`'s own text transformer into a `text_config`.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) and [`Error::Unsupported`](crate::Error::Unsupported) for settings that are not
/// understood.
pub(super) fn take_text_sizes(mut text: Fields, config: &mut Map<String, Value>) -> Result<()> {
    for (ours, theirs, default) in [
        ("num_attention_heads", "heads", 8),
        ("max_position_embeddings", "context_length", 77),
        ("vocab_size", "vocab_size", 49408),
    ] {
        config.insert(ours.into(), text.count(theirs, default)?.into());
    }
    if let Some(cleaning) = text.cleaning(false)? {
        config.insert("text_cleaning".into(), cleaning.into());
    }
    text.ignore(&WITHOUT_EFFECT);
    text.ignore(&["eos_id"]);
    text.finish()
}

fn vision_config(mut vision: Fields, act: &str) -> Result<Value> {
    if let Some(name) = vision.take("timm_model_name") {
        return timm::vision_config(&name, vision);
    }
    let layers = match vision.take("layers") {
        None => 12,
        Some(Value::Number(layers)) if layers.is_u64() => layers.as_u64().unwrap_or_default(),
        Some(other) => {
            return Err(unsupported(format!(
                "model_cfg.vision_cfg.layers is {other}, a residual network; vision transformers are supported"
            )));
        }
    };
    let (width, head) = (vision.count("width", 768)?, vision.count("head_width", 64)?);
    let mut config = tower(&mut vision, width, layers, act)?;
    if head == 0 || !width.is_multiple_of(head) {
        return Err(malformed(format!(
            "model_cfg.vision_cfg.width {width} is not a multiple of head_width {head}"
        )));
    }
    vision.one_of("pool_type", "tok", &["tok"])?;
    vision.one_of("pos_embed_type", "learnable", &["learnable"])?;
    config.insert("num_attention_heads".into(), (width / head).into());
    config.insert("patch_size".into(), vision.count("patch_size", 16)?.into());
    config.insert("image_size".into(), image_size(&mut vision)?.into());
    vision.ignore(&WITHOUT_EFFECT);
    vision.finish()?;
    Ok(config.into())
}

/// Side of the square images, given once or as two equal sides.
pub(super) fn image_size(vision: &mut Fields) -> Result<u64> {
    let Some(value) = vision.take("image_size") else {
        return Ok(224);
    };
    super::preprocess::square(&value).ok_or_else(|| {
        unsupported(format!(
            "model_cfg.vision_cfg.image_size is {value}, not one square"
        ))
    })
}

/// The fields that both towers have.
pub(super) fn tower(cfg: &mut Fields, width: u64, layers: u64, act: &str) -> Result<Map<String, Value>> {
    let ratio = cfg.number("mlp_ratio", 4.0)?;
    let mut act = act;
    if let Some(mut kwargs) = cfg.object("act_kwargs")? {
        kwargs
            .one_of("approximate", "none", &["none", "tanh"])
            .map(|how| {
                if how == "tanh" {
                    act = "gelu_pytorch_tanh";
                }
            })?;
        kwargs.finish()?;
    }
    let mut eps = 1e-5;
    if let Some(mut kwargs) = cfg.object("norm_kwargs")? {
        eps = kwargs.number("eps", eps)?;
        kwargs.finish()?;
    }
    cfg.one_of("block_type", "default", &["default"])?;
    let Value::Object(fields) = json!({
        "hidden_size": width,
        // As Python's int(), which rounds down.
        "intermediate_size": (width as f64 * ratio) as u64,
        "num_hidden_layers": layers,
        "hidden_act": act,
        "layer_norm_eps": eps,
    }) else {
        return Ok(Map::new());
    };
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::ClipConfig;

    fn converted(model: Value) -> Result<ClipConfig> {
        ClipConfig::from_json(&config_json(&json!({ "model_cfg": model }).to_string())?)
    }

    #[test]
    fn sizes_take_open_clips_defaults() {
        let config =
            converted(json!({"embed_dim": 512, "text_cfg": {}, "vision_cfg": {"patch_size": 32}})).unwrap();
        assert_eq!(config, {
            let same = r#"{"text_config": {"hidden_act": "gelu", "eos_token_id": 2}, "vision_config": {"hidden_act": "gelu"}}"#;
            ClipConfig::from_json(same).unwrap()
        });
    }

    #[test]
    fn quick_gelu_is_a_flag_and_a_tag() {
        let model = |extra: Value| {
            let mut model = json!({"embed_dim": 8, "text_cfg": {}, "vision_cfg": {}});
            model
                .as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            model
        };
        let act = |json: Value| {
            let config: Value = serde_json::from_str(&config_json(&json.to_string()).unwrap()).unwrap();
            config["text_config"]["hidden_act"].as_str().unwrap().to_string()
        };
        assert_eq!(act(json!({"model_cfg": model(json!({}))})), "gelu");
        assert_eq!(
            act(json!({"model_cfg": model(json!({"quick_gelu": true}))})),
            "quick_gelu"
        );
        assert_eq!(
            act(json!({"model_cfg": model(json!({})), "tag": "openai"})),
            "quick_gelu"
        );
        assert_eq!(
            act(json!({"model_cfg": model(json!({"pretrained": "laion2b_s34b_b79k"}))})),
            "gelu"
        );
    }

    #[test]
    fn settings_without_a_counterpart_are_named() {
        for (text, vision, name) in [
            (
                json!({"no_causal_mask": true, "pad_id": 1}),
                json!({}),
                "text_cfg.no_causal_mask",
            ),
            (
                json!({"hf_model_name": "gpt2"}),
                json!({}),
                "text_cfg.hf_model_name",
            ),
            (json!({"pool_type": "last"}), json!({}), "text_cfg.pool_type"),
            (json!({"proj_bias": true}), json!({}), "text_cfg.proj_bias"),
            (
                json!({}),
                json!({"timm_model_name": "swin_base_patch4_window7_224"}),
                "swin_base_patch4_window7_224",
            ),
            (json!({}), json!({"layers": [3, 4, 6, 3]}), "residual network"),
            (json!({}), json!({"pool_type": "avg"}), "vision_cfg.pool_type"),
            (
                json!({}),
                json!({"ls_init_value": 0.1}),
                "vision_cfg.ls_init_value",
            ),
            (json!({}), json!({"head_width": 100}), "head_width 100"),
            (json!({}), json!({"image_size": [224, 336]}), "not one square"),
            (json!({"width": "wide"}), json!({}), "text_cfg.width"),
        ] {
            let error =
                converted(json!({"embed_dim": 8, "text_cfg": text, "vision_cfg": vision})).unwrap_err();
            assert!(error.to_string().contains(name), "{name}: {error}");
        }
        let biased = json!({"embed_dim": 8, "text_cfg": {}, "vision_cfg": {}, "init_logit_bias": -10});
        let error = converted(biased).unwrap_err().to_string();
        assert!(error.contains("init_logit_bias is -10; scores with"), "{error}");
        let error = config_json(r#"{"preprocess_cfg": {}}"#).unwrap_err().to_string();
        assert!(error.contains("model_cfg"), "{error}");
    }
}
