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
            "the configuration makes it",
            with_header(&tensor("F32", "[2]", "[0, 8]"), 8),
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

/// A copy of the tiny snapshot in `folder`, without the files in `without`.
fn copy_into(folder: &std::path::Path, without: &[&str]) {
    std::fs::create_dir_all(folder).unwrap();
    let files = [
        "config.json",
        "tokenizer.json",
        "preprocessor_config.json",
        "model.safetensors",
    ];
    for file in files.iter().filter(|file| !without.contains(file)) {
        std::fs::copy(tiny().join(file), folder.join(file)).unwrap();
    }
}

/// Embedding of a 2 x 2 image by the snapshot in `folder`.
fn image_embedding(folder: &std::path::Path) -> Vec<f32> {
    let pixels = [255, 0, 0, 255, 0, 200, 0, 255, 0, 0, 90, 255, 40, 40, 40, 255];
    let image = cliplet::ImageInput::Rgba {
        width: 2,
        height: 2,
        pixels: &pixels,
    };
    Clip::open(folder).unwrap().embed_image(image).unwrap().to_vec()
}

#[test]
fn settings_are_read_from_processor_config_and_the_older_file_in_every_mix() {
    let older = std::fs::read_to_string(tiny().join("preprocessor_config.json")).unwrap();
    let size: serde_json::Value = serde_json::from_str(&older).unwrap();
    let mut changed = size.clone();
    changed["image_mean"] = serde_json::json!([0.5, 0.5, 0.5]);
    changed["image_std"] = serde_json::json!([0.5, 0.5, 0.5]);
    let nested = serde_json::json!({"image_processor": changed, "processor_class": "CLIPProcessor"});
    let plain = serde_json::json!({"processor_class": "CLIPProcessor"});
    let embedding = |processor: Option<&serde_json::Value>, preprocessor: Option<&serde_json::Value>| {
        let folder = tempfile::tempdir().unwrap();
        copy_into(folder.path(), &["preprocessor_config.json"]);
        for (name, json) in [
            ("processor_config.json", processor),
            ("preprocessor_config.json", preprocessor),
        ] {
            if let Some(json) = json {
                std::fs::write(folder.path().join(name), json.to_string()).unwrap();
            }
        }
        let warned = !Clip::open(folder.path()).unwrap().info().warnings.is_empty();
        assert_eq!(warned, processor != Some(&nested) && preprocessor.is_none());
        image_embedding(folder.path())
    };
    let (old, new) = (embedding(None, Some(&size)), embedding(None, Some(&changed)));
    assert_ne!(old, new);
    assert_eq!(embedding(Some(&nested), None), new);
    assert_eq!(embedding(Some(&nested), Some(&size)), new);
    assert_eq!(embedding(Some(&plain), Some(&size)), old);
    assert_eq!(embedding(Some(&plain), None), embedding(None, None));
}

#[test]
fn a_git_lfs_pointer_is_named_with_its_remedy() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 605157884\n";
    let error = snapshot_with(pointer).err().unwrap().to_string();
    assert!(error.contains("Git LFS pointer: run git lfs pull"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    std::fs::write(&file, pointer).unwrap();
    let error = Clip::open(&file).err().unwrap().to_string();
    assert!(error.contains("Git LFS pointer: run git lfs pull"), "{error}");
}

#[test]
fn snapshots_are_found_below_their_directory() {
    let folder = tempfile::tempdir().unwrap();
    let right = image_embedding(&tiny());
    copy_into(&folder.path().join("sentence/0_CLIPModel"), &[]);
    assert_eq!(image_embedding(&folder.path().join("sentence")), right);
    let cached = folder.path().join("models--owner--name");
    copy_into(&cached.join("snapshots/0123abcd"), &[]);
    assert_eq!(image_embedding(&cached), right);
    std::fs::create_dir_all(cached.join("snapshots/ffff")).unwrap();
    let error = Clip::open(&cached).err().unwrap().to_string();
    assert!(error.contains("several snapshots"), "{error}");
    std::fs::create_dir_all(cached.join("refs")).unwrap();
    for (main, found) in [("0123abcd\n", true), ("../snapshots", false)] {
        std::fs::write(cached.join("refs/main"), main).unwrap();
        assert_eq!(Clip::open(&cached).is_ok(), found);
    }
}

/// The tiny tokenizer's file.
fn tokenizer_json() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(tiny().join("tokenizer.json")).unwrap()).unwrap()
}

#[test]
fn vocabulary_and_merges_do_in_place_of_a_tokenizer() {
    let model = &tokenizer_json()["model"];
    let merges: Vec<String> = model["merges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    copy_into(folder.path(), &["tokenizer.json"]);
    let (vocab, lines) = (folder.path().join("vocab.json"), folder.path().join("merges.txt"));
    let error = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("vocab.json and merges.txt"), "{error}");
    std::fs::write(&vocab, model["vocab"].to_string()).unwrap();
    let error = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("merges.txt: file is missing"), "{error}");
    std::fs::write(&lines, format!("#version: 0.2\n{}\n", merges.join("\n"))).unwrap();
    let texts = ["a photo of a cat", "It's 42\u{e9}  <|endoftext|> \u{1f600}!"];
    let embedding = |path: &std::path::Path| {
        let all = Clip::open(path).unwrap().embed_texts(&texts).unwrap();
        all.iter().map(|one| one.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(embedding(folder.path()), embedding(&tiny()));
    std::fs::write(&lines, "#version: 0.2\na b c\n").unwrap();
    let error = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("line 2"), "{error}");
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
            let (Some(text), Some(VisionConfig::Vit(vision))) = (&config.text, &config.vision) else {
                return Err(TestCaseError::fail("a configuration without a model type is a vision transformer"));
            };
            prop_assert!(vision.tokens() <= 1 << 14);
            prop_assert!(text.tower.width % text.tower.heads == 0);
        }
    }
}
