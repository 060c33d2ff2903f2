//! The model against Hugging Face transformers, in float32 and to a relative error of 1e-4.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use cliplet::clip::{Clip, LoadOptions};

const TOLERANCE: f32 = 1e-4;

/// Norm of the difference over the norm of what is expected.
fn relative_error(got: &Tensor, expected: &Tensor) -> f32 {
    let norm = |t: &Tensor| t.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>();
    norm(&(got - expected).unwrap()).unwrap() / norm(expected).unwrap()
}

fn normalized(rows: &Tensor) -> Tensor {
    rows.broadcast_div(&rows.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap())
        .unwrap()
}

/// Checks the snapshot in `dir` against the `reference.safetensors` beside it.
fn check_snapshot(dir: &Path) {
    let clip = Clip::open(dir, &LoadOptions::default()).unwrap();
    let reference = candle_core::safetensors::load(dir.join("reference.safetensors"), &Device::Cpu).unwrap();
    let ids: Vec<Vec<u32>> = reference["input_ids"]
        .to_dtype(DType::U32)
        .unwrap()
        .to_vec2()
        .unwrap();
    let images = clip.model().embed_pixels(&reference["pixel_values"]).unwrap();
    let texts = clip.model().embed_tokens(&ids).unwrap();
    let cosines = normalized(&images)
        .matmul(&normalized(&texts).t().unwrap())
        .unwrap();
    let logits = (cosines * f64::from(clip.logit_scale())).unwrap();
    for (name, got) in [
        ("image_embeds", images),
        ("text_embeds", texts),
        ("logits_per_image", logits),
    ] {
        let error = relative_error(&got, &reference[name]);
        println!("{}: {name} differs by {error:e}", clip.info().name);
        assert!(error < TOLERANCE, "{name} differs by {error:e}");
    }
}

#[test]
fn a_snapshot_named_by_the_environment_equals_its_reference() {
    match std::env::var_os("CLIPLET_SNAPSHOT") {
        Some(dir) => check_snapshot(Path::new(&dir)),
        None => println!("skipped: CLIPLET_SNAPSHOT names no directory made by make_checkpoint.py"),
    }
}
