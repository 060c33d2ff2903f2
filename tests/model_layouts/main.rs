//! Models of every layout and family against the library that saved them, in float32 and to a relative error of 1e-4;
//! the same models converted to 8 bits.
//!
//! The snapshots and their figures come from `parity/make_models.py`.
#![cfg(not(target_family = "wasm"))]

#[path = "../parity/layouts.rs"]
mod layouts;
mod mobileclip;
mod multilingual;
mod open_clip;
#[path = "../parity/reference.rs"]
mod reference;
mod siglip;

use std::path::Path;

use candle_core::DType;
use cliplet::weights::{Quant, convert, convert_towers};
use cliplet::{Clip, ImageInput};
use cliplet_kernels::CodeRange;
use layouts::{Figures, measure, outputs, reference, relative_error, snapshot};
use reference::{drawn, tensor};

/// Largest relative error of an output in float32.
const TOLERANCE: f32 = 1e-4;
/// Least cosine of an embedding in 8 bits. Codes of fewer than eight bits show in the smallest of these models, whose
/// text tower is one block of 16 channels; the others reach 0.999 with them too.
fn least_cosine() -> f32 {
    match cliplet_kernels::best().range {
        CodeRange::U7 => 0.9985,
        _ => 0.999,
    }
}

/// Checks a model in float32, and in 8 bits as `convert` makes them.
fn check(name: &str) -> Clip {
    let (clip, converted, figures) = measure(name);
    let Figures { error, cosine } = figures;
    assert!(error < TOLERANCE, "{name}: an output differs by {error:e}");
    assert!(
        cosine > least_cosine(),
        "{name}: an embedding in 8 bits has a cosine of {cosine}"
    );
    let (whole, small) = (clip.info(), converted.info());
    assert_eq!(
        (
            &whole.family,
            &whole.score_rule,
            whole.image_size,
            whole.context_length
        ),
        (
            &small.family,
            &small.score_rule,
            small.image_size,
            small.context_length
        )
    );
    clip
}

#[test]
fn pytorch_files_of_parameters_views_and_shared_storages() {
    check("pytorch-bin");
}

#[test]
fn pytorch_files_that_an_index_lists() {
    check("pytorch-shards");
}

#[test]
fn open_clip_with_quick_gelu_fused_projections_and_its_own_center_crop() {
    check("open-clip-openai");
}

#[test]
fn open_clip_with_a_text_module_a_squashing_resize_and_other_norms() {
    check("open-clip-custom");
}

#[test]
fn the_shapes_of_larger_open_clips() {
    check("open-clip-bigg");
    check("vit-h");
}

/// A tower with fewer blocks than it was trained with would run.
#[test]
fn numbers_of_blocks_are_compared() {
    for (name, file, from, to, reason) in [
        (
            "vit-h",
            "config.json",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 1",
            "has 2 blocks, but vision_config.num_hidden_layers is 1",
        ),
        (
            "m-clip",
            "config.json",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 3",
            "has 2 blocks, but text_config.num_hidden_layers is 3",
        ),
        (
            "mobileclip-s1",
            "open_clip_config.json",
            "\"layers\": 2,",
            "\"layers\": 1,",
            "has 2 blocks, but text_config.num_hidden_layers is 1",
        ),
        (
            "mobileclip-s0-apple",
            "config.json",
            "\"mct\"",
            "\"base\"",
            "has convolutions over texts, but the configuration has none",
        ),
    ] {
        let folder = snapshot(name);
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name}: {text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let message = Clip::open(folder.path()).err().expect("it loads").to_string();
        assert!(message.contains(reason), "{name}: {message}");
    }
}

/// Settings that cannot be used are found before a file is written.
#[test]
fn a_file_that_could_not_be_opened_is_not_written() {
    let folder = snapshot("open-clip-openai");
    let path = folder.path().join("open_clip_config.json");
    let json = std::fs::read_to_string(&path).unwrap();
    let mut settings: serde_json::Value = serde_json::from_str(&json).unwrap();
    settings["preprocess_cfg"]["mean"] = serde_json::json!([0.5]);
    std::fs::write(&path, settings.to_string()).unwrap();
    let file = folder.path().join("converted.gguf");
    let message = convert(folder.path(), &file, Quant::Q8, None)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("image_mean and image_std are one number, or three"),
        "{message}"
    );
    assert!(!file.exists());
}

