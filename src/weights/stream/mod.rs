//! Turns the weights of a snapshot into a model and one of our files while they arrive.
//!
//! Rows are quantized as soon as their last byte is there, and a tensor is packed as soon as its last row is. It is
//! handed out, as our file stores it, as soon as no tensor that comes is [folded](crate::weights::fold) together with
//! it: after each block of a tower. So the memory needed is that of the packed model and one quantized block, whatever
//! the size of the files; and what was handed out can be given back later, to go on at the next tensor after a
//! connection, or the page, was lost.

mod folds;
mod mixtures;
mod order;
mod packing;
mod plan;
mod step;

use crate::error::{Error, Result};
use crate::weights::ModelFile;
use crate::weights::gguf::ALIGNMENT;
use crate::weights::gguf::compose;
use crate::weights::index::WeightIndex;
use crate::weights::quantize::Quant;
use crate::weights::snapshot_metadata::SnapshotMetadata;
use crate::weights::span_reader::SpanReader;
use crate::weights::store::Placement;
use packing::Tensors;

/// Weights being read, quantized and packed.
pub struct SnapshotStream {
    texts: SnapshotMetadata,
    quant: Quant,
    /// Path or name of the first file, for errors about all of them.
    file: String,
    reader: SpanReader<Tensors>,
}

impl SnapshotStream {
    /// A reader of the weights of the snapshot with these texts, in files with these lists of tensors. The image tower
    /// and the logit scale are read from `image_files`, where there are any: files of another model, with whose image
    /// tower the texts were [joined](SnapshotMetadata::with_image_tower).
    ///
    /// # Errors
    /// [`Error::Model`] and [`Error::Unsupported`] where a tensor of the model is missing or not as its configuration
    /// has it.
    pub fn new(
        texts: SnapshotMetadata,
        quant: Quant,
        files: &[WeightIndex],
        image_files: &[WeightIndex],
        placement: Placement,
    ) -> Result<Self> {
        let tensors = Tensors::new(files, image_files, &texts.config, quant, placement)?;
        let file = files.first().map_or("weights", WeightIndex::file);
        Ok(Self {
            texts,
            quant,
            file: file.into(),
            reader: SpanReader::new(tensors, file),
        })
    }

    /// The byte that is wanted next: the place of its file among those given, image files last, and where it is in the file. `None` when
    /// every tensor is in.
    pub fn wanted(&self) -> Option<(usize, u64)> {
        self.reader.wanted()
    }

    /// Bytes of tensors that are in.
    pub fn done(&self) -> u64 {
        let tensors = self.reader.format();
        tensors.map_or(0, |tensors| tensors.done(self.reader.collected()))
    }

    /// Takes bytes of a file that begin at `position`, among them the one that is [wanted](Self::wanted); of those
    /// behind it, as many as are wanted next. After an error the reader takes nothing more.
    ///
    /// # Errors
    /// [`Error::Model`] for values that are not finite, or are not where the list of tensors has them, and [`Error::Io`]
    /// where there is no memory.
    pub fn push(&mut self, file: usize, position: u64, bytes: &[u8]) -> Result<()> {
        self.reader.push(file, position, bytes)
    }

    /// Takes what has been packed since the last call: whole tensors as our file stores them, to follow
    /// the header in the order given.
    pub fn take_packed(&mut self) -> Vec<u8> {
        let tensors = self.reader.format_mut();
        tensors.map_or_else(Vec::new, |tensors| std::mem::take(&mut tensors.packed))
    }

    /// Takes what an earlier reader of the same files gave for the next tensors, instead of their bytes. Possible
    /// between two tensors.
    ///
    /// # Errors
    /// [`Error::Model`] for what does not fit the tensors that come next.
    pub fn restore(&mut self, packed: &[u8]) -> Result<()> {
        self.reader
            .change_format(|tensors, has_begun| tensors.restore(packed, has_begun))
    }

    /// The model, and the header of our file, once every tensor has come.
    ///
    /// # Errors
    /// [`Error::Model`] where one has not.
    pub fn finish(self) -> Result<(ModelFile, Vec<u8>)> {
        let collected = self.reader.collected();
        let incomplete = |reason: String| Error::model(&self.file, reason);
        let tensors = self.reader.finish()?;
        if let Some(name) = tensors.next_name() {
            let done = tensors.done(collected);
            return Err(incomplete(format!(
                "ends after {done} bytes of tensors, within {name}"
            )));
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
