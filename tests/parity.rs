//! The model against Hugging Face transformers, in float32 and to a relative error of 1e-4.
//!
//! The tiny snapshots and their figures come from `parity/make_golden.py` and `parity/make_efficientnet.py`. Where the environment
//! names a snapshot, that is checked too: `CLIPLET_SNAPSHOT`, made by the checkpoint maker with its
//! `reference.safetensors`, and `CLIPLET_TRAINED`, the trained openai/clip-vit-base-patch32.
#![cfg(not(target_family = "wasm"))]

#[path = "parity/reference.rs"]
mod reference;

use std::path::{Path, PathBuf};

use candle_core::safetensors::load;
use candle_core::{Device, Tensor};
use cliplet::Clip;
use reference::{Reference, tensor};

const TOLERANCE: f32 = 1e-4;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/parity")
        .join(name)
}

/// Norm of the difference over the norm of what is expected.
fn relative_error(got: &Tensor, expected: &Tensor) -> f32 {
    let norm = |t: &Tensor| t.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>();
    norm(&(got - expected).unwrap()).unwrap() / norm(expected).unwrap()
}

fn normalized(rows: &Tensor) -> Tensor {
    rows.broadcast_div(&rows.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap())
        .unwrap()
}

fn logits(clip: &Clip, a: &Tensor, b: &Tensor) -> Tensor {
    let cosines = normalized(a).matmul(&normalized(b).t().unwrap()).unwrap();
    (cosines * f64::from(clip.logit_scale())).unwrap()
}

/// Checks the snapshot in `dir` against the figures in `reference`.
fn check_snapshot(dir: &Path, reference: &Path) {
    let clip = Clip::open(dir).unwrap();
    let reference = Reference::new(&std::fs::read(reference).unwrap());
    let (images, texts) = reference.embeddings(&clip);
    let logits = logits(&clip, &images, &texts);
    for (name, got) in [
        ("image_embeds", images),
        ("text_embeds", texts),
        ("logits_per_image", logits),
    ] {
        let error = relative_error(&got, reference.tensor(name));
        println!("{}: {name} differs by {error:e}", clip.info().name);
        assert!(error < TOLERANCE, "{name} differs by {error:e}");
    }
}

/// The weights of the tiny snapshot with the configuration of another fixture.
fn tiny_with_config_of(other: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["model.safetensors", "tokenizer.json", "preprocessor_config.json"] {
        std::fs::copy(fixture("tiny").join(file), folder.path().join(file)).unwrap();
    }
    std::fs::copy(
        fixture(other).join("config.json"),
        folder.path().join("config.json"),
    )
    .unwrap();
    folder
}

#[test]
fn quick_gelu_pooled_at_the_largest_id() {
    check_snapshot(&fixture("tiny"), &fixture("tiny/reference.safetensors"));
}

#[test]
fn gelu_pooled_at_the_end_token() {
    check_snapshot(
        tiny_with_config_of("tiny-gelu").path(),
        &fixture("tiny-gelu/reference.safetensors"),
    );
}

#[test]
fn efficientnet_with_a_softmax_and_a_perceptron_on_top() {
    let dir = fixture("tiny-efficientnet");
    check_snapshot(&dir, &dir.join("reference.safetensors"));
    let clip = Clip::open(&dir).unwrap();
    let info = clip.info();
    assert_eq!(
        (
            info.image_tower.as_deref(),
            info.patch_size,
            info.no_match_threshold
        ),
        (Some("efficientnet_lite"), None, Some(0.25))
    );
}

