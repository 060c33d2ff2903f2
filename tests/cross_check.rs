//! The models against implementations that share no code with them: candle-transformers' CLIP and SigLIP, in float32,
//! on small random snapshots.
#![cfg(not(target_family = "wasm"))]

#[path = "parity/reference.rs"]
mod reference;

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::clip::text_model::{Activation, ClipTextConfig};
use candle_transformers::models::clip::vision_model::ClipVisionConfig;
use candle_transformers::models::clip::{ClipConfig, ClipModel};
use candle_transformers::models::siglip;
use cliplet::Clip;
use reference::Reference;

/// Largest relative error: different orders of summation in float32.
const TOLERANCE: f32 = 1e-4;

/// `tests/parity/tiny/config.json`.
fn config() -> ClipConfig {
    ClipConfig {
        text_config: ClipTextConfig {
            vocab_size: 521,
            embed_dim: 32,
            activation: Activation::QuickGelu,
            intermediate_size: 64,
            max_position_embeddings: 16,
            pad_with: None,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            projection_dim: 32,
        },
        vision_config: ClipVisionConfig {
            embed_dim: 48,
            activation: Activation::QuickGelu,
            intermediate_size: 96,
            num_hidden_layers: 2,
            num_attention_heads: 3,
            projection_dim: 32,
            num_channels: 3,
            image_size: 32,
            patch_size: 8,
        },
        logit_scale_init_value: 2.6592,
        image_size: 32,
    }
}

/// Largest difference between two matrices, relative to the largest value.
fn relative_error(got: &Tensor, expected: &Tensor) -> f32 {
    let largest = |tensor: Tensor| {
        let values: Vec<f32> = tensor.abs().unwrap().flatten_all().unwrap().to_vec1().unwrap();
        values.into_iter().fold(0.0, f32::max)
    };
    largest((got - expected).unwrap()) / largest(expected.clone())
}

/// The weights of a snapshot, as candle's own models take them.
fn weights(folder: &Path) -> VarBuilder<'static> {
    let weights = std::fs::read(folder.join("model.safetensors")).unwrap();
    VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).unwrap()
}

/// Compares the embeddings of the snapshot's reference inputs with those of another implementation.
fn assert_same(
    folder: &Path,
    embed_images: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
    embed_texts: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
) {
    let inputs = Reference::new(&std::fs::read(folder.join("reference.safetensors")).unwrap());
    let ids = inputs.tensor("input_ids").to_dtype(DType::U32).unwrap();
    let (images, texts) = inputs.embeddings(&Clip::open(folder).unwrap());
    let expected = embed_images(inputs.tensor("pixel_values")).unwrap();
    assert!(relative_error(&images, &expected) < TOLERANCE);
    let expected = embed_texts(&ids).unwrap();
    assert!(relative_error(&texts, &expected) < TOLERANCE);
}

#[test]
fn embeddings_are_those_of_candle_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/tiny");
    let weights = weights(&folder);
    let other = ClipModel::new(weights, &config()).unwrap();
    assert_same(
        &folder,
        |pixels| other.get_image_features(pixels),
        |ids| other.get_text_features(ids),
    );
}

#[test]
fn a_siglip_gives_the_embeddings_of_candle_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/models/siglip2-left");
    let weights = weights(&folder);
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let config: siglip::Config = serde_json::from_str(&config).unwrap();
    let other = siglip::Model::new(&config, weights).unwrap();
    assert_same(
        &folder,
        |pixels| other.get_image_features(pixels),
        |ids| other.get_text_features(ids),
    );
}
