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
use crate::error::{Error, Result};
use crate::weights::layout::Kind;
use crate::weights::store::{Assembler, Placement};
use crate::weights::{About, ModelFile};

/// The header is looked at in components of this many bytes, so that tensors that come in the same
/// chunk are not copied with it.
const HEADER_PIECE: usize = 64 << 10;
/// Of a file of known size there is room for a header of such a share, and at most so many bytes, beforehand:
/// most then need not move while they grow.
const HEADER_SHARE: u64 = 32;
const HEADER_MOST: u64 = 4 << 20;
/// Memory is asked for this many bytes of a tensor at a time, so that a size that is not true takes no
/// more than comes.
const RESERVE: usize = 64 << 20;
/// Room is made for so many of them, which are then written while they are in the cache.
const ROOM: usize = 256 << 10;

/// A model file being read.
pub struct GgufStream {
    total: Option<u64>,
    received: u64,
    state: State,
    /// Room for bytes that are not known to be a tensor's.
    incoming: Vec<u8>,
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
    /// Bytes of the tensor at the front, `filled` of them so far, and room for its next.
    current: Vec<u8>,
    filled: usize,
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
        let state = State::Header {
            placement,
            parser: HeaderParser::default(),
            bytes: Vec::with_capacity((total.unwrap_or(0) / HEADER_SHARE).min(HEADER_MOST) as usize),
        };
        Self {
            total,
            received: 0,
            state,
            incoming: Vec::new(),
        }
    }

    /// Bytes taken so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Room for bytes that come next, to be written there and counted by [`Self::advance`]: they are
    /// then not copied again. What is in it has no meaning; it is never empty.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no memory.
    pub fn chunk_mut(&mut self) -> Result<&mut [u8]> {
        self.incoming.clear();
        if let State::Tensors(tensors) = &mut self.state
            && let Some(missing) = tensors.missing()
        {
            return tensors.chunk_mut(missing);
        }
        self.incoming.resize(HEADER_PIECE, 0);
        Ok(&mut self.incoming)
    }

    /// Takes the first `count` bytes of what [`Self::chunk_mut`] gave last.
    ///
    /// # Errors
    /// Those of [`Self::push`]; [`Error::Input`] where there was no room for so many.
    pub fn advance(&mut self, count: usize) -> Result<()> {
        let incoming = std::mem::take(&mut self.incoming);
        if !incoming.is_empty() {
            let bytes = incoming
                .get(..count)
                .ok_or_else(|| no_room(count, incoming.len()))?;
            return self.push(bytes);
        }
        let result = match &mut self.state {
            State::Tensors(tensors) => tensors.fill(count),
            State::Header { .. } | State::Failed => Err(no_room(count, 0)),
        };
        self.received += count as u64;
        self.checked(result)
    }

    /// Takes the next bytes of the file. After an error the reader takes nothing more.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let result = self.take(bytes);
        self.checked(result)
    }

    fn checked(&mut self, result: Result<()>) -> Result<()> {
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
                    let (component, rest) = bytes.split_at(bytes.len().min(HEADER_PIECE));
                    header.extend_from_slice(component);
                    bytes = rest;
                    if let Some(length) = parser.advance(header)? {
                        let early = header.split_off(length);
                        let parsed = parser.finish(std::mem::take(header))?;
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
            current: Vec::new(),
            filled: 0,
            components: HashMap::new(),
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
            if self.filled == 0 && bytes.len() >= missing {
                let (whole, rest) = bytes.split_at(missing);
                self.position = step.end;
                bytes = rest;
                self.complete(Cow::Borrowed(whole))?;
                continue;
            }
            let room = self.chunk_mut(missing)?;
            let count = room.len().min(bytes.len());
            let (component, rest) = bytes.split_at(count);
            room[..count].copy_from_slice(component);
            bytes = rest;
            self.fill(count)?;
        }
        Ok(())
    }

    /// Bytes of the tensor at the front that have not come; none where others come before it.
    fn missing(&self) -> Option<usize> {
        let step = self.steps.front().filter(|step| self.position >= step.start)?;
        Some((step.end - self.position) as usize).filter(|missing| *missing > 0)
    }

    /// Returns true if the bytes of the tensor at the front are held as they come: those of a table.
    fn stays(&self) -> bool {
        let part = self
            .steps
            .front()
            .and_then(|step| self.assembler.part(&step.part));
        part.is_some_and(|(_, kind)| kind == Kind::Table)
    }

    /// Room for the next of the `missing` bytes of the tensor at the front.
    fn chunk_mut(&mut self, missing: usize) -> Result<&mut [u8]> {
        let most = self.filled + missing;
        if self.current.len() == self.filled {
            let size = self.filled + missing.min(ROOM);
            if self.current.capacity() < size {
                let more = missing.min(RESERVE);
                self.current.try_reserve_exact(more).map_err(|_| Error::Io {
                    file: "model.gguf".into(),
                    source: std::io::ErrorKind::OutOfMemory.into(),
                })?;
            }
            self.current.resize(size, 0);
        }
        let end = self.current.len().min(most);
        Ok(&mut self.current[self.filled..end])
    }

    /// Takes `count` bytes that were written to where there was room.
    fn fill(&mut self, count: usize) -> Result<()> {
        let room = self.missing().unwrap_or(0).min(self.current.len() - self.filled);
        if count > room {
            return Err(no_room(count, room));
        }
        self.filled += count;
        self.position += count as u64;
        if self.missing().is_none() {
            let (mut whole, size) = (
                std::mem::take(&mut self.current),
                std::mem::take(&mut self.filled),
            );
            if self.stays() {
                whole.truncate(size);
                whole.shrink_to_fit();
                self.complete(Cow::Owned(whole))?;
            } else {
                self.complete(Cow::Borrowed(&whole[..size]))?;
                self.current = whole;
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

fn no_room(count: usize, room: usize) -> Error {
    Error::Input(format!(
        "{count} bytes of a model were said to be where there is room for {room}"
    ))
}
