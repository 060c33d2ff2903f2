//! Snapshot directories, damaged and forged: every one loads or fails with a typed error that names
//! the file, and none makes the reader allocate what a header merely claims.
#![cfg(not(target_family = "wasm"))]

mod support;

use cliplet::Clip;
use cliplet::Result;
use cliplet::weights::{ClipConfig, VisionConfig};
use proptest::prelude::*;
use support::{CountingAllocator, tiny};

/// A snapshot whose safetensors file is `bytes`.
fn snapshot_with(bytes: &[u8]) -> Result<Clip> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "preprocessor_config.json"] {
        std::fs::copy(tiny().join(file), folder.path().join(file)).unwrap();
    }
    std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    Clip::open(folder.path())
}

#[test]
fn damaged_safetensors_are_refused() {
    let good = std::fs::read(tiny().join("model.safetensors")).unwrap();
    assert!(snapshot_with(&good).is_ok());
    let size = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    for cut in [0, 7, 8, 100, size - 1, size, size + 1, good.len() - 1] {
        let error = snapshot_with(&good[..cut]).err().expect("a cut file loads");
        assert!(
            error.to_string().contains("model.safetensors: "),
            "cut at {cut}: {error}"
        );
    }
    let with_header = |header: &str, data: usize| {
        let size = (header.len() as u64).to_le_bytes();
        [size.as_slice(), header.as_bytes(), &vec![0; data]].concat()
    };
    let tensor = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"logit_scale": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": {offsets}}}}}"#)
    };
    let cases = [
        ("claims", [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat()),
        ("bad safetensors header", with_header("{", 0)),
        (
            "overflow",
            with_header(&tensor("F32", "[4294967296, 4294967296]", "[0, 4]"), 4),
        ),
        (
            "invalid offset",
            with_header(&tensor("F32", "[1]", "[8, 12]"), 12),
        ),
        ("invalid offset", with_header(&tensor("F32", "[1]", "[4, 0]"), 4)),
        (
            "bad safetensors header",
            with_header(&tensor("F32", "[2]", "[0, 4]"), 4),
        ),
        (
            "follow the header",
            with_header(&tensor("F32", "[1]", "[0, 4]"), 5),
        ),
        (
            "I32; F32, F16 and BF16",
            with_header(&tensor("I32", "[]", "[0, 4]"), 4),
        ),
        (
            "config.json makes it",
            with_header(&tensor("F32", "[1]", "[0, 4]"), 4),
        ),
        ("is missing", with_header(&tensor("F32", "[]", "[0, 4]"), 4)),
    ];
    for (expected, bytes) in cases {
        CountingAllocator::take_largest();
        let error = snapshot_with(&bytes).err().expect("it loads").to_string();
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        let largest = CountingAllocator::take_largest();
        assert!(
            largest < 1 << 20,
            "{expected}: {} bytes were asked for at once",
            largest
        );
    }
}

#[test]
fn an_index_cannot_lead_out_of_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "preprocessor_config.json"] {
        std::fs::copy(tiny().join(file), folder.path().join(file)).unwrap();
    }
    let index = folder.path().join("model.safetensors.index.json");
    for shard in ["../model.safetensors", "/etc/passwd", "..", "a/b"] {
        std::fs::write(
            &index,
            format!(r#"{{"weight_map": {{"logit_scale": "{shard}"}}}}"#),
        )
        .unwrap();
        let error = Clip::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("is not a file name"), "{error}");
    }
    std::fs::remove_file(&index).unwrap();
    let error = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("holds no model.safetensors"), "{error}");
}

proptest! {
    #[test]
    fn any_configuration_is_checked_or_refused(
        names in proptest::collection::vec(
            proptest::sample::select(vec![
                "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
                "max_position_embeddings", "eos_token_id", "image_size", "patch_size", "projection_dim",
            ]),
            1..4,
        ),
        value in prop_oneof![any::<i64>(), 0..4096i64],
    ) {
        let fields: Vec<String> = names.iter().map(|name| format!("\"{name}\": {value}")).collect();
        let fields = fields.join(", ");
        let json = format!("{{\"text_config\": {{{fields}}}, \"vision_config\": {{{fields}}}}}");
        if let Ok(config) = ClipConfig::from_json(&json) {
            let VisionConfig::Vit(vision) = &config.vision else {
                return Err(TestCaseError::fail("a configuration without a model type is a vision transformer"));
            };
            prop_assert!(vision.tokens() <= 1 << 14);
            prop_assert!(config.text.tower.width % config.text.tower.heads == 0);
        }
    }
}
