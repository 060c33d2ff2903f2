//! Parses the container's header as it arrives.
//!
//! Everything is checked against limits before it is believed: no count or length in the header
//! makes the parser allocate more than the bytes that have actually come.

use std::collections::HashMap;
use std::ops::Range;

use super::{
    CONTAINER_VERSION, MAGIC, TensorType, header_checksum, keys, malformed, unsupported, value_types,
};
use crate::error::Result;

/// Longest header accepted, in bytes; most of a real one is the tokenizer's 4 MB.
pub const MAX_HEADER: usize = 64 << 20;
const MAX_METADATA: u64 = 4096;
const MAX_TENSORS: u64 = 1 << 16;
const MAX_NAME: u64 = 256;
const MAX_DIMS: u32 = 4;
const MAX_ALIGNMENT: u32 = 4096;

/// A complete header.
#[derive(Debug)]
pub struct Header {
    /// Texts by key.
    pub strings: HashMap<String, String>,
    /// Unsigned numbers by key.
    pub numbers: HashMap<String, u64>,
    /// Lists of unsigned 64-bit numbers by key.
    pub lists: HashMap<String, Vec<u64>>,
    /// Lists of texts by key.
    pub texts: HashMap<String, Vec<String>>,
    /// Keys of everything else.
    pub other_keys: Vec<String>,
    /// The stored tensors and their places.
    pub tensors: Vec<TensorInfo>,
    /// Alignment of tensors.
    pub alignment: u64,
    /// Bytes of the header, without what aligns the data after it.
    pub bytes: usize,
}

/// A tensor as the header describes it: its name, shape, encoding and place.
#[derive(Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its dimensions, innermost first as the container has them.
    pub dims: Vec<u64>,
    /// Encoding of its values.
    pub kind: TensorType,
    /// Its first byte, from the start of the data.
    pub offset: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The reason that an item could not be parsed.
enum Stop {
    /// It ends at this byte of the header, which has not come yet.
    Needs(usize),
    /// It is wrong.
    Fault(crate::error::Error),
}

type Parsed<T> = std::result::Result<T, Stop>;

/// A header being parsed; items are stored as ranges until all of them are there.
#[derive(Default)]
pub struct HeaderParser {
    position: usize,
    needs: usize,
    counts: Option<(u64, u64)>,
    values: Vec<(String, Value)>,
    tensors: Vec<TensorInfo>,
}

enum Value {
    String(Range<usize>),
    Number(u64, usize),
    List(Range<usize>),
    Texts(Vec<Range<usize>>),
    Other,
}

impl HeaderParser {
    /// Parses on, given all bytes of the file so far. Gives the header's length once it is complete.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        if bytes.len() < self.needs {
            return Ok(None);
        }
        loop {
            let mut cursor = Cursor {
                bytes,
                position: self.position,
            };
            let step = match self.counts {
                None => cursor.counts().map(|counts| self.counts = Some(counts)),
                Some((_, metadata)) if (self.values.len() as u64) < metadata => {
                    cursor.metadata().map(|value| self.values.push(value))
                }
                Some((tensors, _)) if (self.tensors.len() as u64) < tensors => {
                    cursor.tensor().map(|tensor| self.tensors.push(tensor))
                }
                Some(_) => return Ok(Some(self.position)),
            };
            match step {
                Ok(()) => self.position = cursor.position,
                Err(Stop::Fault(error)) => return Err(error),
                Err(Stop::Needs(needs)) => {
                    self.needs = needs;
                    return Ok(None);
                }
            }
        }
    }

    /// The complete header of these bytes, as many as it is long. Its longest text, the tokenizer's, keeps their memory.
    pub fn finish(&mut self, bytes: Vec<u8>) -> Result<Header> {
        let mut header = Header {
            strings: HashMap::new(),
            numbers: HashMap::new(),
            lists: HashMap::new(),
            texts: HashMap::new(),
            other_keys: Vec::new(),
            tensors: std::mem::take(&mut self.tensors),
            alignment: super::ALIGNMENT as u64,
            bytes: bytes.len(),
        };
        let (mut ranges, mut checksum) = (Vec::new(), None);
        for (key, value) in std::mem::take(&mut self.values) {
            match &value {
                Value::String(range) => ranges.push((key.clone(), range.clone())),
                Value::Number(number, at) if key == keys::HEADER_CHECKSUM => checksum = Some((*number, *at)),
                _ => {}
            }
            header.insert(key, value, &bytes)?;
        }
        if let Some((given, at)) = checksum {
            let actual = header_checksum(&bytes, at);
            if given != actual {
                return Err(malformed(format!(
                    "header is corrupted: its checksum is {actual:016x}, not {given:016x}"
                )));
            }
        }
        header.take_texts(ranges, bytes)?;
        if let Some(alignment) = header.numbers.get(keys::ALIGNMENT) {
            header.alignment = *alignment;
        }
        let alignment = header.alignment;
        if !alignment.is_power_of_two() || alignment > u64::from(MAX_ALIGNMENT) {
            return Err(malformed(format!(
                "{} is {alignment}, not a power of two to 4096",
                keys::ALIGNMENT
            )));
        }
        Ok(header)
    }
}

