//! The rows of the table: published models by their configurations, and the random models that have their layouts.

use cliplet::weights::published_settings;
use serde_json::{Value, json};

/// Width, width of the perceptrons, layers and heads of a tower.
type Sizes = (u64, u64, u64, u64);

const BASE: Sizes = (768, 3072, 12, 12);
const LARGE: Sizes = (1024, 4096, 24, 16);
const HUGE: Sizes = (1280, 5120, 32, 16);

fn tower((width, mlp, layers, heads): Sizes, more: Value) -> Value {
    let mut fields = json!({
        "hidden_size": width, "intermediate_size": mlp, "num_hidden_layers": layers, "num_attention_heads": heads,
    });
    fields
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    fields
}

/// A CLIP by the sizes of its towers and its embeddings.
fn clip(text: Sizes, vision: Sizes, (image, patch, dimension): (u64, u64, u64)) -> Value {
    json!({
        "model_type": "clip", "projection_dim": dimension,
        "text_config": tower(text, json!({})),
        "vision_config": tower(vision, json!({ "image_size": image, "patch_size": patch })),
    })
}

fn siglip(tower_sizes: Sizes, (image, patch): (u64, u64), vocabulary: u64) -> Value {
    json!({
        "model_type": "siglip",
        "text_config": tower(tower_sizes, json!({ "vocab_size": vocabulary })),
        "vision_config": tower(tower_sizes, json!({ "image_size": image, "patch_size": patch })),
    })
}

/// A MobileCLIP by its name.
fn mobileclip(name: &str) -> Value {
    let settings = published_settings(name).unwrap_or_else(|| panic!("{name} is no MobileCLIP"));
    serde_json::from_str(&settings).unwrap()
}

/// A text tower of another kind, with fields of its own, beside the image tower of a base-size CLIP.
fn beside_clip(text: Sizes, fields: Value, patch: u64) -> Value {
    json!({
        "model_type": "clip", "projection_dim": 512,
        "text_config": tower(text, fields),
        "vision_config": tower(BASE, json!({ "image_size": 224, "patch_size": patch })),
    })
}

/// A row of the table.
pub struct Model {
    pub family: &'static str,
    pub name: &'static str,
    /// Its `config.json`, or its `open_clip_config.json`.
    pub config: Value,
    /// The random models of `tests/parity/models` that have its layout.
    pub stand_ins: &'static [&'static str],
}

/// Family, name, configuration and stand-ins of a model, as [`Model`] has them.
type Row = (&'static str, &'static str, Value, &'static [&'static str]);

/// Models of OpenAI's layout.
fn clips() -> Vec<Row> {
    let (small_text, base_text) = ((512, 2048, 12, 8), (768, 3072, 12, 12));
    let mut metaclip2 = clip(LARGE, HUGE, (224, 14, 1024));
    metaclip2["model_type"] = "metaclip_2".into();
    metaclip2["text_config"]["vocab_size"] = 901_629.into();
    let openai = &["fashion-clip", "open-clip-openai"][..];
    vec![
        (
            "clip",
            "TinyCLIP ViT-8M/16",
            clip((256, 1024, 3, 4), (256, 1024, 10, 4), (224, 16, 512)),
            &["tinyclip"],
        ),
        ("clip", "ViT-B/32", clip(small_text, BASE, (224, 32, 512)), openai),
        ("clip", "ViT-B/16", clip(small_text, BASE, (224, 16, 512)), openai),
        ("clip", "ViT-L/14", clip(base_text, LARGE, (224, 14, 768)), openai),
        ("clip", "ViT-H/14", clip(LARGE, HUGE, (224, 14, 1024)), &["vit-h"]),
        (
            "clip",
            "ViT-bigG/14",
            clip((1280, 5120, 32, 20), (1664, 8192, 48, 16), (224, 14, 1280)),
            &["open-clip-bigg"],
        ),
        (
            "clip",
            "MetaCLIP B/16",
            clip(small_text, BASE, (224, 16, 512)),
            &["metaclip"],
        ),
        ("clip", "MetaCLIP 2 H/14", metaclip2, &["metaclip2"]),
    ]
}

/// MobileCLIPs, by their published settings.
fn mobileclips() -> Vec<Row> {
    vec![
        (
            "clip",
            "MobileCLIP S0",
            mobileclip("MobileCLIP-S0"),
            &["mobileclip-s0-apple"],
        ),
        (
            "clip",
            "MobileCLIP 2 S0",
            mobileclip("MobileCLIP2-S0"),
            &["mobileclip-s1"],
        ),
        (
            "clip",
            "MobileCLIP S1",
            mobileclip("MobileCLIP-S1"),
            &["mobileclip-s1"],
        ),
        (
            "clip",
            "MobileCLIP S2, 2 S2",
            mobileclip("MobileCLIP-S2"),
            &["mobileclip-s2"],
        ),
        (
            "clip",
            "MobileCLIP B, 2 B",
            mobileclip("MobileCLIP-B"),
            &["mobileclip-b"],
        ),
        (
            "clip",
            "MobileCLIP 2 S3",
            mobileclip("MobileCLIP2-S3"),
            &["mobileclip2-s3"],
        ),
        (
            "clip",
            "MobileCLIP 2 S4",
            mobileclip("MobileCLIP2-S4"),
            &["mobileclip2-s3"],
        ),
        (
            "clip",
            "MobileCLIP 2 L",
            mobileclip("MobileCLIP2-L-14"),
            &["mobileclip2-l"],
        ),
    ]
}

