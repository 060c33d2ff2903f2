//! Our model file: one GGUF (version 3, little-endian) that holds everything a model needs.
//!
//! The container is the standard one, so that other tools can list it: metadata, tensor infos, then
//! tensors, each aligned. What is ours: the texts of the snapshot's JSON files, a checksum of every
//! tensor and one of the header. Tensors have their published names and are stored as F32, F16 or
//! BF16, or quantized:
//!
//! - 8 bits: I8 codes of the published shape, and F32 `<name>.scale` of one value a row;
//! - 4 bits: I8 of two codes a byte, `<name>.scale`, and I8 `<name>.multiplier` of one value for
//!   every 32 columns of a row (see [`crate::weights::Values`]).
//!
//! A reader refuses metadata under `cliplet.` and tensors that it does not know, by name.

mod components;
pub mod compose;
mod header;
mod plan;
pub mod stream;
#[cfg(not(target_family = "wasm"))]
pub mod write;

use xxhash_rust::xxh3::Xxh3;

use crate::error::Error;
use crate::weights::config::Family;

/// First bytes of the file.
pub const MAGIC: [u8; 4] = *b"GGUF";
/// Version of the container.
pub const CONTAINER_VERSION: u32 = 3;
/// Version of what is in it, in [`keys::FORMAT_VERSION`].
pub const FORMAT_VERSION: u32 = 1;
/// Tensors start at multiples of so many bytes, from the start of the data.
pub const ALIGNMENT: usize = 32;

/// Names of the metadata.
pub mod keys {
    /// Family of the model: `clip` or `siglip`.
    pub const ARCHITECTURE: &str = "general.architecture";
    /// Alignment of tensors, where it is not 32.
    pub const ALIGNMENT: &str = "general.alignment";
    /// Name of the model.
    pub const NAME: &str = "general.name";
    /// Licence of the weights.
    pub const LICENCE: &str = "general.license";
    /// Address that the weights come from.
    pub const ORIGIN: &str = "general.source.url";
    /// Languages of texts.
    pub const LANGUAGES: &str = "general.languages";
    /// All keys that are ours start with this.
    pub const OURS: &str = "cliplet.";
    /// Version of the format.
    pub const FORMAT_VERSION: &str = "cliplet.format_version";
    /// `f16`, `q8` or `q4`.
    pub const QUANTIZATION: &str = "cliplet.quantization";
    /// Text of `config.json`, in the form of `transformers`.
    pub const CONFIG: &str = "cliplet.config";
    /// Text of `preprocessor_config.json`.
    pub const PREPROCESSOR: &str = "cliplet.preprocessor";
    /// Text of `tokenizer.json`.
    pub const TOKENIZER: &str = "cliplet.tokenizer";
    /// XXH3-64 of every tensor's bytes, in the order of the tensor infos.
    pub const CHECKSUMS: &str = "cliplet.checksums";
    /// XXH3-64 of the header with these eight bytes zero.
    pub const HEADER_CHECKSUM: &str = "cliplet.header_checksum";
}

/// Suffix of the tensor that holds a quantized tensor's scales.
pub const SCALE: &str = ".scale";
/// Suffix of the tensor that holds a 4-bit tensor's multipliers.
pub const MULTIPLIER: &str = ".multiplier";

/// Type of a metadata value, by the container's number.
pub mod value_types {
    /// Unsigned 32-bit integer.
    pub const U32: u32 = 4;
    /// Text.
    pub const STRING: u32 = 8;
    /// Array of values of one type.
    pub const ARRAY: u32 = 9;
    /// Unsigned 64-bit integer.
    pub const U64: u32 = 10;
}

/// Metadata by their keys.
pub type Metadata = Vec<(&'static str, MetadataValue)>;

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataValue {
    /// One text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
}

/// The key of how a family's scores come about: the container has it that keys of an architecture start with its name.
pub fn score_rule_key(family: Family) -> &'static str {
    match family {
        Family::Clip => "clip.score_rule",
        Family::Siglip => "siglip.score_rule",
    }
}

/// Encoding of a stored tensor's values, by the container's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorType {
    /// 32-bit float.
    F32 = 0,
    /// 16-bit float.
    F16 = 1,
    /// 8-bit integer.
    I8 = 24,
    /// Upper half of a 32-bit float.
    BF16 = 30,
}

impl TensorType {
    /// The type of the container's `number`, if it is one we read.
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::F32, Self::F16, Self::I8, Self::BF16]
            .into_iter()
            .find(|t| *t as u32 == number)
    }

    /// Bytes of one value.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::I8 => 1,
        }
    }
}

/// `position` rounded up to a multiple of `alignment`.
pub fn align(position: u64, alignment: u64) -> u64 {
    position.next_multiple_of(alignment)
}

/// Checksum of a header whose own checksum lies at `at`.
fn header_checksum(header: &[u8], at: usize) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&header[..at]);
    hash.update(&[0; 8]);
    hash.update(&header[at + 8..]);
    hash.digest()
}

fn malformed(reason: String) -> Error {
    Error::Model {
        file: "model.gguf".into(),
        reason,
    }
}

fn unsupported(reason: String) -> Error {
    Error::Unsupported {
        file: "model.gguf".into(),
        reason,
    }
}
