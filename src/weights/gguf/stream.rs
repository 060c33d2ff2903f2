//! Reads a model file as it arrives, in chunks of any size.
//!
//! The header is checked as a whole against the configuration in it before the first tensor, so a
//! wrong file is refused after its first megabytes. Every tensor is checked and packed as soon as
//! its last byte is there, so the memory needed is that of the packed model and one tensor.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use xxhash_rust::xxh3::xxh3_64;

use super::header::{Header, HeaderParser};
use super::plan::{Plan, Role, Step, plan};
use super::{TensorType, align, malformed};
use crate::error::{Error, Result};
use crate::weights::floats::FloatType;
use crate::weights::store::{Assembler, Placement};
use crate::weights::values::Values;
use crate::weights::{About, ModelFile};

/// The header is looked at in pieces of this many bytes, so that tensors that come in the same
/// chunk are not copied with it.
const HEADER_PIECE: usize = 64 << 10;
/// A tensor's memory is reserved at once up to this many bytes and grows as bytes come beyond.
const RESERVE: usize = 64 << 20;

/// A model file being read.
pub struct GgufStream {
    total: Option<u64>,
    received: u64,
    state: State,
}

enum State {
    Header {
        placement: Placement,
        parser: HeaderParser,
        bytes: Vec<u8>,
    },
    Tensors(Box<Tensors>),
    /// After an error nothing more is understood.
    Failed,
}

struct Tensors {
    assembler: Assembler,
    texts: Texts,
    steps: VecDeque<Step>,
    /// Bytes of the file taken so far.
    position: u64,
    /// Where the file's last tensor ends, and with what aligns the one that is not there.
    ends: (u64, u64),
    current: Vec<u8>,
    pieces: HashMap<String, Pieces>,
}

struct Texts {
    tokenizer_json: String,
    preprocessor_json: String,
    about: About,
    quantization: String,
    checksum: Option<u64>,
}

/// What has come of a quantized tensor.
#[derive(Default)]
struct Pieces {
    codes: Option<Vec<u8>>,
    nibbles: Option<Vec<u8>>,
    multipliers: Option<Vec<u8>>,
    scales: Option<Vec<f32>>,
}

impl GgufStream {
    /// A reader of a file of `total` bytes, where that is known beforehand.
    pub fn new(total: Option<u64>, placement: Placement) -> Self {
        let state = State::Header {
            placement,
            parser: HeaderParser::default(),
            bytes: Vec::new(),
        };
        Self {
            total,
            received: 0,
            state,
        }
    }

    /// Bytes taken so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next bytes of the file. After an error the reader takes nothing more.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let result = self.take(bytes);
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.received += bytes.len() as u64;
        if let Some(total) = self.total.filter(|total| self.received > *total) {
            return Err(malformed(format!(
                "{} bytes came of a file of {total}",
                self.received
            )));
        }
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header {
                    placement,
                    parser,
                    bytes: header,
                } => {
                    let (piece, rest) = bytes.split_at(bytes.len().min(HEADER_PIECE));
                    header.extend_from_slice(piece);
                    bytes = rest;
                    if let Some(parsed) = parser.advance(header)? {
                        let early = header.split_off(parsed.bytes);
                        let mut tensors = Tensors::new(parsed, placement.clone(), self.total)?;
                        tensors.take(&early)?;
                        self.state = State::Tensors(Box::new(tensors));
                    }
                }
                State::Tensors(tensors) => {
                    tensors.take(bytes)?;
                    bytes = &[];
                }
                State::Failed => return Err(malformed("reading it has already failed".into())),
            }
        }
        Ok(())
    }

    /// The model, once every byte has been pushed.
    pub fn finish(self) -> Result<ModelFile> {
        let received = self.received;
        let cut = |place: String| malformed(format!("ends after {received} bytes, within {place}"));
        match self.state {
            State::Header { .. } => Err(cut("its header".into())),
            State::Tensors(tensors) => match tensors.steps.front() {
                Some(step) => Err(cut(format!(
                    "tensor {}, of {} bytes in all",
                    step.tensor, tensors.ends.0
                ))),
                None => tensors.finish(received),
            },
            State::Failed => Err(malformed("reading it has failed".into())),
        }
    }
}

