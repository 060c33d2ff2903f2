//! Configurations of each family: defaults, and errors that name the wrong field.

use super::*;
use cliplet_kernels::Activation;

#[test]
fn absent_fields_take_the_defaults_of_transformers() {
    let config = ClipConfig::from_json("{}").unwrap();
    assert_eq!(config.projection_dim, 512);
    let text = config.text.unwrap();
    assert_eq!(
        (text.tower.width, text.tower.mlp_width, text.tower.heads),
        (512, 2048, 8)
    );
    let Some(VisionConfig::Vit(vision)) = config.vision else {
        panic!("{:?} is no vision transformer", config.vision);
    };
    assert_eq!((vision.tower.width, vision.tower.heads), (768, 12));
    assert_eq!((vision.tokens(), vision.patch_values()), (50, 3072));
    assert_eq!(config.no_match_threshold, None);
    assert_eq!(text.pooling, Pooling::EndOfText(49407));
}

#[test]
fn older_config_dict_wins_and_the_historical_end_token_pools_at_the_largest_id() {
    let json = r#"{"text_config": {"hidden_size": 512, "eos_token_id": 7},
        "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12, "eos_token_id": 2, "hidden_act": "gelu"}}"#;
    let text = ClipConfig::from_json(json).unwrap().text.unwrap();
    assert_eq!(text.tower.width, 768);
    assert_eq!(text.tower.activation, Activation::Gelu);
    assert_eq!(text.pooling, Pooling::LargestId);
}

