//! Tensors in binary behind a request's or an answer's JSON, as the protocol's binary tensor data
//! extension lays them out.

use bytes::Bytes;

use crate::service::ServiceError;

/// Header with the length of the JSON in front of the tensors.
pub const JSON_LENGTH: &str = "inference-header-content-length";

/// The elements of a BYTES tensor, up to the first that is over `most`: each its length in four bytes,
/// little-endian, then itself.
pub fn elements(mut tensor: Bytes, most: usize) -> Result<Vec<Bytes>, ServiceError> {
    let mut elements = Vec::new();
    while !tensor.is_empty() && elements.len() <= most {
        let cut = || ServiceError::invalid("its binary data ends within an element");
        let length = tensor.first_chunk::<4>().ok_or_else(cut)?;
        let length = u32::from_le_bytes(*length) as usize;
        let mut rest = tensor.split_off(4);
        if length > rest.len() {
            return Err(cut());
        }
        tensor = rest.split_off(length);
        elements.push(rest);
    }
    Ok(elements)
}

/// Appends an FP32 tensor, little-endian.
pub fn write(values: &[f32], out: &mut Vec<u8>) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_cut_by_their_lengths() {
        let tensor = Bytes::from_static(b"\x02\0\0\0hi\0\0\0\0\x01\0\0\0!");
        assert_eq!(elements(tensor.clone(), 3).unwrap(), ["hi", "", "!"]);
        assert_eq!(elements(tensor, 1).unwrap(), ["hi", ""]);
        for cut in [&b"\x02\0\0\0h"[..], b"\x01\0", b"\xff\xff\xff\xffabc"] {
            assert!(elements(Bytes::copy_from_slice(cut), 3).is_err());
        }
    }
}