impl Header {
    /// Adds a value, which no other of the same key may precede; of a text, its key alone.
    fn insert(&mut self, key: String, value: Value, bytes: &[u8]) -> Result<()> {
        let is_new = match value {
            Value::String(_) => self.strings.insert(key.clone(), String::new()).is_none(),
            Value::Number(number, _) => self.numbers.insert(key.clone(), number).is_none(),
            Value::List(range) => {
                let numbers = bytes[range].as_chunks::<8>().0;
                let list = numbers.iter().map(|b| u64::from_le_bytes(*b)).collect();
                self.lists.insert(key.clone(), list).is_none()
            }
            Value::Texts(ranges) => {
                let list = ranges.into_iter().map(|range| text(&key, bytes[range].to_vec()));
                let list = list.collect::<Result<Vec<String>>>()?;
                self.texts.insert(key.clone(), list).is_none()
            }
            Value::Other => {
                self.other_keys.push(key.clone());
                true
            }
        };
        match is_new {
            true => Ok(()),
            false => Err(malformed(format!("metadata {key} appears twice"))),
        }
    }

    /// Takes the texts out of the header's bytes; the longest keeps their memory.
    fn take_texts(&mut self, mut ranges: Vec<(String, Range<usize>)>, mut bytes: Vec<u8>) -> Result<()> {
        ranges.sort_by_key(|(_, range)| range.len());
        let longest = ranges.pop();
        for (key, range) in ranges {
            let text = text(&key, bytes[range].to_vec())?;
            self.strings.insert(key, text);
        }
        if let Some((key, range)) = longest {
            bytes.truncate(range.end);
            bytes.drain(..range.start);
            bytes.shrink_to_fit();
            let text = text(&key, bytes)?;
            self.strings.insert(key, text);
        }
        Ok(())
    }
}

fn text(key: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| malformed(format!("metadata {key} is not text: {e}")))
}

