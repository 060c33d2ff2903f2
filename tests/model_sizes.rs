//! Sizes of published models, computed from their configurations: the table in docs/models.md.
#![cfg(not(target_family = "wasm"))]

use std::path::Path;

use cliplet::weights::{Quant, SnapshotMetadata, TensorSpec, weight_specs};
use serde_json::{Value, json};

/// Width, width of the perceptrons, layers and heads of a tower.
type Sizes = (u64, u64, u64, u64);

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

/// A MobileCLIP by the name of its image tower, its side of an image and the width of its embeddings and its text tower.
fn mobileclip(tower: &str, image: u64, width: u64) -> Value {
    let pool = if tower.starts_with("fastvit") {
        "avg"
    } else {
        "token"
    };
    json!({ "model_cfg": {
        "embed_dim": width, "custom_text": true,
        "vision_cfg": { "timm_model_name": tower, "timm_proj": null, "timm_pool": pool, "image_size": image },
        "text_cfg": { "width": width, "heads": width / 64, "layers": 12, "no_causal_mask": pool == "avg" },
    } })
}

/// sentence-transformers' text tower beside the image tower of a ViT-B/32.
fn multilingual(vision: Sizes) -> Value {
    let text = json!({
        "model_type": "distilbert", "vocab_size": 119_547, "max_position_embeddings": 512, "pooling": "mean",
    });
    json!({
        "model_type": "clip", "projection_dim": 512,
        "text_config": tower((768, 3072, 6, 12), text),
        "vision_config": tower(vision, json!({ "image_size": 224, "patch_size": 32 })),
    })
}

/// Names and configurations of published models.
fn models() -> Vec<(&'static str, Value)> {
    let small_text = (512, 2048, 12, 8);
    let large_text = (768, 3072, 12, 12);
    vec![
        (
            "TinyCLIP ViT-8M/16",
            clip((256, 1024, 3, 4), (256, 1024, 10, 4), (224, 16, 512)),
        ),
        ("ViT-B/32", clip(small_text, (768, 3072, 12, 12), (224, 32, 512))),
        ("ViT-B/16", clip(small_text, (768, 3072, 12, 12), (224, 16, 512))),
        ("ViT-L/14", clip(large_text, (1024, 4096, 24, 16), (224, 14, 768))),
        (
            "ViT-H/14",
            clip((1024, 4096, 24, 16), (1280, 5120, 32, 16), (224, 14, 1024)),
        ),
        (
            "ViT-bigG/14",
            clip((1280, 5120, 32, 20), (1664, 8192, 48, 16), (224, 14, 1280)),
        ),
        ("SigLIP B/16", siglip((768, 3072, 12, 12), (224, 16), 32_000)),
        (
            "SigLIP So400m/14",
            siglip((1152, 4304, 27, 16), (384, 14), 32_000),
        ),
        ("SigLIP 2 B/16", siglip((768, 3072, 12, 12), (224, 16), 256_000)),
        ("SigLIP 2 L/16", siglip((1024, 4096, 24, 16), (256, 16), 256_000)),
        ("MobileCLIP 2 S0", mobileclip("fastvit_mci0", 256, 512)),
        ("MobileCLIP S1", mobileclip("fastvit_mci1", 256, 512)),
        ("MobileCLIP S2, 2 S2", mobileclip("fastvit_mci2", 256, 512)),
        ("MobileCLIP B, 2 B", mobileclip("vit_base_mci_224", 224, 512)),
        ("MobileCLIP 2 S3", mobileclip("fastvit_mci3", 256, 768)),
        ("MobileCLIP 2 S4", mobileclip("fastvit_mci4", 256, 768)),
        ("clip-ViT-B-32-multilingual-v1", multilingual((768, 3072, 12, 12))),
    ]
}

#[test]
fn the_table_of_sizes_is_that_of_the_configurations() {
    let table: String = models()
        .into_iter()
        .map(|(name, config)| {
            let texts =
                || SnapshotMetadata::new(name, config.to_string(), String::new(), None, None).unwrap();
            let parts = weight_specs(&texts().config)
                .into_iter()
                .flat_map(|spec| spec.parts);
            let parameters: usize = parts.map(|part: TensorSpec| part.values()).sum();
            let megabytes = |quant| texts().file_bytes(quant) as f64 / 1e6;
            format!(
                "| {name} | {:.0} M | {:.0} MB | {:.0} MB |\n",
                parameters as f64 / 1e6,
                megabytes(Quant::Q8),
                megabytes(Quant::Q4)
            )
        })
        .collect();
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/models.md")).unwrap();
    assert!(
        page.contains(&table),
        "docs/models.md should have this table:\n{table}"
    );
}