/// Models whose text tower is a BERT or a relative of it.
fn multilingual() -> Vec<Row> {
    let distilbert = json!({
        "model_type": "distilbert", "vocab_size": 119_547, "max_position_embeddings": 512, "pooling": "mean",
    });
    let xlm_roberta = json!({
        "model_type": "xlm-roberta", "vocab_size": 250_002, "max_position_embeddings": 514, "pooling": "mean",
        "projection_bias": true, "type_vocab_size": 1,
    });
    let bert = json!({ "model_type": "bert", "vocab_size": 21_128, "max_position_embeddings": 512 });
    vec![
        (
            "clip",
            "Chinese-CLIP B/16",
            beside_clip(BASE, bert, 16),
            &["chinese-clip"],
        ),
        (
            "clip",
            "clip-ViT-B-32-multilingual-v1",
            beside_clip((768, 3072, 6, 12), distilbert, 32),
            &["multilingual-distilbert"],
        ),
        (
            "clip",
            "M-CLIP XLM-R Large, ViT-B/32",
            beside_clip(LARGE, xlm_roberta, 32),
            &["m-clip"],
        ),
    ]
}

/// Models of open_clip whose text tower is one of transformers.
fn open_clips() -> Vec<Row> {
    let model = |dimension: u64, text: &str, pooler: &str, vision: Value| {
        json!({ "model_cfg": {
            "embed_dim": dimension, "vision_cfg": vision,
            "text_cfg": { "hf_model_name": text, "hf_pooler_type": pooler, "hf_proj_type": "mlp" },
        }})
    };
    let base = json!({ "image_size": 224, "layers": 12, "width": 768, "patch_size": 32 });
    let huge = json!({ "image_size": 224, "layers": 32, "width": 1280, "head_width": 80, "patch_size": 14 });
    let timm = json!({ "timm_model_name": "vit_base_patch16_224", "timm_pool": "", "timm_proj": "linear" });
    let biomedical = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract";
    vec![
        (
            "clip",
            "OpenCLIP RoBERTa, ViT-B/32",
            model(512, "roberta-base", "mean_pooler", base.clone()),
            &["open-clip-roberta"],
        ),
        (
            "clip",
            "OpenCLIP XLM-R Base, ViT-B/32",
            model(512, "xlm-roberta-base", "mean_pooler", base),
            &["open-clip-xlm-roberta"],
        ),
        (
            "clip",
            "OpenCLIP XLM-R Large, ViT-H/14",
            model(1024, "xlm-roberta-large", "mean_pooler", huge),
            &["open-clip-xlm-roberta"],
        ),
        (
            "clip",
            "BiomedCLIP B/16",
            model(512, biomedical, "cls_last_hidden_state_pooler", timm),
            &["open-clip-biomed"],
        ),
    ]
}

/// SigLIP and SigLIP 2.
fn siglips() -> Vec<Row> {
    let naflex = |sizes| {
        let mut config = siglip(sizes, (256, 16), 256_000);
        config["model_type"] = "siglip2".into();
        config
    };
    vec![
        (
            "siglip",
            "SigLIP B/16",
            siglip(BASE, (224, 16), 32_000),
            &["siglip", "open-clip-siglip"],
        ),
        (
            "siglip",
            "SigLIP So400m/14",
            siglip((1152, 4304, 27, 16), (384, 14), 32_000),
            &["siglip", "open-clip-siglip"],
        ),
        (
            "siglip",
            "SigLIP 2 B/16",
            siglip(BASE, (224, 16), 256_000),
            &["siglip2", "siglip2-left", "open-clip-siglip2"],
        ),
        (
            "siglip",
            "SigLIP 2 L/16",
            siglip(LARGE, (256, 16), 256_000),
            &["siglip2", "siglip2-left", "open-clip-siglip2"],
        ),
        (
            "siglip",
            "SigLIP 2 B/16 NaFlex",
            naflex(BASE),
            &["siglip2-naflex"],
        ),
        (
            "siglip",
            "SigLIP 2 So400m/16 NaFlex",
            naflex((1152, 4304, 27, 16)),
            &["siglip2-naflex"],
        ),
    ]
}

/// Published models, family by family.
pub fn models() -> Vec<Model> {
    let row = |(family, name, config, stand_ins)| Model {
        family,
        name,
        config,
        stand_ins,
    };
    let rows = [clips(), mobileclips(), multilingual(), open_clips(), siglips()];
    rows.into_iter().flatten().map(row).collect()
}
