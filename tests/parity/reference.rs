//! Figures that transformers made of a snapshot, and how near a model comes to them.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use cliplet::{Clip, Embedding};

/// The contents of `reference.safetensors`, which `make_golden.py` and the checkpoint maker write.
pub struct Reference(HashMap<String, Tensor>);

impl Reference {
    pub fn new(file: &[u8]) -> Self {
        Self(candle_core::safetensors::load_buffer(file, &Device::Cpu).unwrap())
    }

    pub fn tensor(&self, name: &str) -> &Tensor {
        &self.0[name]
    }

    /// Returns true if there is such a tensor.
    #[allow(dead_code, reason = "most references have the same tensors")]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Embeddings of the reference's pictures and texts by `clip`.
    #[allow(dead_code, reason = "references of one tower have half of it")]
    pub fn embeddings(&self, clip: &Clip) -> (Tensor, Tensor) {
        let ids = self.tensor("input_ids").to_dtype(DType::U32).unwrap();
        let images = clip.model().embed_pixels(self.tensor("pixel_values"));
        let texts = clip.model().embed_tokens(&ids.to_vec2().unwrap());
        (images.unwrap(), texts.unwrap())
    }
}

/// The image that `make_models.py` draws: 61 x 43 pixels of RGBA.
#[allow(dead_code, reason = "not every test that includes this file looks at images")]
pub fn drawn() -> Vec<u8> {
    let pixel = |x: u32, y: u32| [7 * x + 13 * y, x * y, 3 * x + 5 * y].map(|value| (value % 256) as u8);
    let row = |y| (0..61).map(move |x| pixel(x, y));
    (0..43)
        .flat_map(row)
        .flat_map(|[red, green, blue]| [red, green, blue, 255])
        .collect()
}

/// Smallest cosine between rows of `a` and `b`.
#[allow(dead_code, reason = "float32 is held to relative errors instead")]
pub fn least_cosine(a: &Tensor, b: &Tensor) -> f32 {
    let (a, b): (Vec<Vec<f32>>, Vec<Vec<f32>>) = (a.to_vec2().unwrap(), b.to_vec2().unwrap());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    a.iter().zip(&b).map(cosine).fold(1.0, f32::min)
}

/// Embeddings as the rows of a matrix.
#[allow(
    dead_code,
    reason = "not every test that includes this file compares embeddings"
)]
pub fn tensor(embeddings: &[Embedding]) -> Tensor {
    let rows: Vec<&[f32]> = embeddings.iter().map(|embedding| &**embedding).collect();
    Tensor::from_vec(rows.concat(), (rows.len(), rows[0].len()), &Device::Cpu).unwrap()
}
