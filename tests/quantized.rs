//! Quantized model files against the float32 snapshot they were converted from.
#![cfg(not(target_family = "wasm"))]

#[path = "parity/reference.rs"]
mod reference;

use std::path::Path;

use cliplet::Clip;
use cliplet::weights::{Quant, convert};
use reference::{Reference, least_cosine};

/// Converts the snapshot in `dir` and checks each file against the float32 figures beside it.
fn check_snapshot(dir: &Path, least: [(Quant, f32); 3]) {
    let folder = tempfile::tempdir().unwrap();
    let reference = Reference::new(&std::fs::read(dir.join("reference.safetensors")).unwrap());
    for (quant, least) in least {
        let file = folder.path().join("model.gguf");
        let bytes = convert(dir, &file, quant, None).unwrap().bytes;
        let clip = Clip::open(&file).unwrap();
        let (images, texts) = reference.embeddings(&clip);
        let cosines = [
            least_cosine(&images, reference.tensor("image_embeds")),
            least_cosine(&texts, reference.tensor("text_embeds")),
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

#[test]
fn the_tiny_efficientnet_survives_quantization() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/tiny-efficientnet");
    check_snapshot(
        &dir,
        [(Quant::F16, 0.99999), (Quant::Q8, 0.998), (Quant::Q4, 0.98)],
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

/// Batches are run side by side; what a picture becomes is the same whichever it falls into, to the bit.
#[test]
fn pictures_together_are_embedded_as_each_alone() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/cliplet-everyday.gguf");
    let clip = Clip::open(&file).unwrap();
    let processor = clip.image_processor();
    let picture = |i: usize| {
        let rgba: Vec<u8> = (0..4 * 40 * 30)
            .map(|at| (at * (i + 3) / 7 + i * 31) as u8)
            .collect();
        processor.preprocess_rgba(40, 30, &rgba).unwrap()
    };
    let pictures: Vec<_> = (0..37).map(picture).collect();
    let alone: Vec<_> = pictures
        .iter()
        .map(|picture| {
            clip.embed_images(std::slice::from_ref(picture))
                .unwrap()
                .remove(0)
        })
        .collect();
    assert!(alone[0] != alone[1]);
    for count in [0, 2, 3, 16, 37] {
        assert_eq!(clip.embed_images(&pictures[..count]).unwrap(), alone[..count]);
    }
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
