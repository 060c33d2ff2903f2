//! Models that arrive in chunks: one of our GGUF files, or the weights of a Hugging Face snapshot.

use super::{Clip, LoadOptions};
use crate::error::{Error, Result};
use crate::weights::{GgufStream, Quant, SnapshotMetadata, SnapshotStream, WeightIndex};

/// A [`Clip`] from one of our GGUF files that arrives in chunks.
pub struct Loader {
    stream: GgufStream,
    name: String,
    defer_tokenizer: bool,
}

impl Loader {
    /// A loader onto the CPU of a file of `total_bytes`, where that is known.
    pub fn new(total_bytes: Option<u64>) -> Self {
        Self::with_options(total_bytes, &LoadOptions::default())
    }

    /// A loader with options; who pushes the chunks reports the progress.
    pub fn with_options(total_bytes: Option<u64>, options: &LoadOptions) -> Self {
        Self {
            stream: GgufStream::new(total_bytes, options.placement()),
            name: "model.gguf".into(),
            defer_tokenizer: false,
        }
    }

    /// Defers reading the tokenizer until the first text comes: for a file that has been loaded before, so that
    /// its tokenizer is known to be sound.
    pub fn defer_tokenizer(mut self, defer: bool) -> Self {
        self.defer_tokenizer = defer;
        self
    }

    /// Lets errors name the file.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Takes the next chunk, of any size. After an error the loader takes nothing more.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.stream.push(chunk).map_err(|e| e.in_file(&self.name))
    }

    /// Memory for the bytes that come next, never empty. Bytes that are written there and confirmed by
    /// [`Self::advance`] are not copied again.
    pub fn chunk_mut(&mut self) -> Result<&mut [u8]> {
        self.stream.chunk_mut().map_err(|e| e.in_file(&self.name))
    }

    /// Takes the first `count` bytes of what [`Self::chunk_mut`] gave last.
    pub fn advance(&mut self, count: usize) -> Result<()> {
        self.stream.advance(count).map_err(|e| e.in_file(&self.name))
    }

    /// Bytes taken so far.
    pub fn bytes_done(&self) -> u64 {
        self.stream.received()
    }

    /// The model, once the whole file has been pushed.
    pub fn finish(self) -> Result<Clip> {
        self.stream
            .finish()
            .and_then(if self.defer_tokenizer {
                Clip::with_deferred_tokenizer
            } else {
                Clip::new
            })
            .map_err(|e| e.in_file(&self.name))
    }
}

/// A [`Clip`] from the weights of a Hugging Face snapshot that arrive in chunks: they are quantized on the way, and come
/// out as one of our files beside.
pub struct SnapshotLoader {
    stream: SnapshotStream,
    name: String,
}

impl SnapshotLoader {
    /// A loader onto the CPU of weights in files with these lists of tensors.
    ///
    /// # Errors
    /// [`Error::Model`] and [`Error::Unsupported`] where a tensor of the model is missing or not as its configuration
    /// has it.
    pub fn new(texts: SnapshotMetadata, quant: Quant, files: &[WeightIndex]) -> Result<Self> {
        Self::with_image_files(texts, quant, files, &[])
    }

    /// As [`new`](Self::new), of texts that were [joined](SnapshotMetadata::with_image_tower) with those of another
    /// model, in whose `image_files` the image tower is.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_image_files(
        texts: SnapshotMetadata,
        quant: Quant,
        files: &[WeightIndex],
        image_files: &[WeightIndex],
    ) -> Result<Self> {
        let placement = LoadOptions::default().placement();
        // Weights need not come for settings that are of no use.
        super::image_processor(&texts.preprocessor_json, &texts.config)
            .map_err(|error| error.in_file(&texts.about.name))?;
        Ok(Self {
            name: texts.about.name.clone(),
            stream: SnapshotStream::new(texts, quant, files, image_files, placement)?,
        })
    }

    /// The byte that is wanted next: the place of its file among those given, image files last, and where it is in the
    /// file. `None` when every tensor is in.
    pub fn wanted(&self) -> Option<(usize, u64)> {
        self.stream.wanted()
    }

    /// Bytes of tensors that are in.
    pub fn done(&self) -> u64 {
        self.stream.done()
    }

    /// Takes bytes of a file that begin at `position`, as many of them as are [wanted](Self::wanted) one after the
    /// other. After an error the loader takes nothing more.
    ///
    /// # Errors
    /// [`Error::Model`] for values that are no numbers, or not where the list of tensors has them.
    pub fn push(&mut self, file: usize, position: u64, chunk: &[u8]) -> Result<()> {
        self.stream.push(file, position, chunk)
    }

    /// Takes what has been packed since the last call: the next part of our file, after its header.
    pub fn take_packed(&mut self) -> Vec<u8> {
        self.stream.take_packed()
    }

    /// Takes a part that an earlier loader of the same weights gave, instead of what it was made of.
    ///
    /// # Errors
    /// [`Error::Model`] for a part that does not fit what comes next.
    pub fn restore(&mut self, packed: &[u8]) -> Result<()> {
        self.stream.restore(packed)
    }

    /// The model, and the header that makes one of our files of the packed parts.
    ///
    /// # Errors
    /// [`Error::Model`] where tensors are missing, and errors of the tokenizer and the image settings.
    pub fn finish(self) -> Result<(Clip, Vec<u8>)> {
        let (file, header) = self.stream.finish()?;
        let clip = Clip::new(file).map_err(|e: Error| e.in_file(&self.name))?;
        Ok((clip, header))
    }
}
