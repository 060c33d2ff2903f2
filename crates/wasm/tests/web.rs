//! The wasm shell in a browser: a model that streams in, embeddings as transformers has them, ranked
//! labels, and errors with codes.
#![cfg(target_family = "wasm")]

#[path = "../../../tests/parity/reference.rs"]
mod reference;

use cliplet::clip;
use cliplet_wasm::{Engine, Loader, SnapshotFiles, SnapshotLoader, SnapshotTexts, WeightIndex};
use reference::{Reference, least_cosine};
use serde_json::Value;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// The tiny snapshot as `cliplet convert` writes it.
const MODEL: &[u8] = include_bytes!("../../../tests/parity/tiny-q8.gguf");
/// The weights of that snapshot.
const WEIGHTS: &[u8] = include_bytes!("../../../tests/parity/tiny/model.safetensors");
/// Outputs of transformers for it, by `parity/make_golden.py`.
const REFERENCE: &[u8] = include_bytes!("../../../tests/parity/tiny/reference.safetensors");

fn stream(bytes: &[u8], chunk: usize) -> Result<Engine, JsValue> {
    let mut loader = Loader::new("tiny-q8.gguf", Some(bytes.len() as f64), None);
    for chunk in bytes.chunks(chunk) {
        loader.push(chunk)?;
    }
    loader.finish()
}

fn engine() -> Engine {
    stream(MODEL, 10_007).unwrap()
}

/// The code and message of what was thrown.
fn thrown<T>(result: Result<T, JsValue>) -> (String, String) {
    let error = result.err().expect("an error");
    let text = |key: &str| {
        js_sys::Reflect::get(&error, &key.into())
            .unwrap()
            .as_string()
            .unwrap()
    };
    (text("code"), text("message"))
}

#[wasm_bindgen_test]
fn embeddings_are_as_transformers_has_them() {
    let mut loader = clip::Loader::new(Some(MODEL.len() as u64));
    loader.push(MODEL).unwrap();
    let clip = loader.finish().unwrap();
    let reference = Reference::new(REFERENCE);
    let (images, texts) = reference.embeddings(&clip);
    for (got, name) in [(images, "image_embeds"), (texts, "text_embeds")] {
        let cosine = least_cosine(&got, reference.tensor(name));
        assert!(cosine > 0.998, "{name}: cosine {cosine}");
    }
}

#[wasm_bindgen_test]
fn chunks_of_any_size_give_the_same_model() {
    let image = vec![90; 4 * 50 * 40];
    let embed = |engine: Engine| {
        let pixels = engine.preprocess_rgba(50, 40, &image).unwrap();
        engine.embed_images(vec![pixels]).unwrap()
    };
    let whole = embed(stream(MODEL, MODEL.len()).unwrap());
    assert!(whole.iter().any(|value| *value != 0.0));
    for chunk in [1 << 16, 777] {
        assert_eq!(embed(stream(MODEL, chunk).unwrap()), whole);
    }
}

/// The texts of the tiny snapshot.
fn snapshot_texts() -> SnapshotTexts {
    let mut files = SnapshotFiles::new();
    for (name, text) in [
        (
            "config.json",
            include_str!("../../../tests/parity/tiny/config.json"),
        ),
        (
            "tokenizer.json",
            include_str!("../../../tests/parity/tiny/tokenizer.json"),
        ),
        (
            "preprocessor_config.json",
            include_str!("../../../tests/parity/tiny/preprocessor_config.json"),
        ),
    ] {
        files.add(name.into(), text.into());
    }
    files.texts("tiny", Some("some/tiny".into()), false).unwrap()
}

/// A loader of the tiny snapshot's weights.
fn snapshot_loader(quant: &str) -> Result<SnapshotLoader, JsValue> {
    let mut index = WeightIndex::new("tiny/model.safetensors", Some(WEIGHTS.len() as f64))?;
    while let Some(wanted) = index.wanted() {
        let [start, length] = wanted.try_into().unwrap();
        index.push(WEIGHTS[start as usize..][..length as usize].to_vec())?;
    }
    SnapshotLoader::new(snapshot_texts(), quant, vec![index], Vec::new())
}

