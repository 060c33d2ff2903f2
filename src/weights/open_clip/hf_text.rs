//! Text towers of `transformers` in models of `open_clip`, by the names that `hf_model_name` gives them.

use serde_json::{Map, Value, json};

use super::config::WITHOUT_EFFECT;
use super::fields::Fields;
use super::{malformed, unsupported};
use crate::error::Result;

/// Kinds of towers that are there.
const KINDS: [&str; 3] = ["roberta", "xlm-roberta", "bert"];
/// Known towers, without their owners on the Hub: kind, size of the vocabulary, and if they are of the larger size.
const KNOWN: [(&str, &str, u64, bool); 13] = [
    ("xlm-roberta-base", "xlm-roberta", 250_002, false),
    ("xlm-roberta-large", "xlm-roberta", 250_002, true),
    ("roberta-base", "roberta", 50_265, false),
    ("roberta-large", "roberta", 50_265, true),
    ("bert-base-uncased", "bert", 30_522, false),
    ("bert-base-cased", "bert", 28_996, false),
    ("bert-large-uncased", "bert", 30_522, true),
    ("bert-large-cased", "bert", 28_996, true),
    ("bert-base-multilingual-cased", "bert", 119_547, false),
    ("bert-base-chinese", "bert", 21_128, false),
    (
        "BiomedNLP-PubMedBERT-base-uncased-abstract",
        "bert",
        30_522,
        false,
    ),
    (
        "BiomedNLP-BiomedBERT-base-uncased-abstract",
        "bert",
        30_522,
        false,
    ),
    (
        "BiomedNLP-PubMedBERT-base-uncased-abstract-fulltext",
        "bert",
        30_522,
        false,
    ),
];
/// Poolers of `open_clip`, and what they are called here: its first is the pooler of a BERT, with a linear map of its own.
const POOLERS: [(&str, &str); 3] = [
    ("cls_pooler", "pooler"),
    ("cls_last_hidden_state_pooler", "cls"),
    ("mean_pooler", "mean"),
];
/// Sizes that a `text_cfg` may repeat, by their names in `transformers`.
const REPEATED: [(&str, &str); 4] = [
    ("width", "hidden_size"),
    ("heads", "num_attention_heads"),
    ("layers", "num_hidden_layers"),
    ("vocab_size", "vocab_size"),
];

/// The `text_config` of the tower `name`, whose other settings are `text`, in a model with embeddings of `embed_dim` values.
/// An object `hf_model_config` in the settings holds fields of the tower's own `config.json`, which are taken before those
/// that the name stands for.
///
/// # Errors
/// [`Error::Unsupported`](crate::Error::Unsupported) for towers, poolers and projections that are not known, and
/// [`Error::Model`](crate::Error::Model) for settings that contradict each other.
pub fn text_config(name: &Value, mut text: Fields, embed_dim: u64) -> Result<Value> {
    let mut config = sizes(name, text.object("hf_model_config")?)?;
    for (theirs, ours) in REPEATED {
        if let Some(given) = text.take(theirs)
            && given != config[ours]
        {
            return Err(malformed(format!(
                "model_cfg.text_cfg.{theirs} is {given}, but the {ours} of {name} is {}",
                config[ours]
            )));
        }
    }
    // Earlier versions of open_clip had shorter names.
    text.replaces("hf_pooler_type", "pooler_type")?;
    text.replaces("hf_proj_type", "proj")?;
    let poolers = POOLERS.map(|(theirs, _)| theirs);
    let pooler = text.one_of("hf_pooler_type", "mean_pooler", &poolers)?;
    let pooling = POOLERS.iter().find(|(theirs, _)| *theirs == pooler);
    config.insert("pooling".into(), pooling.map_or("mean", |(_, ours)| *ours).into());
    let without = text.has("hf_proj_type") && text.is_null("hf_proj_type");
    let projection = text.one_of("hf_proj_type", "mlp", &["mlp", "linear"])?;
    let width = config["hidden_size"].as_u64().unwrap_or_default();
    match projection.as_str() {
        _ if without => {
            return Err(unsupported(
                "model_cfg.text_cfg.hf_proj_type is null; supported: mlp, linear".into(),
            ));
        }
        "mlp" => {
            let hidden = width.saturating_add(embed_dim) / 2;
            config.insert("projection_hidden_size".into(), hidden.into());
        }
        _ => {}
    }
    let context = text.count("context_length", 77)?;
    let longest = positions(&config);
    if context > longest {
        return Err(malformed(format!(
            "model_cfg.text_cfg.context_length is {context}, but {name} has positions for {longest} tokens"
        )));
    }
    config.insert("max_length".into(), context.into());
    if let Some(cleaning) = text.cleaning(true)? {
        config.insert("text_cleaning".into(), cleaning.into());
    }
    text.ignore(&WITHOUT_EFFECT);
    text.finish()?;
    Ok(config.into())
}

