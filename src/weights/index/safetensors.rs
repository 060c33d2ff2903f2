//! The header of a safetensors file: eight bytes with its length, and JSON that lists the tensors behind it.

use std::collections::HashMap;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{LFS_ADVICE, LFS_POINTER, PlaceError, ReadAt, Start, TensorPlace};
use crate::error::{Error, Result};
use crate::weights::floats::FloatType;

/// Longest header accepted, in bytes; the format's own reader has the same limit.
const MAX_HEADER: u64 = 100_000_000;

/// The tensors that a header lists, or `None` as long as it has not come.
///
/// # Errors
/// [`Error::Model`] for a header that is malformed or does not fit the file's length.
pub fn tensors(
    file: &str,
    length: Option<u64>,
    read_at: ReadAt,
) -> Result<Option<HashMap<String, Result<TensorPlace, PlaceError>>>> {
    let malformed = |reason: String| Error::model(file, reason);
    if let Some(length) = length.filter(|length| *length < 8) {
        return Err(malformed(format!(
            "{length} bytes cannot hold a safetensors header"
        )));
    }
    let Some(first) = read_at(0, 8)? else {
        return Ok(None);
    };
    let first: [u8; 8] = first
        .try_into()
        .map_err(|_| malformed("ends within its header".into()))?;
    if first == *LFS_POINTER {
        return Err(malformed(LFS_ADVICE.into()));
    }
    let size = u64::from_le_bytes(first);
    if size > MAX_HEADER {
        return Err(malformed(format!(
            "is no safetensors file: its header claims {size} bytes"
        )));
    }
    if let Some(length) = length.filter(|length| size > length - 8) {
        return Err(malformed(format!(
            "header claims {size} bytes of a file of {length}"
        )));
    }
    let Some(json) = read_at(8, size)? else {
        return Ok(None);
    };
    // The crate checks that tensors follow each other without gap or overlap and are as long as their shapes say.
    let header: Metadata =
        serde_json::from_slice(&json).map_err(|e| malformed(format!("bad safetensors header: {e}")))?;
    let (data, bytes) = (8 + size, header.data_len() as u64);
    if let Some(length) = length.filter(|length| *length != data + bytes) {
        return Err(malformed(format!(
            "tensors take {bytes} bytes but {} follow the header, which ends at {data}",
            length - data
        )));
    }
    let tensors = header.tensors().into_iter();
    let placed = tensors.map(|(name, info)| {
        let place = place(&name, info, data);
        (name, place)
    });
    Ok(Some(placed.collect()))
}

fn place(name: &str, info: &TensorInfo, data: u64) -> Result<TensorPlace, PlaceError> {
    let float = match info.dtype {
        Dtype::F32 => FloatType::F32,
        Dtype::F16 => FloatType::F16,
        Dtype::BF16 => FloatType::BF16,
        other => {
            let reason = format!("tensor {name} is {other:?}; F32, F16 and BF16 are supported");
            return Err(PlaceError::Unsupported(reason));
        }
    };
    let (start, end) = info.data_offsets;
    Ok(TensorPlace {
        float,
        shape: info.shape.clone(),
        strides: None,
        start: Start::Byte(data + start as u64),
        bytes: (end - start) as u64,
        rank: 0,
    })
}