#[test]
fn relatives_of_openais_layout() {
    for name in ["metaclip", "tinyclip", "fashion-clip"] {
        check(name);
    }
}

/// The texts that are listed beside a model, against their expected embeddings.
fn check_texts(name: &str, clip: &Clip, folder: &Path) {
    let texts = std::fs::read(folder.join("texts.json")).unwrap();
    let texts: Vec<String> = serde_json::from_slice(&texts).unwrap();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embedded = tensor(&clip.embed_texts(&texts).unwrap());
    let error = relative_error(&embedded, reference(folder).tensor("text_embeds"));
    assert!(error < TOLERANCE, "{name}: texts differ by {error:e}");
}

#[test]
fn an_image_tower_alone_embeds_images_and_refuses_texts() {
    let clip = check("vision-tower");
    let error = clip.embed_texts(&["a cat"]).unwrap_err().to_string();
    assert!(error.contains("has no text tower"), "{error}");
    assert!(clip.tokenizer().is_err());
    assert_eq!(clip.info().context_length, None);
    let classifier = clip.zero_shot(["cat", "dog"]).unwrap();
    let error = classifier.label_embeddings().unwrap_err().to_string();
    assert!(error.contains("has no text tower"), "{error}");
}

#[test]
fn a_text_tower_alone_embeds_texts_and_refuses_images() {
    let clip = check("text-tower");
    let error = clip.embed_image(ImageInput::Rgba {
        width: 61,
        height: 43,
        pixels: &drawn(),
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("has no image tower"), "{error}");
    assert_eq!(
        (clip.info().image_size, clip.info().image_tower.as_ref()),
        (None, None)
    );
}

#[test]
fn a_file_of_weights_is_opened_with_what_lies_beside_it() {
    for (name, file) in [
        ("pytorch-bin", "pytorch_model.bin"),
        ("open-clip-custom", "open_clip_pytorch_model.bin"),
        ("open-clip-openai", "open_clip_model.safetensors"),
    ] {
        let folder = snapshot(name);
        let whole = Clip::open(folder.path()).unwrap();
        let single = Clip::open(folder.path().join(file)).unwrap();
        let texts = |clip: &Clip| clip.embed_texts(&["a photo of a cat"]).unwrap();
        assert_eq!(texts(&whole), texts(&single));
    }
}

#[test]
fn defaults_that_stand_in_for_absent_settings_are_told() {
    let folder = snapshot("open-clip-openai");
    assert!(Clip::open(folder.path()).unwrap().info().warnings.is_empty());
    let path = folder.path().join("open_clip_config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config.as_object_mut().unwrap().remove("preprocess_cfg");
    std::fs::write(&path, config.to_string()).unwrap();
    let warnings = Clip::open(folder.path()).unwrap().info().warnings.clone();
    assert!(
        warnings.len() == 1 && warnings[0].contains("defaults"),
        "{warnings:?}"
    );
    let file = folder.path().join("converted.gguf");
    assert_eq!(
        convert(folder.path(), &file, Quant::Q8, None).unwrap().warnings,
        warnings
    );
}

#[test]
fn what_is_missing_or_contradicts_itself_is_named() {
    let error = |name: &str, change: &dyn Fn(&Path)| {
        let folder = snapshot(name);
        change(folder.path());
        Clip::open(folder.path()).err().expect("it loads").to_string()
    };
    let without = |file: &'static str| move |folder: &Path| std::fs::remove_file(folder.join(file)).unwrap();
    let message = error("open-clip-openai", &without("tokenizer.json"));
    assert!(message.contains("tokenizer.json: file is missing"), "{message}");
    let message = error("open-clip-openai", &without("open_clip_config.json"));
    assert!(message.contains("config.json: file is missing"), "{message}");
    let message = error("pytorch-bin", &without("pytorch_model.bin"));
    assert!(
        message.contains("holds no model.safetensors") && message.contains("pytorch_model.bin"),
        "{message}"
    );
    let edit = |field: &'static str, value: u64| {
        move |folder: &Path| {
            let path = folder.join("open_clip_config.json");
            let mut config: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            config["model_cfg"][field] = value.into();
            std::fs::write(&path, config.to_string()).unwrap();
        }
    };
    let message = error("open-clip-openai", &edit("embed_dim", 17));
    assert!(
        message.contains("visual.proj is [24, 16] but the configuration makes it [24, 17]"),
        "{message}"
    );
}