/// The sizes that the name stands for, and those of `own`, which win.
fn sizes(name: &Value, own: Option<Fields>) -> Result<Map<String, Value>> {
    let known = name.as_str().and_then(known);
    let own = own.map(Fields::into_map).unwrap_or_default();
    let kind = own.get("model_type");
    match (&known, kind) {
        (Some(known), Some(kind)) if known.get("model_type") != Some(kind) => {
            return Err(malformed(format!(
                "model_cfg.text_cfg.hf_model_config.model_type is {kind}, but that of {name} is {}",
                known["model_type"]
            )));
        }
        (None, None) => {
            let names = KNOWN.map(|(name, ..)| name).join(", ");
            return Err(unsupported(format!(
                "model_cfg.text_cfg.hf_model_name is {name}; supported are {names}, and others with their config.json \
                 as the object hf_model_config"
            )));
        }
        (_, Some(kind)) if !kind.as_str().is_some_and(|kind| KINDS.contains(&kind)) => {
            return Err(unsupported(format!(
                "model_cfg.text_cfg.hf_model_config.model_type is {kind}; supported: {}",
                KINDS.join(", ")
            )));
        }
        _ => {}
    }
    let kind = known.as_ref().and_then(|known| known.get("model_type")).or(kind);
    let kind = kind.and_then(Value::as_str).unwrap_or_default();
    let mut config = known.clone().unwrap_or_else(|| tower(kind, 0, false));
    config.extend(own);
    if config["vocab_size"] == 0 {
        return Err(malformed(format!(
            "model_cfg.text_cfg.hf_model_config has no vocab_size, which {name} does not stand for"
        )));
    }
    Ok(config)
}

/// The sizes of the tower `name`, with or without its owner on the Hub.
fn known(name: &str) -> Option<Map<String, Value>> {
    let name = name.rsplit('/').next()?;
    let mut towers = KNOWN.iter();
    let (_, kind, vocabulary, is_large) = towers.find(|(known, ..)| *known == name)?;
    Some(tower(kind, *vocabulary, *is_large))
}

/// The sizes of a tower of one of the two sizes that these kinds have.
fn tower(kind: &str, vocabulary: u64, is_large: bool) -> Map<String, Value> {
    let (width, layers, heads) = if is_large { (1024, 24, 16) } else { (768, 12, 12) };
    let (positions, token_kinds, padding, eps) = match kind {
        "bert" => (512, 2, 0, 1e-12),
        _ => (514, 1, 1, 1e-5),
    };
    let Value::Object(fields) = json!({
        "model_type": kind, "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers,
        "num_attention_heads": heads, "hidden_act": "gelu", "layer_norm_eps": eps, "vocab_size": vocabulary,
        "max_position_embeddings": positions, "type_vocab_size": token_kinds, "pad_token_id": padding,
    }) else {
        return Map::new();
    };
    fields
}

