//! Turns a `.safetensors` file into a model and one of our files while it arrives.
//!
//! Rows are quantized as soon as their last byte is there, and a tensor is packed as soon as its last row is. It is
//! handed out, as our file stores it, as soon as no tensor that comes is [folded](crate::weights::fold) together with
//! it: after each block of a tower. So the memory needed is that of the packed model and one quantized block, whatever
//! the size of the file; and what was handed out can be given back later, to go on at the next tensor after a
//! connection, or the page, was lost.

use super::packing::Tensors;
use super::{LFS_ADVICE, LFS_POINTER, MAX_HEADER, malformed, parse_header};
use crate::error::{Error, Result};
use crate::weights::ModelFile;
use crate::weights::gguf::compose::{self, TensorDecl};
use crate::weights::gguf::{ALIGNMENT, align};
use crate::weights::layout::{WeightSpec, weight_specs};
use crate::weights::quantize::Quant;
use crate::weights::snapshot_metadata::SnapshotMetadata;
use crate::weights::store::Placement;

/// Name of the file in errors until its own is known.
pub(super) const FILE: &str = "model.safetensors";

/// A `.safetensors` file being read, quantized and packed.
pub struct SafetensorsStream {
    texts: SnapshotMetadata,
    quant: Quant,
    placement: Placement,
    total: Option<u64>,
    /// Bytes of the file taken, or made up for by [`SafetensorsStream::restore`].
    position: u64,
    state: State,
}

enum State {
    Header(Vec<u8>),
    Tensors(Box<Tensors>),
    /// After an error nothing more is understood.
    Failed,
}

impl SafetensorsStream {
    /// A reader of the weights of the snapshot with these texts, a file of `total` bytes where that
    /// is known.
    pub fn new(texts: SnapshotMetadata, quant: Quant, total: Option<u64>, placement: Placement) -> Self {
        Self {
            texts,
            quant,
            placement,
            total,
            position: 0,
            state: State::Header(Vec::new()),
        }
    }

    /// Bytes of the file that [`SafetensorsStream::finish`] and what was handed out make together.
    pub fn file_bytes(&self) -> u64 {
        let weight_specs = weight_specs(&self.texts.config);
        let tensors: Vec<TensorDecl> = weight_specs.iter().flat_map(|spec| self.declare(spec)).collect();
        let blank = vec![0; tensors.len()];
        let (header, _) = compose::header(&self.texts.metadata(self.quant), &tensors, &blank);
        let header = align(header.len() as u64, ALIGNMENT as u64);
        header
            + tensors
                .iter()
                .fold(0, |end, tensor| align(end, ALIGNMENT as u64) + tensor.bytes())
    }

    fn declare(&self, spec: &WeightSpec) -> Vec<TensorDecl> {
        let encoding = self.quant.encoding(spec);
        let of = |part| compose::declare(part, encoding);
        spec.parts.iter().flat_map(of).collect()
    }

    /// The byte of the file that is wanted next.
    pub fn position(&self) -> u64 {
        self.position
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
        let after = self.position + bytes.len() as u64;
        if let Some(total) = self.total.filter(|total| after > *total) {
            return Err(fault(format!("{after} bytes came of a file of {total}")));
        }
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header(header) => {
                    let wanted = header_bytes(header)?;
                    let missing = (wanted - header.len() as u64).min(bytes.len() as u64) as usize;
                    let (component, rest) = bytes.split_at(missing);
                    header.extend_from_slice(component);
                    self.position += missing as u64;
                    bytes = rest;
                    if header.len() as u64 == header_bytes(header)? {
                        let header = std::mem::take(header);
                        self.state = State::Tensors(Box::new(self.plan(&header)?));
                    }
                }
                State::Tensors(tensors) => {
                    tensors.take(self.position, bytes)?;
                    self.position = after;
                    bytes = &[];
                }
                State::Failed => return Err(fault("reading it has already failed".into())),
            }
        }
        Ok(())
    }

    /// Checks a whole header against the configuration: every tensor of the model must be there.
    fn plan(&self, header: &[u8]) -> Result<Tensors> {
        let metadata = parse_header(FILE, &header[8..])?;
        let data = header.len() as u64;
        let end = data + metadata.data_len() as u64;
        if let Some(total) = self.total.filter(|total| *total != end) {
            return Err(fault(format!(
                "is {total} bytes long but its tensors end at {end}"
            )));
        }
        Tensors::new(
            &metadata,
            &self.texts.config,
            self.quant,
            self.placement.clone(),
            data,
        )
    }

    /// Takes what has been packed since the last call: whole tensors as our file stores them, to follow
    /// the header in the order given.
    pub fn take_packed(&mut self) -> Vec<u8> {
        match &mut self.state {
            State::Tensors(tensors) => std::mem::take(&mut tensors.packed),
            State::Header(_) | State::Failed => Vec::new(),
        }
    }

    /// Takes what an earlier reader of the same file gave for the next tensors, instead of their
    /// bytes; [`SafetensorsStream::position`] then is the first byte after them. Possible once the
    /// header has come, between two tensors.
    pub fn restore(&mut self, packed: &[u8]) -> Result<()> {
        let State::Tensors(tensors) = &mut self.state else {
            return Err(fault(
                "what was kept of it cannot be used before its header".into(),
            ));
        };
        match tensors.restore(packed) {
            Ok(position) => {
                self.position = position;
                Ok(())
            }
            Err(error) => {
                self.state = State::Failed;
                Err(error)
            }
        }
    }

    /// The model, and the header of our file, once every byte has come.
    pub fn finish(self) -> Result<(ModelFile, Vec<u8>)> {
        let position = self.position;
        let cut = |place: &str| fault(format!("ends after {position} bytes, within {place}"));
        let tensors = match self.state {
            State::Header(_) => return Err(cut("its header")),
            State::Tensors(tensors) => tensors,
            State::Failed => return Err(fault("reading it has failed".into())),
        };
        if let Some(step) = tensors.steps.front() {
            return Err(cut(&format!("tensor {}", step.part.name)));
        }
        let metadata = self.texts.metadata(self.quant);
        let (mut header, checksum) = compose::header(&metadata, &tensors.declared, &tensors.checksums);
        header.resize(header.len().next_multiple_of(ALIGNMENT), 0);
        let SnapshotMetadata {
            tokenizer_json,
            preprocessor_json,
            about,
            warnings,
            ..
        } = self.texts;
        let model = ModelFile {
            weights: tensors.assembler.finish()?,
            tokenizer_json,
            preprocessor_json,
            about,
            warnings,
            quantization: self.quant.name().into(),
            bytes: header.len() as u64 + tensors.packed_bytes,
            checksum: Some(checksum),
        };
        Ok((model, header))
    }
}

/// Bytes of the header, as far as its first bytes tell: eight until its length has come.
fn header_bytes(header: &[u8]) -> Result<u64> {
    let Some(length) = header.first_chunk::<8>() else {
        return Ok(8);
    };
    if length == LFS_POINTER {
        return Err(fault(LFS_ADVICE.into()));
    }
    let length = u64::from_le_bytes(*length);
    if !(2..=MAX_HEADER).contains(&length) {
        return Err(fault(format!(
            "is no safetensors file: its header claims {length} bytes"
        )));
    }
    Ok(8 + length)
}

pub(super) fn fault(reason: String) -> Error {
    malformed(FILE, reason)
}
