//! Reads a model file as it arrives, in chunks of any size.
//!
//! The header is checked as a whole against the configuration in it before the first tensor, so a
//! wrong file is refused after its first megabytes. Every tensor is checked and packed as soon as
//! its last byte is there, so the memory needed is that of the packed model and one tensor.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use xxhash_rust::xxh3::xxh3_64;

use super::components::Components;
use super::header::{Header, HeaderParser};
use super::plan::{Plan, Step, plan};
use super::{align, malformed};
use crate::error::Result;
use crate::weights::layout::Kind;
use crate::weights::span_reader::{Format, Span, SpanReader, too_many};
use crate::weights::store::{Assembler, Placement};
use crate::weights::{About, ModelFile};

/// The header is looked at in pieces of this many bytes, so that tensors that come in the same
/// chunk are not copied with it.
const HEADER_PIECE: usize = 64 << 10;
/// Of a file of known size, memory for a header of such a share, and at most so many bytes, is asked for beforehand:
/// most headers then need not move while they grow.
const HEADER_SHARE: u64 = 32;
const HEADER_MOST: u64 = 4 << 20;

/// A model file being read.
pub struct GgufStream {
    total: Option<u64>,
    received: u64,
    reader: SpanReader<Gguf>,
    /// Memory for bytes that are not known to be a tensor's.
    incoming: Vec<u8>,
}

/// The format: a header, then tensors with zeros between them.
enum Gguf {
    Header(Box<PendingHeader>),
    Tensors(Box<Tensors>),
}

struct PendingHeader {
    placement: Placement,
    total: Option<u64>,
    parser: HeaderParser,
    /// Bytes of it so far.
    bytes: Vec<u8>,
}

struct Tensors {
    assembler: Assembler,
    texts: Texts,
    steps: VecDeque<Step>,
    /// Bytes of the file taken so far.
    position: u64,
    /// The byte behind the last tensor, and that behind the zeros that may align one more.
    ends: (u64, u64),
    /// Components of tensors that are not whole yet, by name.
    components: HashMap<String, Components<'static>>,
}

struct Texts {
    tokenizer_json: String,
    preprocessor_json: String,
    about: About,
    quantization: String,
    checksum: Option<u64>,
}

impl GgufStream {
    /// A reader of a file of `total` bytes, where that is known beforehand.
    pub fn new(total: Option<u64>, placement: Placement) -> Self {
        let header = PendingHeader {
            placement,
            total,
            parser: HeaderParser::default(),
            bytes: Vec::with_capacity((total.unwrap_or(0) / HEADER_SHARE).min(HEADER_MOST) as usize),
        };
        Self {
            total,
            received: 0,
            reader: SpanReader::new(Gguf::Header(Box::new(header)), "model.gguf"),
            incoming: Vec::new(),
        }
    }

    /// Bytes taken so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Memory for bytes that come next, to be written there and counted by [`Self::advance`]: they are
    /// then not copied again. It holds arbitrary values, and is never empty.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where there is no memory, and [`Error::Model`](crate::Error::Model) after an
    /// earlier error.
    pub fn chunk_mut(&mut self) -> Result<&mut [u8]> {
        self.incoming.clear();
        match self.reader.chunk_mut()? {
            Some(chunk) => Ok(chunk),
            None => {
                self.incoming.resize(HEADER_PIECE, 0);
                Ok(&mut self.incoming)
            }
        }
    }

    /// Takes the first `count` bytes of what [`Self::chunk_mut`] gave last.
    ///
    /// # Errors
    /// Those of [`Self::push`]; [`Error::Input`](crate::Error::Input) where there was no memory for so many.
    pub fn advance(&mut self, count: usize) -> Result<()> {
        let incoming = std::mem::take(&mut self.incoming);
        if !incoming.is_empty() {
            let bytes = incoming.get(..count);
            return self.push(bytes.ok_or_else(|| too_many(count, incoming.len()))?);
        }
        self.received += count as u64;
        self.reader.advance(count)
    }