/// The most tokens of a text that the tower has positions for: in a RoBERTa, those behind the padding token's.
fn positions(config: &Map<String, Value>) -> u64 {
    let number = |name: &str| config[name].as_u64().unwrap_or_default();
    let skipped = match config["model_type"].as_str() {
        Some("bert") => 0,
        _ => number("pad_token_id").saturating_add(1),
    };
    number("max_position_embeddings").saturating_sub(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::open_clip::config::config_json;
    use crate::weights::{ClipConfig, Pooling, TextConfig};

    fn converted(text: Value) -> Result<TextConfig> {
        let model = json!({"embed_dim": 512, "text_cfg": text, "vision_cfg": {"patch_size": 32}});
        let config = ClipConfig::from_json(&config_json(&json!({ "model_cfg": model }).to_string())?)?;
        Ok(config.text.unwrap())
    }

    #[test]
    fn names_stand_for_sizes_and_poolers_for_tokens() {
        for (name, pooler, width, pooling, positions) in [
            (
                "xlm-roberta-base",
                "mean_pooler",
                768,
                Pooling::Mean { padding: 1 },
                514,
            ),
            (
                "FacebookAI/xlm-roberta-large",
                "mean_pooler",
                1024,
                Pooling::Mean { padding: 1 },
                514,
            ),
            (
                "roberta-base",
                "cls_pooler",
                768,
                Pooling::First { padding: 1 },
                514,
            ),
            (
                "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
                "cls_last_hidden_state_pooler",
                768,
                Pooling::First { padding: 0 },
                512,
            ),
        ] {
            let text = converted(json!({"hf_model_name": name, "hf_pooler_type": pooler})).unwrap();
            let bert = text.bert.unwrap();
            assert_eq!(
                (text.tower.width, text.pooling, text.context_length),
                (width, pooling, 77),
                "{name}"
            );
            assert_eq!(
                (bert.has_pooler, bert.positions),
                (pooler == "cls_pooler", positions)
            );
            assert_eq!(bert.projection_hidden, Some((width + 512) / 2));
        }
    }

    #[test]
    fn earlier_names_of_settings_do_and_a_projection_may_be_linear() {
        let text =
            json!({"hf_model_name": "xlm-roberta-base", "proj": "linear", "pooler_type": "cls_pooler"});
        let bert = converted(text).unwrap().bert.unwrap();
        assert!(bert.projection_hidden.is_none() && bert.has_pooler && !bert.projection_bias);
    }

    #[test]
    fn settings_of_a_tower_win_over_its_name() {
        let own =
            json!({"model_type": "bert", "hidden_size": 128, "num_attention_heads": 2, "vocab_size": 1000});
        let text = json!({"hf_model_name": "mine/bert", "hf_model_config": own, "context_length": 32});
        let text = converted(text).unwrap();
        assert_eq!(
            (text.tower.width, text.vocab_size, text.context_length),
            (128, 1000, 32)
        );
    }

    #[test]
    fn other_towers_and_contradictions_are_named() {
        for (text, reason) in [
            (
                json!({"hf_model_name": "google/mt5-base"}),
                "\"google/mt5-base\"; supported are xlm-roberta-base, ",
            ),
            (
                json!({"hf_model_name": "mine", "hf_model_config": {"model_type": "mt5"}}),
                "model_type is \"mt5\"; supported: roberta, xlm-roberta, bert",
            ),
            (
                json!({"hf_model_name": "mine", "hf_model_config": {"model_type": "bert"}}),
                "has no vocab_size",
            ),
            (
                json!({"hf_model_name": "roberta-base", "hf_model_config": {"model_type": "bert"}}),
                "model_type is \"bert\", but that of \"roberta-base\" is \"roberta\"",
            ),
            (
                json!({"hf_model_name": "roberta-base", "hf_pooler_type": "max_pooler"}),
                "hf_pooler_type is \"max_pooler\"; supported: cls_pooler, cls_last_hidden_state_pooler, mean_pooler",
            ),
            (
                json!({"hf_model_name": "roberta-base", "hf_proj_type": "none"}),
                "hf_proj_type is \"none\"; supported: mlp, linear",
            ),
            (
                json!({"hf_model_name": "roberta-base", "hf_proj_type": null}),
                "hf_proj_type is null",
            ),
            (
                json!({"hf_model_name": "roberta-base", "hf_proj_type": "mlp", "proj": "linear"}),
                "hf_proj_type is \"mlp\", but proj, an earlier name of it, is \"linear\"",
            ),
            (
                json!({"hf_model_name": "roberta-base", "width": 512}),
                "width is 512, but the hidden_size of \"roberta-base\" is 768",
            ),
            (
                json!({"hf_model_name": "roberta-base", "context_length": 513}),
                "context_length is 513, but \"roberta-base\" has positions for 512",
            ),
            (
                json!({"hf_model_name": "roberta-base", "tokenizer_kwargs": {"strip_sep_token": true}}),
                "tokenizer_kwargs.strip_sep_token",
            ),
        ] {
            let error = converted(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{reason}: {error}");
        }
    }
}
