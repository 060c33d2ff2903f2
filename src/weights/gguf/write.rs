//! Writes a model file: space for the header, the tensors one after the other, then the header.

use std::io::{Seek, SeekFrom, Write};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    ALIGNMENT, CONTAINER_VERSION, MAGIC, MULTIPLIER, SCALE, TensorType, align, header_checksum, keys,
    value_types,
};
use crate::weights::floats::FloatType;
use crate::weights::layout::Part;
use crate::weights::quantize::Encoding;
use crate::weights::values::Values;

/// The text of the metadata.
pub type Metadata = Vec<(&'static str, String)>;

/// A file being written to `out`. Every tensor is announced before the first is written.
pub struct GgufWriter<W> {
    out: W,
    metadata: Metadata,
    tensors: Vec<Announced>,
    checksums: Vec<u64>,
    position: u64,
}

struct Announced {
    name: String,
    dims: Vec<u64>,
    kind: TensorType,
}

impl Announced {
    fn bytes(&self) -> u64 {
        self.dims.iter().product::<u64>() * self.kind.size() as u64
    }
}

impl<W: Write + Seek> GgufWriter<W> {
    /// A file with this metadata that will hold `parts`, encoded as said, in this order.
    pub fn new(mut out: W, metadata: Metadata, parts: &[(Part, Encoding)]) -> std::io::Result<Self> {
        let tensors: Vec<Announced> = parts
            .iter()
            .flat_map(|(part, encoding)| announce(part, *encoding))
            .collect();
        let blank = vec![0; tensors.len()];
        let header = header(&metadata, &tensors, &blank);
        let position = align(header.len() as u64, ALIGNMENT as u64);
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&vec![0; position as usize])?;
        Ok(Self {
            out,
            metadata,
            tensors,
            checksums: Vec::new(),
            position,
        })
    }

    /// Writes the values of the next part.
    pub fn write(&mut self, values: &Values, encoding: Encoding) -> std::io::Result<()> {
        match (values, encoding) {
            (Values::Dense(values), Encoding::F16) => self.tensor(&FloatType::F16.to_bytes(values)),
            (Values::Dense(values), _) => self.tensor(&FloatType::F32.to_bytes(values)),
            (Values::Q8 { codes, scales }, _) => {
                self.tensor(&FloatType::F32.to_bytes(scales))?;
                self.tensor(&codes.iter().map(|code| *code as u8).collect::<Vec<u8>>())
            }
            (
                Values::Q4 {
                    nibbles,
                    multipliers,
                    scales,
                },
                _,
            ) => {
                self.tensor(&FloatType::F32.to_bytes(scales))?;
                self.tensor(multipliers)?;
                self.tensor(nibbles)
            }
        }
    }

    fn tensor(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        debug_assert_eq!(self.tensors[self.checksums.len()].bytes(), bytes.len() as u64);
        let gap = align(self.position, ALIGNMENT as u64) - self.position;
        self.out.write_all(&[0; ALIGNMENT][..gap as usize])?;
        self.out.write_all(bytes)?;
        self.position += gap + bytes.len() as u64;
        self.checksums.push(xxh3_64(bytes));
        Ok(())
    }

    /// Writes the header, once every tensor is there, and gives the file's size in bytes.
    pub fn finish(mut self) -> std::io::Result<u64> {
        debug_assert_eq!(self.tensors.len(), self.checksums.len());
        let header = header(&self.metadata, &self.tensors, &self.checksums);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        Ok(self.position)
    }
}

/// The tensors that a part is stored as: pieces first, so that its values can be packed at once.
fn announce(part: &Part, encoding: Encoding) -> Vec<Announced> {
    let published = match part.shape.len() {
        0 => vec![1],
        _ => part.shape.iter().rev().map(|dim| *dim as u64).collect(),
    };
    let rows = part.shape.first().map_or(1, |rows| *rows as u64);
    let cols = part.values() as u64 / rows;
    let tensor = |suffix: &str, kind, dims| Announced {
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

/// The bytes of a header, its own checksum included.
fn header(metadata: &Metadata, tensors: &[Announced], checksums: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.extend(CONTAINER_VERSION.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64 + 3).to_le_bytes());
    for (key, text) in metadata {
        push_key(&mut out, key, value_types::STRING);
        push_text(&mut out, text);
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
    out
}

fn push_key(out: &mut Vec<u8>, key: &str, kind: u32) {
    push_text(out, key);
    out.extend(kind.to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
