//! The wasm shell in a browser: a model that streams in, embeddings as transformers has them, ranked
//! labels, and errors with codes.
#![cfg(target_family = "wasm")]

#[path = "parity/reference.rs"]
mod reference;

use cliplet::clip;
use cliplet::web::{Engine, Loader};
use reference::{Reference, least_cosine};
use serde_json::Value;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// What `cliplet convert` makes of the tiny snapshot.
const MODEL: &[u8] = include_bytes!("parity/tiny-q8.gguf");
/// What transformers makes of it, by `parity/make_golden.py`.
const REFERENCE: &[u8] = include_bytes!("parity/tiny/reference.safetensors");

fn stream(bytes: &[u8], chunk: usize) -> Result<Engine, JsValue> {
    let mut loader = Loader::new("tiny-q8.gguf", Some(bytes.len() as f64));
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
    let picture = vec![90; 4 * 50 * 40];
    let embed = |engine: Engine| {
        let pixels = engine.preprocess_rgba(50, 40, &picture).unwrap();
        engine.embed_images(vec![pixels]).unwrap()
    };
    let whole = embed(stream(MODEL, MODEL.len()).unwrap());
    assert!(whole.iter().any(|value| *value != 0.0));
    for chunk in [1 << 16, 777] {
        assert_eq!(embed(stream(MODEL, chunk).unwrap()), whole);
    }
}

#[wasm_bindgen_test]
fn labels_are_ranked_and_each_prompt_is_embedded_once() {
    let mut engine = engine();
    let pixels = engine.preprocess_rgba(4, 4, &[200; 64]).unwrap();
    let image = engine.embed_images(vec![pixels]).unwrap();
    let labels = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let template = labels(&["a photo of a {}"]);
    let json = engine
        .rank(&image, labels(&["cat", "dog", "gnu"]), template.clone(), 2)
        .unwrap();
    let ranked: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(ranked.len(), 2);
    assert!(ranked[0]["score"].as_f64() >= ranked[1]["score"].as_f64());
    assert!(["cat", "dog", "gnu"].contains(&ranked[0]["label"].as_str().unwrap()));
    assert_eq!(engine.embedded_prompts(), 3);
    engine.prepare_labels(labels(&["gnu", "yak"]), template).unwrap();
    assert_eq!(engine.embedded_prompts(), 4);
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
    let (code, message) = thrown(engine().prepare_labels(vec!["cat".into()], vec!["no place".into()]));
    assert_eq!(code, "input");
    assert!(message.contains("{}"), "{message}");
}