#[wasm_bindgen_test]
fn weights_are_packed_as_they_arrive_and_the_file_opens() {
    let mut loader = snapshot_loader("q8").unwrap();
    let mut parts = Vec::new();
    while let Some(wanted) = loader.wanted() {
        let rest = &WEIGHTS[wanted[1] as usize..];
        loader.push(0, wanted[1], &rest[..rest.len().min(9000)]).unwrap();
        parts.extend(loader.take_packed());
    }
    let promised = snapshot_texts().file_bytes("q8").unwrap();
    let packed = loader.finish().unwrap();
    let file = [packed.header(), parts].concat();
    assert_eq!(promised, file.len() as f64);
    let texts = || vec!["a cat".into()];
    let expected = engine().embed_texts(texts()).unwrap();
    let streamed = packed.engine();
    assert_eq!(streamed.embed_texts(texts()).unwrap(), expected);
    assert!(streamed.info().unwrap().contains("huggingface.co/some/tiny"));
    assert_eq!(
        stream(&file, 5000).unwrap().embed_texts(texts()).unwrap(),
        expected
    );
    let (code, message) = thrown(snapshot_loader("q5"));
    assert_eq!(code, "input");
    assert!(message.contains("q5"), "{message}");
}

#[wasm_bindgen_test]
fn labels_are_embedded_and_ranked() {
    let mut engine = engine();
    let pixels = engine.preprocess_rgba(4, 4, &[200; 64]).unwrap();
    let image = engine.embed_images(vec![pixels]).unwrap();
    let labels = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let template = labels(&["a photo of a {}"]);
    let names = labels(&["cat", "dog", "gnu"]);
    let vectors = engine.embed_labels(names.clone(), template.clone()).unwrap();
    assert_eq!(engine.embedded_prompts(), 3);
    let ranked = |vectors: &[f32], top_k| -> Vec<Value> {
        serde_json::from_str(&engine.rank(&image, names.clone(), vectors, top_k).unwrap()).unwrap()
    };
    let best = ranked(&vectors, 2);
    assert_eq!(best.len(), 2);
    assert!(best[0]["score"].as_f64() >= best[1]["score"].as_f64());
    let shares: f64 = ranked(&vectors, 3)
        .iter()
        .map(|r| r["score"].as_f64().unwrap())
        .sum();
    assert!((shares - 1.0).abs() < 1e-5);
    let mean = engine
        .embed_labels(labels(&["cat"]), labels(&["a {}", "the {}"]))
        .unwrap();
    let length: f32 = mean.iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-5);
    assert_eq!(engine.embedded_prompts(), 5);
}

#[wasm_bindgen_test]
fn texts_share_one_width_with_pictures() {
    let engine = engine();
    let info: Value = serde_json::from_str(&engine.info().unwrap()).unwrap();
    let width = info["dimension"].as_u64().unwrap() as usize;
    let texts = engine.embed_texts(vec!["a cat".into(), "".into()]).unwrap();
    assert_eq!(texts.len(), 2 * width);
    let expected = if cfg!(feature = "relaxed-simd") {
        "relaxed"
    } else {
        "simd128"
    };
    assert!(info["backend"].as_str().unwrap().contains(expected), "{info}");
}

#[wasm_bindgen_test]
fn damaged_files_are_thrown_with_a_code_and_their_name() {
    let mut flipped = MODEL.to_vec();
    flipped[MODEL.len() - 1000] ^= 4;
    for bytes in [&MODEL[..MODEL.len() / 2], &flipped, b"GGUF", b""] {
        let (code, message) = thrown(stream(bytes, 1 << 16));
        assert_eq!(code, "model");
        assert!(message.contains("tiny-q8.gguf"), "{message}");
    }
    let (code, _) = thrown(engine().preprocess(b"Dear sir or madam"));
    assert_eq!(code, "image");
    let (code, message) = thrown(engine().embed_labels(vec!["cat".into()], vec!["no place".into()]));
    assert_eq!(code, "input");
    assert!(message.contains("{}"), "{message}");
}
