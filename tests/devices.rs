//! The model on every device that this build computes on, in half and full precision, against the
//! figures that transformers made: what candle computes, as the kernels of the CPU are held to theirs
//! in `parity.rs`.
#![cfg(not(target_family = "wasm"))]

#[path = "parity/reference.rs"]
mod reference;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use cliplet::clip::{Clip, LoadOptions};
use cliplet::device::DeviceName;
use reference::{Reference, least_cosine, tensor};

/// Types and the relative error that each may have.
const TYPES: [(DType, f32); 3] = [(DType::F32, 1e-4), (DType::F16, 2e-3), (DType::BF16, 2e-2)];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/parity")
        .join(name)
}

/// The CPU, and the GPU of a build for one.
fn devices() -> Vec<(DeviceName, Device)> {
    let gpu = match () {
        () if cfg!(feature = "cuda") => DeviceName::Cuda(0),
        () if cfg!(feature = "metal") => DeviceName::Metal(0),
        () => {
            println!("skipped: a GPU, which only builds with the feature cuda or metal compute on");
            return vec![(DeviceName::Cpu, Device::Cpu)];
        }
    };
    vec![(DeviceName::Cpu, Device::Cpu), (gpu, gpu.open().unwrap())]
}

/// Norm of the difference over the norm of what is expected.
fn relative_error(got: &Tensor, expected: &Tensor) -> f32 {
    let on_cpu = |t: &Tensor| t.to_device(&Device::Cpu).unwrap().to_dtype(DType::F32).unwrap();
    let (got, expected) = (on_cpu(got), on_cpu(expected));
    let norm = |t: &Tensor| t.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>();
    norm(&(got - &expected).unwrap()).unwrap() / norm(&expected).unwrap()
}

/// Calls `check` with the model in `dir` on every device in every type: what it is called, the relative error
/// that it may have, and the model.
fn on_every_device(dir: &Path, check: impl Fn(&str, f32, &Clip)) {
    for (name, device) in devices() {
        for (dtype, tolerance) in TYPES {
            let options = LoadOptions::default().device(device.clone()).dtype(dtype);
            let clip = Clip::open_with(dir, &options).unwrap();
            check(&format!("{name} {dtype:?}"), tolerance, &clip);
        }
    }
}

fn reference_in(dir: &Path) -> Reference {
    Reference::new(&std::fs::read(dir.join("reference.safetensors")).unwrap())
}

/// Checks the snapshot in `dir` on every device in every type.
fn check_snapshot(dir: &Path) {
    let reference = reference_in(dir);
    on_every_device(dir, |name, tolerance, clip| {
        let (images, texts) = reference.embeddings(clip);
        for (what, got) in [("image_embeds", images), ("text_embeds", texts)] {
            let error = relative_error(&got, reference.tensor(what));
            println!("{name}: {what} differ by {error:e}");
            assert!(error < tolerance, "{name}: {what} differ by {error:e}");
        }
    });
}

#[test]
fn every_device_gives_the_figures_of_transformers() {
    check_snapshot(&fixture("tiny"));
}

#[test]
fn every_device_gives_the_figures_of_the_package_of_efficientnet_lite() {
    check_snapshot(&fixture("tiny-efficientnet"));
}

/// Convolutions, attention to pixels and text towers that are not causal have operations of their own.
#[test]
fn every_device_gives_the_figures_of_mobileclips() {
    for name in ["mobileclip-s1", "mobileclip2-s3", "mobileclip-b"] {
        let dir = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(fixture("models").join(name)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
        }
        std::fs::copy(fixture("tiny/tokenizer.json"), dir.path().join("tokenizer.json")).unwrap();
        let reference = reference_in(dir.path());
        on_every_device(dir.path(), |device, tolerance, clip| {
            let (images, texts) = reference.embeddings(clip);
            for (what, got) in [("image_embeds", images), ("text_embeds", texts)] {
                let error = relative_error(&got, reference.tensor(what));
                println!("{name} on {device}: {what} differ by {error:e}");
                // Convolutions carry the errors of those before them on.
                assert!(
                    error < 10.0 * tolerance,
                    "{name} on {device}: {what} differ by {error:e}"
                );
            }
        });
    }
}

#[test]
fn a_snapshot_named_by_the_environment_on_every_device() {
    match std::env::var_os("CLIPLET_SNAPSHOT") {
        Some(dir) => check_snapshot(Path::new(&dir)),
        None => println!("skipped: CLIPLET_SNAPSHOT names no snapshot with reference.safetensors"),
    }
}

/// Texts whose attention differs: of one alone, of one length, of several, and behind two beginnings.
const TEXTS: [&[&str]; 4] = [
    &["a photo of a cat"],
    &["dog", "owl", "fox"],
    &["a photo of a cat", "", "x x x x x x x x"],
    &[
        "a photo of a cat",
        "a photo of a dog",
        "x x x x x y",
        "x x x x x x z",
    ],
];

#[test]
fn batches_of_every_shape_agree_with_the_kernels() {
    let dir = fixture("tiny");
    let reference = reference_in(&dir);
    let pixels = reference.tensor("pixel_values");
    let kernels = Clip::open(&dir).unwrap();
    let pictures = |clip: &Clip, count| {
        let pixels = pixels.narrow(0, 0, count).unwrap();
        clip.model().embed_pixels(&pixels).unwrap()
    };
    let texts = |clip: &Clip, batch| tensor(&clip.embed_texts(batch).unwrap());
    on_every_device(&dir, |name, tolerance, clip| {
        let check = |what: &str, got, expected| {
            let error = relative_error(&got, &expected);
            assert!(error < tolerance, "{name}: {what} differ by {error:e}");
        };
        for count in [1, 3] {
            let what = format!("{count} pictures");
            check(&what, pictures(clip, count), pictures(&kernels, count));
        }
        for batch in TEXTS {
            check(&format!("{batch:?}"), texts(clip, batch), texts(&kernels, batch));
        }
    });
}

#[test]
fn a_quantized_file_is_run_in_floating_point_beside_the_kernels() {
    let file = fixture("tiny-q8.gguf");
    let kernels = Clip::open(&file).unwrap();
    let texts = ["a photo of a cat", "", "a much longer text about a dog"];
    let rows = |clip: &Clip| tensor(&clip.embed_texts(&texts).unwrap());
    for (name, device) in devices() {
        let options = LoadOptions::default().device(device).dtype(DType::F16);
        let clip = Clip::open_with(&file, &options).unwrap();
        let cosine = least_cosine(&rows(&clip), &rows(&kernels));
        assert!(cosine > 0.999, "{name}: {cosine}");
    }
}