    /// Takes the next bytes of the file. After an error the reader takes nothing more.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) and [`Error::Unsupported`](crate::Error::Unsupported) for a file that is
    /// malformed or of another kind, and [`Error::Io`](crate::Error::Io) where there is no memory.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let position = self.received;
        self.received += bytes.len() as u64;
        let (received, total) = (self.received, self.total);
        if let Some(total) = total.filter(|total| received > *total) {
            let surplus = malformed(format!("{received} bytes came of a file of {total}"));
            return self.reader.change_format(|_, _| Err(surplus));
        }
        self.reader.push(0, position, bytes)
    }

    /// The model, once every byte has been pushed.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) where bytes are missing.
    pub fn finish(self) -> Result<ModelFile> {
        let received = self.received;
        let cut = |place: String| malformed(format!("ends after {received} bytes, within {place}"));
        match self.reader.finish()? {
            Gguf::Header(_) => Err(cut("its header".into())),
            Gguf::Tensors(tensors) => match tensors.steps.front() {
                Some(step) => Err(cut(format!(
                    "tensor {}, of {} bytes in all",
                    step.tensor, tensors.ends.0
                ))),
                None => tensors.finish(received),
            },
        }
    }
}

impl Format for Gguf {
    fn next(&self) -> Option<Span> {
        let (start, length, is_collected) = match self {
            Self::Header(header) => (header.bytes.len() as u64, HEADER_PIECE as u64, false),
            Self::Tensors(tensors) => match tensors.steps.front() {
                Some(step) if tensors.position < step.start => {
                    (tensors.position, step.start - tensors.position, false)
                }
                Some(step) => (step.start, step.end - step.start, true),
                None => (tensors.position, u64::MAX, false),
            },
        };
        Some(Span {
            file: 0,
            start,
            length,
            is_collected,
        })
    }

    fn take(&mut self, bytes: Cow<[u8]>) -> Result<()> {
        match self {
            Self::Header(_) => Ok(()),
            Self::Tensors(tensors) => tensors.complete(bytes),
        }
    }

    fn take_some(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Header(header) => {
                let before = header.bytes.len();
                header.bytes.extend_from_slice(bytes);
                let Some(length) = header.parser.advance(&header.bytes)? else {
                    return Ok(bytes.len());
                };
                header.bytes.truncate(length);
                let parsed = header.parser.finish(std::mem::take(&mut header.bytes))?;
                let tensors = Tensors::new(parsed, header.placement.clone(), header.total)?;
                *self = Self::Tensors(Box::new(tensors));
                Ok(length - before)
            }
            Self::Tensors(tensors) => {
                let next = tensors.steps.front().map(|step| step.start);
                tensors.padding(bytes, next.unwrap_or(tensors.ends.1))?;
                Ok(bytes.len())
            }
        }
    }

    fn holds_bytes(&self) -> bool {
        matches!(self, Self::Tensors(tensors) if tensors.is_at_table())
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
        let (mut strings, mut lists) = (header.strings, header.texts);
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
                languages: lists.remove(super::keys::LANGUAGES).unwrap_or_default(),
            },
        };
        Ok(Self {
            assembler,
            texts,
            steps: steps.into(),
            position,
            ends,
            components: HashMap::new(),
        })
    }

    /// True if the next tensor is a table, whose bytes are held as they come.
    fn is_at_table(&self) -> bool {
        let part = self
            .steps
            .front()
            .and_then(|step| self.assembler.part(&step.part));
        part.is_some_and(|(_, kind)| kind == Kind::Table)
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
            end,
            checksum,
            ..
        }) = self.steps.pop_front()
        else {
            return Ok(());
        };
        self.position = end;
        let actual = xxh3_64(&bytes);
        if actual != checksum {
            return Err(malformed(format!(
                "tensor {tensor} is corrupted: its checksum is {actual:016x}, not {checksum:016x}"
            )));
        }
        let mut components: Components = self.components.remove(&part).unwrap_or_default();
        components.add(role, bytes);
        match components.values() {
            Ok(values) => self.assembler.accept(&part, values),
            Err(components) => {
                self.components.insert(part, components.into_owned());
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
            warnings: Vec::new(),
            quantization,
            bytes,
            checksum,
        })
    }
}
