//! Parts of a model file: the tensors that a published one is stored as, their bytes, and
//! the header.

use std::borrow::Cow;

use super::{
    ALIGNMENT, CONTAINER_VERSION, MAGIC, MULTIPLIER, MetadataValue, SCALE, TensorType, align,
    header_checksum, keys, value_types,
};
use crate::weights::floats::FloatType;
use crate::weights::layout::TensorSpec;
use crate::weights::quantize::Encoding;
use crate::weights::values::Values;

/// A stored tensor of which only the bytes are left to come.
pub struct TensorDecl {
    name: String,
    dims: Vec<u64>,
    kind: TensorType,
}

impl TensorDecl {
    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.dims.iter().product::<u64>() * self.kind.size() as u64
    }
}

/// The tensors that a part is stored as: components first, so that its values can be packed at once.
pub fn declare(part: &TensorSpec, encoding: Encoding) -> Vec<TensorDecl> {
    let published = match part.shape.len() {
        0 => vec![1],
        _ => part.shape.iter().rev().map(|dim| *dim as u64).collect(),
    };
    let rows = part.shape.first().map_or(1, |rows| *rows as u64);
    let cols = part.values() as u64 / rows;
    let tensor = |suffix: &str, kind, dims| TensorDecl {
        name: format!("{}{suffix}", part.name),
        dims,
        kind,
    };
    match encoding {
        Encoding::F32 => vec![tensor("", TensorType::F32, published)],
        Encoding::F16 => vec![tensor("", TensorType::F16, published)],
        Encoding::Q8 => {
            vec![
                tensor(SCALE, TensorType::F32, vec![rows]),
                tensor("", TensorType::I8, published),
            ]
        }
        Encoding::Q4 => vec![
            tensor(SCALE, TensorType::F32, vec![rows]),
            tensor(MULTIPLIER, TensorType::I8, vec![cols / 32, rows]),
            tensor("", TensorType::I8, vec![cols / 2, rows]),
        ],
    }
}

/// The bytes of the tensors that [`declare`] names, in its order.
pub fn components<'a>(values: &'a Values, encoding: Encoding) -> Vec<Cow<'a, [u8]>> {
    let f32s = |values: &[f32]| Cow::Owned(FloatType::F32.to_bytes(values));
    match values {
        Values::Dense(values) if encoding == Encoding::F16 => {
            vec![Cow::Owned(FloatType::F16.to_bytes(values))]
        }
        Values::Dense(values) => vec![f32s(values)],
        Values::Q8 { codes, scales } => vec![f32s(scales), Cow::Borrowed(bytemuck::cast_slice(codes))],
        Values::Q4 {
            nibbles,
            multipliers,
            scales,
        } => vec![f32s(scales), Cow::Borrowed(multipliers), Cow::Borrowed(nibbles)],
    }
}

/// The values whose [`components`] these are.
pub fn from_components<'a>(components: &[&'a [u8]], encoding: Encoding) -> Option<Values<'a>> {
    match (encoding, components) {
        (Encoding::F32, [bytes]) => Some(Values::Dense(FloatType::F32.to_f32(bytes))),
        (Encoding::F16, [bytes]) => Some(Values::Dense(FloatType::F16.to_f32(bytes))),
        (Encoding::Q8, [scales, codes]) => Some(Values::Q8 {
            codes: Cow::Borrowed(bytemuck::cast_slice(codes)),
            scales: FloatType::F32.to_f32(scales),
        }),
        (Encoding::Q4, [scales, multipliers, nibbles]) => Some(Values::Q4 {
            nibbles: Cow::Borrowed(nibbles),
            multipliers: multipliers.to_vec(),
            scales: FloatType::F32.to_f32(scales),
        }),
        _ => None,
    }
}

/// The bytes of a header, its own checksum included, and that checksum.
pub fn header(
    metadata: &[(&'static str, MetadataValue)],
    tensors: &[TensorDecl],
    checksums: &[u64],
) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.extend(CONTAINER_VERSION.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64 + 3).to_le_bytes());
    for (key, value) in metadata {
        match value {
            MetadataValue::Text(text) => {
                push_key(&mut out, key, value_types::STRING);
                push_text(&mut out, text);
            }
            MetadataValue::Texts(texts) => {
                push_key(&mut out, key, value_types::ARRAY);
                out.extend(value_types::STRING.to_le_bytes());
                out.extend((texts.len() as u64).to_le_bytes());
                texts.iter().for_each(|text| push_text(&mut out, text));
            }
        }
    }
    push_key(&mut out, keys::FORMAT_VERSION, value_types::U32);
    out.extend(super::FORMAT_VERSION.to_le_bytes());
    push_key(&mut out, keys::CHECKSUMS, value_types::ARRAY);
    out.extend(value_types::U64.to_le_bytes());
    out.extend((checksums.len() as u64).to_le_bytes());
    checksums.iter().for_each(|sum| out.extend(sum.to_le_bytes()));
    push_key(&mut out, keys::HEADER_CHECKSUM, value_types::U64);
    let checksum_at = out.len();
    out.extend([0; 8]);

    let mut offset = 0;
    for tensor in tensors {
        push_text(&mut out, &tensor.name);
        out.extend((tensor.dims.len() as u32).to_le_bytes());
        tensor.dims.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
        out.extend((tensor.kind as u32).to_le_bytes());
        out.extend(u64::to_le_bytes(offset));
        offset = align(offset + tensor.bytes(), ALIGNMENT as u64);
    }
    let checksum = header_checksum(&out, checksum_at);
    out[checksum_at..checksum_at + 8].copy_from_slice(&checksum.to_le_bytes());
    (out, checksum)
}

fn push_key(out: &mut Vec<u8>, key: &str, kind: u32) {
    push_text(out, key);
    out.extend(kind.to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