/// Reads items of the bytes that have come.
struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    fn malformed<T>(&self, reason: String) -> Parsed<T> {
        Err(Stop::Fault(malformed(format!(
            "{reason} (at byte {})",
            self.position
        ))))
    }

    fn take(&mut self, count: u64) -> Parsed<&'a [u8]> {
        let end = (self.position as u64).saturating_add(count);
        if end > MAX_HEADER as u64 {
            return self.malformed(format!(
                "header claims {end} bytes or more; at most {MAX_HEADER} are read"
            ));
        }
        let end = end as usize;
        let taken = self.bytes.get(self.position..end).ok_or(Stop::Needs(end))?;
        self.position = end;
        Ok(taken)
    }

    fn u32(&mut self) -> Parsed<u32> {
        Ok(u32::from_le_bytes(
            self.take(4)?.try_into().expect("four bytes were taken"),
        ))
    }

    fn u64(&mut self) -> Parsed<u64> {
        Ok(u64::from_le_bytes(
            self.take(8)?.try_into().expect("eight bytes were taken"),
        ))
    }

    /// Numbers of tensors and of metadata.
    fn counts(&mut self) -> Parsed<(u64, u64)> {
        let magic = self.take(4)?;
        if magic == *b"vers" {
            return self.malformed(
                "this is a Git LFS pointer: run git lfs pull in its repository to get the model".into(),
            );
        }
        if magic != MAGIC {
            return self.malformed(format!(
                "not a GGUF file: it starts with {:?}",
                magic.escape_ascii().to_string()
            ));
        }
        let version = self.u32()?;
        if version != CONTAINER_VERSION {
            let reason = format!("GGUF version {version}; only {CONTAINER_VERSION} is supported");
            return Err(Stop::Fault(unsupported(reason)));
        }
        let (tensors, metadata) = (self.u64()?, self.u64()?);
        if tensors > MAX_TENSORS || metadata > MAX_METADATA {
            return self.malformed(format!(
                "header claims {tensors} tensors and {metadata} metadata; at most {MAX_TENSORS} and \
                 {MAX_METADATA} are read"
            ));
        }
        Ok((tensors, metadata))
    }

    fn name(&mut self, what: &str) -> Parsed<String> {
        let length = self.u64()?;
        if length > MAX_NAME {
            return self.malformed(format!(
                "name of a {what} claims {length} bytes; at most {MAX_NAME} are read"
            ));
        }
        match std::str::from_utf8(self.take(length)?) {
            Ok(name) => Ok(name.to_string()),
            Err(e) => self.malformed(format!("name of a {what} is not text: {e}")),
        }
    }

    fn metadata(&mut self) -> Parsed<(String, Value)> {
        let key = self.name("metadata")?;
        let kind = self.u32()?;
        let value = match kind {
            value_types::U32 => Value::Number(u64::from(self.u32()?), self.position - 4),
            value_types::U64 => Value::Number(self.u64()?, self.position - 8),
            value_types::STRING => Value::String(self.string()?),
            value_types::ARRAY => self.array(&key)?,
            other => {
                let size = self.scalar_size(&key, other)?;
                self.take(size)?;
                Value::Other
            }
        };
        Ok((key, value))
    }

    fn string(&mut self) -> Parsed<Range<usize>> {
        let length = self.u64()?;
        self.take(length)?;
        Ok(self.position - length as usize..self.position)
    }

    fn array(&mut self, key: &str) -> Parsed<Value> {
        let (kind, count) = (self.u32()?, self.u64()?);
        if kind == value_types::STRING {
            if count > MAX_METADATA {
                return self.malformed(format!(
                    "metadata {key} claims {count} texts; at most {MAX_METADATA} are read"
                ));
            }
            let texts = (0..count).map(|_| self.string()).collect::<Parsed<_>>()?;
            return Ok(Value::Texts(texts));
        }
        let bytes = self.scalar_size(key, kind)?.saturating_mul(count);
        self.take(bytes)?;
        let range = self.position - bytes as usize..self.position;
        Ok(if kind == value_types::U64 {
            Value::List(range)
        } else {
            Value::Other
        })
    }

    /// Bytes of a number of the container's types (in its order: 8, 16 and 32 bits unsigned and
    /// signed, f32, bool, then 64 bits unsigned, signed and float).
    fn scalar_size(&self, key: &str, kind: u32) -> Parsed<u64> {
        match kind {
            0 | 1 | 7 => Ok(1),
            2 | 3 => Ok(2),
            4..=6 => Ok(4),
            10..=12 => Ok(8),
            _ => Err(Stop::Fault(unsupported(format!(
                "metadata {key} has the unknown type {kind}"
            )))),
        }
    }

    fn tensor(&mut self) -> Parsed<TensorInfo> {
        let name = self.name("tensor")?;
        let count = self.u32()?;
        if count > MAX_DIMS {
            return self.malformed(format!(
                "tensor {name} has {count} dimensions; at most {MAX_DIMS} are read"
            ));
        }
        let dims = (0..count).map(|_| self.u64()).collect::<Parsed<Vec<u64>>>()?;
        let (number, offset) = (self.u32()?, self.u64()?);
        let Some(kind) = TensorType::from_number(number) else {
            return Err(Stop::Fault(unsupported(format!(
                "tensor {name} has the type {number}; F32 (0), F16 (1), I8 (24) and BF16 (30) are supported"
            ))));
        };
        let bytes = dims
            .iter()
            .try_fold(kind.size() as u64, |product, &dim| product.checked_mul(dim));
        match bytes {
            Some(bytes) => Ok(TensorInfo {
                name,
                dims,
                kind,
                offset,
                bytes,
            }),
            None => self.malformed(format!("dimensions {dims:?} of tensor {name} overflow")),
        }
    }
}
