//! Options of loading a model, and the description of a loaded one.

use candle_core::{DType, Device};
use serde::Serialize;

use crate::weights::{OnProgress, Placement};

/// Options of loading a model. [`LoadOptions::default`] loads it onto the CPU.
#[derive(Clone)]
#[non_exhaustive]
pub struct LoadOptions<'a> {
    /// Device that the model runs on; the CPU by default.
    pub device: Device,
    /// Type of dense weights and activations: by default f32 on a CPU and f16 on a GPU.
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
    /// Sets the device.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the type of dense weights and activations.
    pub fn dtype(mut self, dtype: impl Into<Option<DType>>) -> Self {
        self.dtype = dtype.into();
        self
    }

    /// Sets a function that is called as loading advances, and can cancel it.
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
        Placement::new(self.device.clone(), self.dtype.unwrap_or(default))
    }
}

/// Description of a loaded model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// Name: the hub id, or the directory it came from.
    pub name: String,
    /// Kind of model: `clip` or `siglip`.
    pub family: String,
    /// Width of embeddings.
    pub dimension: usize,
    /// Form in which the weights are held: `f32`, `f16`, `q8` or `q4`.
    pub quantization: String,
    /// Side of the square that images are resized to, in pixels; `None` in a model of texts alone.
    pub image_size: Option<usize>,
    /// Kind of the image tower: `vit` or `efficientnet_lite`.
    pub image_tower: Option<String>,
    /// Side of a patch, in pixels, where the image tower cuts images into patches.
    pub patch_size: Option<usize>,
    /// Longest text, in tokens, start and end included; `None` in a model of images alone.
    pub context_length: Option<usize>,
    /// Number of weights.
    pub parameters: usize,
    /// Rule by which logits become scores: `softmax`, where labels share one hundred percent, or `sigmoid`, where each is judged
    /// alone.
    pub score_rule: String,
    /// Factor from a cosine of image and text to a logit: 100 for OpenAI's models; 1 in a tower alone.
    pub logit_scale: f32,
    /// Number added to that: 0 but for models with sigmoid scores.
    pub logit_bias: f32,
    /// Cosine of image and text below which none of the texts describes the image, where it was measured.
    pub no_match_threshold: Option<f32>,
    /// Bytes of the model's file or files.
    pub bytes: u64,
    /// Checksum of the model file (XXH3-64 of its header, which holds one of every tensor).
    pub checksum: Option<String>,
    /// Licence of the weights, where the file says.
    pub licence: Option<String>,
    /// Address that the weights come from, where the file has one.
    pub origin: Option<String>,
    /// Languages of texts, as the model card gives them; empty where it does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Backend of the computation: the kernels in use on a CPU (`avx512-vnni`, `relaxed-simd`, …), or `cuda`, `metal`.
    pub backend: String,
    /// Defaults that stand in for what the model's files lack, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
