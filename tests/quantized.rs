//! Quantized model files against the float32 snapshot they were converted from.
#![cfg(not(target_family = "wasm"))]

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use cliplet::clip::{Clip, LoadOptions};
use cliplet::weights::{Quant, convert};

/// Smallest cosine between rows of `a` and `b`.
fn least_cosine(a: &Tensor, b: &Tensor) -> f32 {
    let (a, b): (Vec<Vec<f32>>, Vec<Vec<f32>>) = (a.to_vec2().unwrap(), b.to_vec2().unwrap());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    a.iter().zip(&b).map(cosine).fold(1.0, f32::min)
}

/// Converts the snapshot in `dir` and checks each file against the float32 figures beside it.
fn check_snapshot(dir: &Path, least: [(Quant, f32); 3]) {
    let folder = tempfile::tempdir().unwrap();
    let reference = candle_core::safetensors::load(dir.join("reference.safetensors"), &Device::Cpu).unwrap();
    let ids: Vec<Vec<u32>> = reference["input_ids"]
        .to_dtype(DType::U32)
        .unwrap()
        .to_vec2()
        .unwrap();
    for (quant, least) in least {
        let file = folder.path().join("model.gguf");
        let bytes = convert(dir, &file, quant, None).unwrap();
        let clip = Clip::open(&file, &LoadOptions::default()).unwrap();
        let images = clip.model().embed_pixels(&reference["pixel_values"]).unwrap();
        let texts = clip.model().embed_tokens(&ids).unwrap();
        let cosines = [
            least_cosine(&images, &reference["image_embeds"]),
            least_cosine(&texts, &reference["text_embeds"]),
        ];
        println!("{quant:?}: {bytes} bytes, cosines of images and texts {cosines:?}");
        assert!(
            cosines.iter().all(|c| *c >= least),
            "{quant:?}: cosines of images and texts {cosines:?}"
        );
        assert_eq!(
            (clip.info().quantization.as_str(), clip.info().bytes),
            (quant.name(), bytes)
        );
    }
}

#[test]
fn the_tiny_snapshot_survives_quantization() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/tiny");
    check_snapshot(
        &dir,
        [(Quant::F16, 0.999999), (Quant::Q8, 0.998), (Quant::Q4, 0.98)],
    );
}

/// The browser's tests read `parity/tiny-q8.gguf`, since conversion is native only.
#[test]
fn the_converted_fixture_is_what_convert_gives() {
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    convert(&parity.join("tiny"), &file, Quant::Q8, None).unwrap();
    assert!(
        std::fs::read(file).unwrap() == std::fs::read(parity.join("tiny-q8.gguf")).unwrap(),
        "make it anew: cliplet convert tests/parity/tiny -o tests/parity/tiny-q8.gguf --quant q8"
    );
}

#[test]
fn a_snapshot_named_by_the_environment_survives_quantization() {
    match std::env::var_os("CLIPLET_SNAPSHOT") {
        Some(dir) => check_snapshot(
            Path::new(&dir),
            [(Quant::F16, 0.9999), (Quant::Q8, 0.999), (Quant::Q4, 0.98)],
        ),
        None => println!("skipped: CLIPLET_SNAPSHOT names no directory made by make_checkpoint.py"),
    }
}