impl Tensors {
    fn new(header: Header, placement: Placement, total: Option<u64>) -> Result<Self> {
        let (position, alignment) = (header.bytes as u64, header.alignment);
        let Plan {
            assembler,
            steps,
            end,
        } = plan(&header, placement)?;
        let ends = (end, align(end, alignment));
        if let Some(total) = total.filter(|total| !(ends.0..=ends.1).contains(total)) {
            return Err(malformed(format!(
                "is {total} bytes long but its tensors end at {end}"
            )));
        }
        let mut strings = header.strings;
        let mut text = |key: &str| strings.remove(key).unwrap_or_default();
        let texts = Texts {
            checksum: header.numbers.get(super::keys::HEADER_CHECKSUM).copied(),
            tokenizer_json: text(super::keys::TOKENIZER),
            preprocessor_json: text(super::keys::PREPROCESSOR),
            quantization: text(super::keys::QUANTIZATION),
            about: About {
                name: text(super::keys::NAME),
                licence: Some(text(super::keys::LICENCE)).filter(|t| !t.is_empty()),
                origin: Some(text(super::keys::ORIGIN)).filter(|t| !t.is_empty()),
            },
        };
        let (current, pieces) = (Vec::new(), HashMap::new());
        Ok(Self {
            assembler,
            texts,
            steps: steps.into(),
            position,
            ends,
            current,
            pieces,
        })
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let Some(step) = self.steps.front() else {
                return self.padding(bytes, self.ends.1);
            };
            if self.position < step.start {
                let gap = bytes.len().min((step.start - self.position) as usize);
                let (gap, rest) = bytes.split_at(gap);
                let start = step.start;
                self.padding(gap, start)?;
                bytes = rest;
                continue;
            }
            let missing = (step.end - self.position) as usize;
            let (piece, rest) = bytes.split_at(bytes.len().min(missing));
            self.position += piece.len() as u64;
            bytes = rest;
            if self.current.is_empty() && piece.len() == missing {
                self.complete(Cow::Borrowed(piece))?;
            } else {
                if self.current.is_empty() {
                    let size = missing.min(RESERVE);
                    self.current.try_reserve_exact(size).map_err(|_| Error::Io {
                        file: "model.gguf".into(),
                        source: std::io::ErrorKind::OutOfMemory.into(),
                    })?;
                }
                self.current.extend_from_slice(piece);
                if piece.len() == missing {
                    let whole = std::mem::take(&mut self.current);
                    self.complete(Cow::Owned(whole))?;
                }
            }
        }
        Ok(())
    }

    /// Takes bytes that align what follows: zeros, up to `end`.
    fn padding(&mut self, bytes: &[u8], end: u64) -> Result<()> {
        let from = self.position;
        self.position += bytes.len() as u64;
        if self.position > end {
            return Err(malformed(format!(
                "goes on after its last tensor, which ends at {}",
                self.ends.0
            )));
        }
        if bytes.iter().any(|b| *b != 0) {
            return Err(malformed(format!(
                "is corrupted: not zero between tensors, after byte {from}"
            )));
        }
        Ok(())
    }

    /// Takes the bytes of the tensor at the front.
    fn complete(&mut self, bytes: Cow<[u8]>) -> Result<()> {
        let Some(Step {
            tensor,
            part,
            role,
            checksum,
            ..
        }) = self.steps.pop_front()
        else {
            return Ok(());
        };
        let actual = xxh3_64(&bytes);
        if actual != checksum {
            return Err(malformed(format!(
                "tensor {tensor} is corrupted: its checksum is {actual:016x}, not {checksum:016x}"
            )));
        }
        let mut pieces = self.pieces.remove(&part).unwrap_or_default();
        match role {
            Role::Dense(kind) => {
                let float = match kind {
                    TensorType::F16 => FloatType::F16,
                    TensorType::BF16 => FloatType::BF16,
                    TensorType::F32 | TensorType::I8 => FloatType::F32,
                };
                return self.assembler.accept(&part, Values::Dense(float.to_f32(&bytes)));
            }
            Role::Codes => pieces.codes = Some(bytes.into_owned()),
            Role::Nibbles => pieces.nibbles = Some(bytes.into_owned()),
            Role::Multipliers => pieces.multipliers = Some(bytes.into_owned()),
            Role::Scales => pieces.scales = Some(FloatType::F32.to_f32(&bytes)),
        }
        match pieces {
            Pieces {
                codes: Some(codes),
                scales: Some(scales),
                ..
            } => {
                let codes = bytemuck::cast_vec(codes);
                self.assembler.accept(&part, Values::Q8 { codes, scales })
            }
            Pieces {
                nibbles: Some(nibbles),
                multipliers: Some(multipliers),
                scales: Some(scales),
                ..
            } => self.assembler.accept(
                &part,
                Values::Q4 {
                    nibbles,
                    multipliers,
                    scales,
                },
            ),
            pieces => {
                self.pieces.insert(part, pieces);
                Ok(())
            }
        }
    }

    fn finish(self, bytes: u64) -> Result<ModelFile> {
        let Texts {
            tokenizer_json,
            preprocessor_json,
            about,
            quantization,
            checksum,
        } = self.texts;
        let weights = self.assembler.finish()?;
        Ok(ModelFile {
            weights,
            tokenizer_json,
            preprocessor_json,
            about,
            quantization,
            bytes,
            checksum,
        })
    }
}
