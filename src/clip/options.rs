//! Options of loading a model, and the description of a loaded one.

use candle_core::{DType, Device};
use serde::Serialize;

use crate::weights::{OnProgress, Placement};

/// How a model is loaded. [`LoadOptions::default`] loads it onto the CPU.
#[derive(Clone)]
#[non_exhaustive]
pub struct LoadOptions<'a> {
    /// Where it runs; the CPU unless said otherwise.
    pub device: Device,
    /// Type of dense weights and activations: f32 on a CPU and f16 on a GPU unless said otherwise.
    pub dtype: Option<DType>,
    /// Called as loading advances; can cancel it.
    pub progress: OnProgress<'a>,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            dtype: None,
            progress: None,
        }
    }
}

impl<'a> LoadOptions<'a> {
    /// The same on another device.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// The same with another type of dense weights and activations.
    pub fn dtype(mut self, dtype: impl Into<Option<DType>>) -> Self {
        self.dtype = dtype.into();
        self
    }

    /// The same with a function that is called as loading advances, and can cancel it.
    pub fn progress(mut self, progress: OnProgress<'a>) -> Self {
        self.progress = progress;
        self
    }

    pub(super) fn placement(&self) -> Placement {
        let default = if self.device.is_cpu() {
            DType::F32
        } else {
            DType::F16
        };
        Placement {
            device: self.device.clone(),
            dtype: self.dtype.unwrap_or(default),
        }
    }
}

/// Description of a loaded model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// Name: the hub id, or the directory it came from.
    pub name: String,
    /// Width of embeddings.
    pub dimension: usize,
    /// How the weights are held: `f32`, `f16`, `q8` or `q4`.
    pub quantization: String,
    /// Side of the square that images are resized to, in pixels.
    pub image_size: usize,
    /// Kind of the image tower: `vit` or `efficientnet_lite`.
    pub image_tower: String,
    /// Side of a patch, in pixels, where the image tower cuts images into patches.
    pub patch_size: Option<usize>,
    /// Longest text, in tokens, start and end included.
    pub context_length: usize,
    /// Number of weights.
    pub parameters: usize,
    /// What a cosine of image and text is multiplied by to make a logit: 100 for OpenAI's models.
    pub logit_scale: f32,
    /// Cosine of image and text below which none of the texts describes the image, where it was measured.
    pub no_match_threshold: Option<f32>,
    /// Bytes of the model's file or files.
    pub bytes: u64,
    /// Checksum of the model file (XXH3-64 of its header, which holds one of every tensor).
    pub checksum: Option<String>,
    /// Licence of the weights, where the file says.
    pub licence: Option<String>,
    /// Where the weights come from, where the file says.
    pub origin: Option<String>,
    /// What computes: the kernels in use on a CPU (`avx512-vnni`, `relaxed-simd`, …), or `cuda`, `metal`.
    pub backend: String,
}