#[test]
fn a_wrong_field_is_named() {
    for (json, field) in [
        (
            r#"{"model_type": "blip"}"#,
            "\"blip\"; supported are \"clip\", \"metaclip_2\", \"chinese_clip\", \"siglip\", \"siglip2\"",
        ),
        (
            r#"{"model_type": "clip", "architectures": ["SiglipModel"]}"#,
            "model_type is \"clip\", but architectures has \"SiglipModel\", whose model_type is \"siglip\"",
        ),
        (
            r#"{"architectures": ["BlipModel"]}"#,
            "architectures is \"BlipModel\"; supported are \"clip\", \"metaclip_2\"",
        ),
        (
            r#"{"model_type": "siglip2", "vision_config": {"num_patches": 200}}"#,
            "num_patches is 200; the positions of patches are a square",
        ),
        (
            r#"{"model_type": "siglip", "text_config": {"projection_size": 512}}"#,
            "projection_size is 512 but vision_config.hidden_size is 768",
        ),
        (
            r#"{"model_type": "siglip", "vision_config": {"vision_use_head": false}}"#,
            "vision_use_head",
        ),
        (
            r#"{"model_type": "clip_text_model", "architectures": ["CLIPTextModel"]}"#,
            "CLIPTextModelWithProjection",
        ),
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
        (
            r#"{"text_config": {"vocab_size": -1}}"#,
            "text_config.vocab_size: invalid value: integer `-1`",
        ),
        (
            r#"{"vision_config": {"image_size": [14, 28]}}"#,
            "vision_config.image_size: invalid type: sequence, expected a whole number",
        ),
        (
            r#"{"vision_config": {"model_type": "fastvit", "layers": 3}}"#,
            "vision_config",
        ),
        (
            r#"{"text_config": {"model_type": "t5"}}"#,
            "text_config.model_type is \"t5\", but model_type is \"clip\", with which \"clip_text_model\"",
        ),
        (
            r#"{"text_config": {"model_type": "metaclip_2_text_model"}}"#,
            "text_config.model_type is \"metaclip_2_text_model\", but model_type is \"clip\"",
        ),
        (
            r#"{"model_type": "siglip", "text_config": {"model_type": "clip_text_model"}}"#,
            "text_config.model_type is \"clip_text_model\"",
        ),
        (
            r#"{"text_config": {"vocab_size": 100, "eos_token_id": 200}}"#,
            "eos_token_id is 200, but vocab_size is 100",
        ),
        (
            r#"{"vision_config": {"model_type": "siglip_vision_model"}}"#,
            "siglip_vision_model",
        ),
        (
            r#"{"vision_config": {"model_type": "efficientnet_lite"}}"#,
            "stem_channels",
        ),
        (r#"{"no_match_threshold": 1.5}"#, "no_match_threshold"),
        ("{", "EOF"),
        ("[", "expected a map"),
    ] {
        let message = ClipConfig::from_json(json).unwrap_err().to_string();
        assert!(message.contains(field), "{json}: {message}");
    }
}

#[test]
fn activations_have_the_names_of_transformers() {
    for (name, activation) in [
        ("quick_gelu", Activation::QuickGelu),
        ("gelu", Activation::Gelu),
        ("gelu_python", Activation::Gelu),
        ("gelu_pytorch_tanh", Activation::GeluTanh),
        ("gelu_new", Activation::GeluTanh),
        ("gelu_fast", Activation::GeluTanh),
        ("gelu_accurate", Activation::GeluTanh),
    ] {
        let json = format!(r#"{{"text_config": {{"hidden_act": "{name}"}}}}"#);
        let text = ClipConfig::from_json(&json).unwrap().text.unwrap();
        assert_eq!(text.tower.activation, activation, "{name}");
    }
}

#[test]
fn the_end_token_2_is_historical_in_clip_alone() {
    let pooling = |model_type: &str| {
        let json = format!(r#"{{"model_type": "{model_type}", "text_config": {{"eos_token_id": 2}}}}"#);
        ClipConfig::from_json(&json).unwrap().text.unwrap().pooling
    };
    assert_eq!(pooling("clip"), Pooling::LargestId);
    assert_eq!(pooling("metaclip_2"), Pooling::EndOfText(2));
}

#[test]
fn chinese_clip_has_a_bert_for_texts() {
    let text = ClipConfig::from_json(r#"{"model_type": "chinese_clip"}"#)
        .unwrap()
        .text
        .unwrap();
    assert_eq!((text.vocab_size, text.context_length), (30522, 512));
    assert_eq!(text.pooling, Pooling::First { padding: 0 });
    assert_eq!(
        (text.tower.activation, text.tower.layer_norm_eps),
        (Activation::Gelu, 1e-12)
    );
    assert!(!text.is_causal() && !text.is_padded());
    let bert = text.bert.unwrap();
    assert_eq!(
        (bert.token_kinds, bert.positions, bert.first_position),
        (2, 512, 0)
    );
}

#[test]
fn a_class_stands_in_for_an_absent_model_type() {
    let family = |json: &str| ClipConfig::from_json(json).unwrap().family;
    assert_eq!(family(r#"{"architectures": ["SiglipModel"]}"#), Family::Siglip);
    assert_eq!(family(r#"{"architectures": ["CLIPModel"]}"#), Family::Clip);
    // A class of somebody's own says less than the model_type that it is given.
    assert_eq!(
        family(r#"{"model_type": "siglip", "architectures": ["MySiglip"]}"#),
        Family::Siglip
    );
    assert_eq!(family(r#"{"architectures": null}"#), Family::Clip);
}

#[test]
fn siglip_has_its_own_defaults() {
    let config = ClipConfig::from_json(r#"{"model_type": "siglip"}"#).unwrap();
    let (Some(text), Some(VisionConfig::Vit(vision))) = (config.text, config.vision) else {
        panic!("both towers are there");
    };
    assert_eq!((config.family, config.projection_dim), (Family::Siglip, 768));
    assert_eq!(
        (text.vocab_size, text.context_length, text.pooling),
        (32000, 64, Pooling::Last)
    );
    assert_eq!(
        (text.tower.width, text.tower.mlp_width, text.tower.heads),
        (768, 3072, 12)
    );
    assert_eq!((vision.patch_size, vision.tokens()), (16, 196));
    assert_eq!(
        (vision.tower.activation, vision.tower.layer_norm_eps),
        (Activation::GeluTanh, 1e-6)
    );
}

#[test]
fn towers_alone_are_models_of_one_tower() {
    let text = ClipConfig::from_json(r#"{"model_type": "clip_text_model", "projection_dim": 64}"#).unwrap();
    assert!(text.text.is_some() && text.vision.is_none() && text.projection_dim == 64);
    let vision = ClipConfig::from_json(r#"{"model_type": "clip_vision_model", "image_size": 336}"#).unwrap();
    assert_eq!(vision.vision.map(|vision| vision.image_size()), Some(336));
    assert!(vision.text.is_none());
}