#[test]
fn efficientnet_with_a_linear_head() {
    let (dir, folder) = (fixture("tiny-efficientnet"), tempfile::tempdir().unwrap());
    for file in ["tokenizer.json", "preprocessor_config.json"] {
        std::fs::copy(dir.join(file), folder.path().join(file)).unwrap();
    }
    let config = std::fs::read_to_string(dir.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["vision_config"]["head"] = serde_json::json!({ "kind": "linear" });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let reference = load(dir.join("reference.safetensors"), &Device::Cpu).unwrap();
    let mut tensors = load(dir.join("model.safetensors"), &Device::Cpu).unwrap();
    tensors.insert(
        "visual_projection.weight".into(),
        reference["linear_projection"].clone(),
    );
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    let clip = Clip::open(folder.path()).unwrap();
    let images = clip.model().embed_pixels(&reference["pixel_values"]).unwrap();
    let error = relative_error(&images, &reference["linear_image_embeds"]);
    assert!(error < TOLERANCE, "images differ by {error:e}");
}

#[test]
fn a_snapshot_in_shards() {
    let folder = tiny_with_config_of("tiny");
    let whole = folder.path().join("model.safetensors");
    let mut tensors: Vec<_> = load(&whole, &Device::Cpu).unwrap().into_iter().collect();
    std::fs::remove_file(&whole).unwrap();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let mut map = std::collections::HashMap::new();
    for (i, shard) in tensors.chunks(tensors.len().div_ceil(2)).enumerate() {
        let name = format!("model-{i}.safetensors");
        let shard: std::collections::HashMap<_, _> = shard.iter().cloned().collect();
        candle_core::safetensors::save(&shard, folder.path().join(&name)).unwrap();
        map.extend(shard.into_keys().map(|tensor| (tensor, name.clone())));
    }
    let index = serde_json::json!({ "weight_map": map }).to_string();
    std::fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    check_snapshot(folder.path(), &fixture("tiny/reference.safetensors"));
}

#[test]
fn texts_and_images_go_through_the_tokenizer_and_in_any_company() {
    let clip = Clip::open(fixture("tiny")).unwrap();
    let reference = load(fixture("tiny/reference.safetensors"), &Device::Cpu).unwrap();
    let texts = [
        "a photo of a cat",
        "a photo of a dog",
        "",
        "naïve café — 北京 🚀 #2",
        &"x ".repeat(30),
    ];
    let expected: Vec<Vec<f32>> = reference["text_embeds"].to_vec2().unwrap();
    let together = clip.embed_texts(&texts).unwrap();
    for (i, text) in texts.iter().enumerate() {
        let alone = clip.embed_texts(&[text]).unwrap();
        for embedding in [&together[i], &alone[0]] {
            let row = |v: &[f32]| Tensor::new(v, &Device::Cpu).unwrap();
            assert!(
                relative_error(&row(embedding), &row(&expected[i])) < TOLERANCE,
                "{text:?}"
            );
        }
    }
    assert!(clip.embed_texts(&[]).unwrap().is_empty());
    assert!(clip.embed_images(&[]).unwrap().is_empty());
}

#[test]
fn the_snapshot_describes_itself() {
    let clip = Clip::open(fixture("tiny")).unwrap();
    let info = clip.info();
    assert_eq!(
        (
            info.name.as_str(),
            info.licence.as_deref(),
            info.quantization.as_str()
        ),
        ("tiny", Some("mit"), "f32")
    );
    assert_eq!(
        (
            info.dimension,
            info.image_size,
            info.patch_size,
            info.context_length
        ),
        (32, Some(32), Some(8), Some(16))
    );
}

#[test]
fn a_snapshot_named_by_the_environment() {
    match std::env::var_os("CLIPLET_SNAPSHOT").map(PathBuf::from) {
        Some(dir) => check_snapshot(&dir, &dir.join("reference.safetensors")),
        None => println!("skipped: CLIPLET_SNAPSHOT names no snapshot with reference.safetensors"),
    }
}

/// Figures that the tests of elixir-nx/bumblebee and of transformers publish.
#[test]
fn the_trained_model_gives_its_published_logits() {
    let Some(dir) = std::env::var_os("CLIPLET_TRAINED").map(PathBuf::from) else {
        println!("skipped: CLIPLET_TRAINED names no snapshot of openai/clip-vit-base-patch32");
        return;
    };
    let clip = Clip::open(&dir).unwrap();
    let image = |value: f32| Tensor::full(value, (1, 3, 224, 224), &Device::Cpu).unwrap();
    let pixels = Tensor::cat(&[image(0.25), image(0.75)], 0).unwrap();
    let ids = [2368, 1929].map(|last| vec![49406, 320, 1125, 539, 320, last, 49407]);
    let images = clip.model().embed_pixels(&pixels).unwrap();
    let texts = clip.model().embed_tokens(&ids).unwrap();
    let expected = Tensor::new(&[[22.7866f32, 22.8397], [23.2389, 22.8406]], &Device::Cpu).unwrap();
    assert!(relative_error(&logits(&clip, &texts, &images), &expected) < TOLERANCE);

    let cats = dir.join("000000039769.jpg");
    let Ok(bytes) = std::fs::read(&cats) else {
        println!("skipped: the COCO picture {} is not there", cats.display());
        return;
    };
    let image = clip
        .embed_images(&[clip.image_processor().preprocess(&bytes).unwrap()])
        .unwrap();
    let texts = clip
        .embed_texts(&["a photo of a cat", "a photo of a dog"])
        .unwrap();
    let got = logits(&clip, &tensor(&image), &tensor(&texts));
    assert!(
        relative_error(
            &got,
            &Tensor::new(&[[24.5701f32, 19.3049]], &Device::Cpu).unwrap()
        ) < 1e-3
    );
}
