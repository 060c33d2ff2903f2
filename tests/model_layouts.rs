//! Models of every layout and family against the library that saved them, in float32 and to a relative error of 1e-4;
//! the same models converted to 8 bits.
//!
//! The snapshots and their figures come from `parity/make_models.py`.
#![cfg(not(target_family = "wasm"))]

#[path = "parity/layouts.rs"]
mod layouts;
#[path = "parity/reference.rs"]
mod reference;

use std::path::Path;

use candle_core::DType;
use cliplet::weights::{Quant, convert, convert_towers};
use cliplet::{Clip, ImageInput};
use cliplet_kernels::CodeRange;
use layouts::{Figures, measure, outputs, reference, relative_error, snapshot};
use reference::{drawn, tensor};

/// Largest relative error of an output in float32.
const TOLERANCE: f32 = 1e-4;
/// Least cosine of an embedding in 8 bits. In models as small as these the seven bits of some kernels' codes show.
fn least_cosine() -> f32 {
    match cliplet_kernels::best().range {
        CodeRange::U7 => 0.998,
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

#[test]
fn mobileclips_are_folded_when_they_are_read() {
    for (name, tower) in [
        ("mobileclip-s1", "fastvit"),
        ("mobileclip-s2", "fastvit"),
        ("mobileclip2-s3", "fastvit"),
        ("mobileclip-b", "vit"),
        ("mobileclip2-l", "vit"),
    ] {
        let clip = check(name);
        assert_eq!(clip.info().image_tower.as_deref(), Some(tower));
        let texts = ["a photo of a cat", "a photo of a dog", "", "cat, 2 dogs!"];
        let embedded = tensor(&clip.embed_texts(&texts).unwrap());
        let folder = snapshot(name);
        let error = relative_error(&embedded, reference(folder.path()).tensor("text_embeds"));
        assert!(error < TOLERANCE, "{name}: texts differ by {error:e}");
    }
}

/// The text tower of MobileCLIP S0 has convolutions before and behind its transformer.
#[test]
fn a_mobileclip_may_have_convolutions_over_texts() {
    let clip = check("mobileclip-s0-apple");
    let texts = ["a photo of a cat", "a photo of a dog", "", "cat, 2 dogs!"];
    let embedded = tensor(&clip.embed_texts(&texts).unwrap());
    let folder = snapshot("mobileclip-s0-apple");
    let error = relative_error(&embedded, reference(folder.path()).tensor("text_embeds"));
    assert!(error < TOLERANCE, "texts differ by {error:e}");
    let path = folder.path().join("config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        config.replace("\"causal_masking\": false", "\"causal_masking\": true"),
    )
    .unwrap();
    let message = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(
        message.contains("convolution_window is 11, but no_causal_mask is not true"),
        "{message}"
    );
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

/// Apple's files come without settings: their names tell them, whose sizes these weights do not have.
#[test]
fn files_of_apples_are_known_by_their_names() {
    let folder = snapshot("mobileclip-s0-apple");
    let error = |name: &str| {
        let path = folder.path().join(name);
        std::fs::copy(folder.path().join("mobileclip.pt"), &path).unwrap();
        Clip::open(&path).err().expect("it loads").to_string()
    };
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    let message = error("mobileclip_s0.pt");
    assert!(
        message.contains("has 2 blocks, but text_config.num_hidden_layers is 4"),
        "{message}"
    );
    let message = error("mine.pt");
    assert!(message.contains("config.json: file is missing"), "{message}");
}

/// open_clip's own model configurations, which lie in its package, are settings without those of images.
#[test]
fn a_model_configuration_of_open_clips_does_as_settings() {
    let folder = snapshot("mobileclip-s1");
    let path = folder.path().join("open_clip_config.json");
    let settings: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let whole = Clip::open(folder.path()).unwrap();
    std::fs::write(&path, settings["model_cfg"].to_string()).unwrap();
    let bare = Clip::open(folder.path()).unwrap();
    let texts = |clip: &Clip| clip.embed_texts(&["a photo of a cat"]).unwrap();
    assert_eq!(texts(&bare), texts(&whole));
    assert!(bare.info().warnings[0].contains("defaults"));
}

/// Apple's own names and configuration, beside weights of any name.
#[test]
fn mobileclips_of_apples_are_those_of_open_clip() {
    for (name, same) in [
        ("mobileclip-s1-apple", "mobileclip-s1"),
        ("mobileclip-b-apple", "mobileclip-b"),
    ] {
        let (folder, other) = (snapshot(name), snapshot(same));
        let reference = reference(folder.path());
        let clip = Clip::open(folder.path().join("mobileclip.pt")).unwrap();
        for (what, got) in outputs(&clip, &reference) {
            let error = relative_error(&got, reference.tensor(what));
            assert!(error < TOLERANCE, "{name}: {what} differs by {error:e}");
        }
        let texts = |clip: &Clip| clip.embed_texts(&["a photo of a cat"]).unwrap();
        assert_eq!(texts(&clip), texts(&Clip::open(other.path()).unwrap()));
        assert!(clip.info().warnings.is_empty());
    }
}

#[test]
fn relatives_of_openais_layout() {
    for name in ["metaclip", "tinyclip", "fashion-clip"] {
        check(name);
    }
}

#[test]
fn siglips_judge_each_label_alone_and_read_padded_texts() {
    for name in ["siglip", "siglip2", "siglip2-left", "siglip2-naflex"] {
        let clip = check(name);
        assert_eq!(
            (clip.info().family.as_str(), clip.info().score_rule.as_str()),
            ("siglip", "sigmoid")
        );
        let folder = snapshot(name);
        let reference = reference(folder.path());
        let texts = std::fs::read(folder.path().join("texts.json")).unwrap();
        let texts: Vec<String> = serde_json::from_slice(&texts).unwrap();
        let ids = reference.tensor("input_ids").to_dtype(DType::U32).unwrap();
        let ids: Vec<Vec<u32>> = ids.to_vec2().unwrap();
        let tokenizer = clip.tokenizer().unwrap();
        for (text, ids) in texts.iter().zip(&ids) {
            assert_eq!(&tokenizer.encode(text).unwrap(), ids, "{name}: {text:?}");
        }
        assert!(tokenizer.is_truncated(&texts[6]).unwrap() && !tokenizer.is_truncated(&texts[0]).unwrap());
        check_texts(name, &clip, folder.path());
        let logits: Vec<Vec<f32>> = reference.tensor("logits_per_image").to_vec2().unwrap();
        let scores: Vec<Vec<f32>> = reference.tensor("scores").to_vec2().unwrap();
        for (logits, scores) in logits.iter().zip(&scores) {
            let got = clip.scorer().scores(logits);
            assert!(got.iter().zip(scores).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        let small: Vec<u32> = ids[0][..3].to_vec();
        let error = clip.embed_tokens(&[small]).unwrap_err().to_string();
        assert!(
            error.contains("3 tokens long; the model takes texts padded to 16"),
            "{error}"
        );
    }
}

/// Gemma's own file puts a start token before a text and none behind it; SigLIP 2's settings say otherwise.
#[test]
fn settings_of_a_padded_tokenizer_win_over_its_file() {
    let folder = snapshot("siglip2");
    let edit = |file: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let path = folder.path().join(file);
        let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut json);
        std::fs::write(&path, json.to_string()).unwrap();
    };
    let start = serde_json::json!({"SpecialToken": {"id": "<bos>", "type_id": 0}});
    edit("tokenizer.json", &|json| {
        json["post_processor"]["single"][1] = json["post_processor"]["single"][0].take();
        json["post_processor"]["single"][0] = start.clone();
    });
    let error = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("one start and one end"), "{error}");
    edit("tokenizer_config.json", &|json| {
        json["add_bos_token"] = false.into();
        json["add_eos_token"] = true.into();
    });
    check_texts("siglip2", &Clip::open(folder.path()).unwrap(), folder.path());
}

/// MetaCLIP 2's end token has the id 2, which in CLIP's older configurations means another pooling; Chinese-CLIP's
/// text tower is a BERT.
#[test]
fn texts_of_many_languages_go_through_their_tokenizers() {
    for name in ["metaclip2", "chinese-clip"] {
        let clip = check(name);
        let folder = snapshot(name);
        check_texts(name, &clip, folder.path());
        assert_eq!(clip.info().score_rule, "softmax");
    }
}

/// Text towers of other models' image towers embed texts alone, and both when they are joined.
#[test]
fn multilingual_text_towers_go_with_the_image_tower_of_a_clip() {
    for (name, image) in [("multilingual-distilbert", "metaclip"), ("m-clip", "tinyclip")] {
        let clip = check(name);
        let (text, image) = (snapshot(name), snapshot(image));
        check_texts(name, &clip, text.path());
        let error = clip.embed_image(ImageInput::Rgba {
            width: 61,
            height: 43,
            pixels: &drawn(),
        });
        assert!(error.unwrap_err().to_string().contains("has no image tower"));
        let file = text.path().join("joined.gguf");
        convert_towers(text.path(), image.path(), &file, Quant::F16, None).unwrap();
        let joined = Clip::open(&file).unwrap();
        check_texts(name, &joined, text.path());
        let (reference, own) = (reference(image.path()), Clip::open(image.path()).unwrap());
        let images = joined.model().embed_pixels(reference.tensor("pixel_values"));
        let error = relative_error(&images.unwrap(), reference.tensor("image_embeds"));
        assert!(error < TOLERANCE, "{name}: images differ by {error:e}");
        assert_eq!(joined.scorer(), own.scorer());
        assert_eq!(joined.info().languages, clip.info().languages);
        assert_eq!(joined.info().image_size, own.info().image_size);
    }
    let (text, image) = (snapshot("m-clip"), snapshot("metaclip"));
    let file = text.path().join("joined.gguf");
    let refused = |a: &Path, b: &Path| {
        let error = convert_towers(a, b, &file, Quant::Q8, None).unwrap_err();
        error.to_string()
    };
    let message = refused(text.path(), image.path());
    assert!(
        message.contains("embeds to 24 values, the image tower to 16"),
        "{message}"
    );
    assert!(refused(image.path(), image.path()).contains("an image tower of its own"));
    let tower = snapshot("vision-tower");
    assert!(refused(text.path(), tower.path()).contains("no CLIP of two towers"));
}

/// Parts that are not known or do not fit are named with both values.
#[test]
fn parts_of_sentence_transformers_that_do_not_fit_are_named() {
    let error = |file: &str, from: &str, to: &str| {
        let folder = snapshot("multilingual-distilbert");
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        Clip::open(folder.path()).err().expect("it loads").to_string()
    };
    for (file, from, to, reason) in [
        (
            "modules.json",
            "dense.Dense",
            "normalize.Normalize",
            "Transformer, Pooling, Normalize",
        ),
        (
            "modules.json",
            "\"2_Dense\"",
            "\"../2_Dense\"",
            "not a folder's name",
        ),
        (
            "1_Pooling/config.json",
            "\"mean\"",
            "\"max\"",
            "pooling is \"max\"",
        ),
        (
            "2_Dense/config.json",
            "linear.Identity",
            "activation.Tanh",
            "activation_function",
        ),
        (
            "2_Dense/config.json",
            "\"in_features\": 16",
            "\"in_features\": 17",
            "in_features is 17, but",
        ),
        ("config.json", "\"distilbert\"", "\"t5\"", "model_type is \"t5\""),
        (
            "config.json",
            "\"n_heads\": 2",
            "\"n_heads\": 3",
            "num_attention_heads 3",
        ),
    ] {
        let message = error(file, from, to);
        assert!(message.contains(reason), "{file}: {message}");
    }
    let folder = snapshot("multilingual-distilbert");
    std::fs::remove_file(folder.path().join("2_Dense/model.safetensors")).unwrap();
    let message = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(
        message.contains("2_Dense: holds neither model.safetensors nor"),
        "{message}"
    );
}

/// Were a branch left out where it is missing, the tower would still run.
#[test]
fn branches_of_a_mobileclip_that_are_missing_are_named() {
    let folder = snapshot("mobileclip-s1");
    let path = folder.path().join("open_clip_model.safetensors");
    let name = b"visual.trunk.stem.2.identity.running_var";
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    bytes[at + name.len() - 1] = b'X';
    std::fs::write(&path, bytes).unwrap();
    let message = Clip::open(folder.path()).err().expect("it loads").to_string();
    assert!(
        message.contains("tensor visual.trunk.stem.2.identity.running_var is missing"),
        "{message}"
    );
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
fn a_list_of_words_does_in_place_of_berts_tokenizer() {
    let folder = snapshot("chinese-clip");
    let path = folder.path().join("tokenizer.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let vocab = json["model"]["vocab"].as_object().unwrap();
    let mut words: Vec<_> = vocab
        .iter()
        .map(|(word, id)| (id.as_u64().unwrap(), word.as_str()))
        .collect();
    words.sort();
    let words: Vec<&str> = words.into_iter().map(|(_, word)| word).collect();
    std::fs::remove_file(&path).unwrap();
    let error = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("vocab.txt"), "{error}");
    std::fs::write(folder.path().join("vocab.txt"), words.join("\n") + "\n").unwrap();
    check_texts("vocab.txt", &Clip::open(folder.path()).unwrap(), folder.path());
}

/// A converted SigLIP has its tokenizer, padding and scores; a header that claims other scores is refused.
#[test]
fn files_of_a_siglip_say_what_it_is() {
    let folder = snapshot("siglip");
    let file = folder.path().join("converted.gguf");
    let whole = Clip::open(folder.path()).unwrap();
    for quant in [Quant::F16, Quant::Q8, Quant::Q4] {
        convert(folder.path(), &file, quant, None).unwrap();
        let converted = Clip::open(&file).unwrap();
        assert_eq!(converted.scorer(), whole.scorer());
        let texts = ["Two DOGS, in the snow!", ""];
        let ids = |clip: &Clip| texts.map(|text| clip.tokenizer().unwrap().encode(text).unwrap());
        assert_eq!(ids(&converted), ids(&whole));
    }
    let error = |from: &[u8], to: &[u8]| {
        let mut bytes = std::fs::read(&file).unwrap();
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
        let mut loader = cliplet::clip::Loader::new(None);
        match loader.push(&bytes) {
            Ok(()) => loader.finish().err().expect("it loads").to_string(),
            Err(error) => error.to_string(),
        }
    };
    // The checksum of the header is compared first.
    assert!(error(b"sigmoid", b"softmax").contains("corrupted"));
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
