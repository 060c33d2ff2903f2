//! Hugging Face's container of weights: a header that lists tensors, and their values.
//!
//! Natively tensors are read from a file one by one ([`file`]); a browser takes the file as it
//! arrives and turns it into one of ours on the way ([`stream`]).

#[cfg(not(target_family = "wasm"))]
pub mod file;
mod folds;
mod mixtures;
mod packing;
pub mod stream;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::error::{Error, Result};
use crate::weights::floats::FloatType;

/// Longest header accepted, in bytes; the format's own reader has the same limit.
const MAX_HEADER: u64 = 100_000_000;

/// First bytes of the text that Git LFS leaves in the place of a large file ("version https://git-lfs…").
pub const LFS_POINTER: &[u8; 8] = b"version ";
/// Error for such a text.
pub const LFS_ADVICE: &str =
    "this is a Git LFS pointer: run git lfs pull in its repository to get the weights";

/// Parses a header. The crate checks that tensors follow each other without gap or overlap and are
/// as long as their shapes say.
fn parse_header(file: &str, json: &[u8]) -> Result<Metadata> {
    serde_json::from_slice(json).map_err(|e| malformed(file, format!("bad safetensors header: {e}")))
}

/// Storage type of the tensor `name`, if it is floating point that can be read.
fn float_type(file: &str, name: &str, dtype: Dtype) -> Result<FloatType> {
    match dtype {
        Dtype::F32 => Ok(FloatType::F32),
        Dtype::F16 => Ok(FloatType::F16),
        Dtype::BF16 => Ok(FloatType::BF16),
        _ => Err(Error::Unsupported {
            file: file.into(),
            reason: format!("tensor {name} is {dtype:?}; F32, F16 and BF16 are supported"),
        }),
    }
}

fn malformed(file: &str, reason: String) -> Error {
    Error::Model {
        file: file.into(),
        reason,
    }
}
