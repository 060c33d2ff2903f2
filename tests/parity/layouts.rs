//! Snapshots of `models/`, and how near a model comes to the figures that the library which saved them made.

use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use cliplet::weights::{Quant, convert};
use cliplet::{Clip, ImageInput};

use super::reference::{Reference, drawn, least_cosine, tensor};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity")
}

/// A copy of the model `name`, with the tokenizer that all CLIPs share where it has none.
pub fn snapshot(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixtures().join("models").join(name), folder.path());
    let tokenizer = folder.path().join("tokenizer.json");
    if !tokenizer.exists() {
        std::fs::copy(fixtures().join("tiny/tokenizer.json"), tokenizer).unwrap();
    }
    folder
}

/// Copies the files of a folder, and those of the folders in it.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.unwrap().file_name()),
        );
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

pub fn reference(folder: &Path) -> Reference {
    Reference::new(&std::fs::read(folder.join("reference.safetensors")).unwrap())
}

/// Norm of the difference over the norm of what is expected.
pub fn relative_error(got: &Tensor, expected: &Tensor) -> f32 {
    let norm = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
    let (off, all) = (norm(&(got - expected).unwrap()), norm(expected));
    off.to_scalar::<f32>().unwrap() / all.to_scalar::<f32>().unwrap()
}

/// Logits of each image for each text.
fn logits(clip: &Clip, images: &Tensor, texts: &Tensor) -> Tensor {
    let units = |rows: &Tensor| -> Vec<_> {
        let rows: Vec<Vec<f32>> = rows.to_vec2().unwrap();
        rows.into_iter()
            .map(|row| cliplet::Embedding::from(row).normalize())
            .collect()
    };
    let texts = units(texts);
    let rows: Vec<Vec<f32>> = units(images)
        .iter()
        .map(|image| clip.scorer().logits(image, &texts))
        .collect();
    Tensor::new(rows, images.device()).unwrap()
}

/// The outputs of the model for the inputs of the reference, by the names of the expected tensors.
pub fn outputs(clip: &Clip, reference: &Reference) -> Vec<(&'static str, Tensor)> {
    let mut out = Vec::new();
    if reference.has("pixel_values") {
        let images = clip.model().embed_pixels(reference.tensor("pixel_values"));
        out.push(("image_embeds", images.unwrap()));
        let image = ImageInput::Rgba {
            width: 61,
            height: 43,
            pixels: &drawn(),
        };
        out.push(("drawn_embeds", tensor(&[clip.embed_image(image).unwrap()])));
    }
    if reference.has("input_ids") {
        let ids = reference.tensor("input_ids").to_dtype(DType::U32).unwrap();
        let texts = clip.model().embed_tokens(&ids.to_vec2().unwrap());
        out.push(("text_embeds", texts.unwrap()));
    }
    if reference.has("logits_per_image") {
        let of = |name| &out.iter().find(|(found, _)| *found == name).unwrap().1;
        let logits = logits(clip, of("image_embeds"), of("text_embeds"));
        out.push(("logits_per_image", logits));
    }
    out
}

/// Differences of a model from its reference.
pub struct Figures {
    /// Largest relative error of an output in float32.
    pub error: f32,
    /// Least cosine of an embedding in 8 bits, as `convert` makes them.
    pub cosine: f32,
}

/// The model `name` as it was saved and converted to 8 bits, and how near both come to the reference.
pub fn measure(name: &str) -> (Clip, Clip, Figures) {
    let folder = snapshot(name);
    let reference = reference(folder.path());
    let whole = Clip::open(folder.path()).unwrap();
    let file = folder.path().join("converted.gguf");
    convert(folder.path(), &file, Quant::Q8, None).unwrap();
    let converted = Clip::open(&file).unwrap();
    let mut figures = Figures {
        error: 0.0,
        cosine: 1.0,
    };
    for (what, got) in outputs(&whole, &reference) {
        let error = relative_error(&got, reference.tensor(what));
        println!("{name}: {what} differs by {error:e}");
        figures.error = figures.error.max(error);
    }
    for (what, got) in outputs(&converted, &reference) {
        if what != "logits_per_image" {
            let cosine = least_cosine(&got, reference.tensor(what));
            println!("{name}: {what} in 8 bits has a cosine of {cosine}");
            figures.cosine = figures.cosine.min(cosine);
        }
    }
    (whole, converted, figures)
}
