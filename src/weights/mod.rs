//! Model files: snapshots as `transformers` and `open_clip` save them, and our own GGUF.
//!
//! A reader checks a file against what its configuration asks for and hands the tensors, one by
//! one, to an [`Assembler`], which keeps them in the form the model multiplies with. Nothing here
//! computes anything; the model takes [`Weights`] apart.

mod blocks;
mod config;
#[cfg(not(target_family = "wasm"))]
mod convert;
mod floats;
mod fold;
mod gguf;
mod image_settings;
mod index;
mod join;
mod layout;
mod naming;
mod open_clip;
mod quantize;
mod reparameterize;
mod sentence_transformers;
#[cfg(not(target_family = "wasm"))]
mod snapshot;
#[cfg(not(target_family = "wasm"))]
mod snapshot_files;
mod snapshot_metadata;
mod span_reader;
mod store;
mod stream;
#[cfg(not(target_family = "wasm"))]
mod tensor_file;
mod text_tower;
mod tokenizer_files;
mod values;

use std::ops::ControlFlow;

#[cfg(not(target_family = "wasm"))]
use crate::error::{Error, Result};

pub use config::{
    BertConfig, BlockConfig, ClipConfig, EfficientNetConfig, Family, FastVitConfig, FastVitStage, HeadConfig,
    ImagePooling, MAX_IMAGE_TOKENS, Pooling, STEM_SIDES, ScoreRule, TextCleaning, TextConfig, TowerConfig,
    VisionConfig, VitConfig,
};
#[cfg(not(target_family = "wasm"))]
pub use convert::{Converted, convert, convert_towers};
pub use gguf::stream::GgufStream;
pub use index::{IndexReader, WeightIndex};
pub use layout::{Kind, TensorSpec, WeightSpec, weight_specs};
pub use open_clip::published_settings;
pub use quantize::Quant;
#[cfg(not(target_family = "wasm"))]
pub use snapshot::Snapshot;
pub use snapshot_metadata::{SnapshotFiles, SnapshotMetadata};
pub use store::{Assembler, Backend, Placement, Rows, Stored, Weights};
pub use stream::SnapshotStream;
pub use values::Values;

/// Progress of a long operation, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done.
    pub done: u64,
    /// Bytes there are.
    pub total: u64,
}

/// Called as a long operation advances; breaking ends it with [`Error::Cancelled`].
pub type OnProgress<'a> = Option<&'a dyn Fn(Progress) -> ControlFlow<()>>;

#[cfg(not(target_family = "wasm"))]
pub(crate) fn report(progress: OnProgress, done: u64, total: u64) -> Result<()> {
    match progress.map(|call| call(Progress { done, total })) {
        Some(ControlFlow::Break(())) => Err(Error::Cancelled),
        _ => Ok(()),
    }
}

/// Contents of a model's file or files.
pub struct ModelFile {
    /// The weights.
    pub weights: Weights,
    /// Text of its `tokenizer.json`.
    pub tokenizer_json: String,
    /// Text of its `preprocessor_config.json`.
    pub preprocessor_json: String,
    /// Name, licence and origin.
    pub about: About,
    /// Defaults that stand in for what it lacks, a sentence each.
    pub warnings: Vec<String>,
    /// Storage of its weights: `f32`, `f16`, `q8` or `q4`.
    pub quantization: String,
    /// Its size.
    pub bytes: u64,
    /// Checksum of its header, which holds those of all its tensors; a snapshot has none.
    pub checksum: Option<u64>,
}

/// Description that a model file has of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Name of the model: its hub id, or the directory it came from.
    pub name: String,
    /// Licence of the weights, as their model card gives it.
    pub licence: Option<String>,
    /// Address that the weights come from.
    pub origin: Option<String>,
    /// Languages of texts, by the codes of their model card.
    pub languages: Vec<String>,
}
