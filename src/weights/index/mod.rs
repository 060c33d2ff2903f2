//! The list of the tensors of a published file of weights, and the places of their bytes.
//!
//! A file lists its tensors in few bytes: safetensors in a header, PyTorch in a pickle within a zip archive. Reading the
//! list needs those bytes only, so a file on disk, one that the browser holds and one on a server are read alike: an
//! [`IndexReader`] says which bytes it wants, and takes them.

mod pytorch;
mod safetensors;
mod state_dict;
mod unpickle;
mod zip;

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::weights::floats::FloatType;
use crate::weights::open_clip::AppleNames;

/// First bytes of the text that Git LFS leaves in the place of a large file ("version https://git-lfs…").
const LFS_POINTER: &[u8; 8] = b"version ";
/// Error for such a text.
const LFS_ADVICE: &str = "this is a Git LFS pointer: run git lfs pull in its repository to get the weights";

/// Bytes of the record before a member of a zip archive, without its name and extra field.
pub(super) const RECORD_BYTES: u64 = zip::LOCAL_HEADER as u64;
pub(super) use zip::data_start;

/// Reads bytes of a file: a start and a length. `None` means that they have not come yet.
type ReadAt<'a> = &'a mut dyn FnMut(u64, u64) -> Result<Option<Vec<u8>>>;

/// The tensors of one file of weights.
#[derive(Debug)]
pub struct WeightIndex {
    file: String,
    tensors: HashMap<String, Result<TensorPlace, PlaceError>>,
}

/// The place and form of a tensor's values.
#[derive(Clone, Debug)]
pub(super) struct TensorPlace {
    pub float: FloatType,
    pub shape: Vec<usize>,
    /// Values between neighbors along each dimension, where they do not lie in the order of the shape.
    pub strides: Option<Vec<usize>>,
    pub start: Start,
    /// Bytes from the first value to the end of the last.
    pub bytes: u64,
    /// Order of the tensors in which the file was written: by this number, then by `start`.
    pub rank: u64,
}

/// The first byte of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A byte of the file.
    Byte(u64),
    /// A byte of a member of a zip archive, by the byte at which the member's record starts.
    InRecord {
        /// First byte of the record.
        record: u64,
        /// Byte of the member's data.
        offset: u64,
    },
}

/// The reason that a tensor cannot be read, reported only where the tensor is wanted.
#[derive(Clone, Debug)]
enum PlaceError {
    Malformed(String),
    Unsupported(String),
}

impl TensorPlace {
    /// Brings values as they lie in the file into the order of the shape.
    pub fn in_order(&self, stored: Vec<f32>) -> Vec<f32> {
        let Some(strides) = &self.strides else {
            return stored;
        };
        let count = self.shape.iter().product();
        let at = |index: usize| {
            let mut rest = index;
            let along = self.shape.iter().zip(strides).rev().map(|(size, stride)| {
                let coordinate = rest % size;
                rest /= size;
                coordinate * stride
            });
            stored[along.sum::<usize>()]
        };
        (0..count).map(at).collect()
    }
}

impl WeightIndex {
    /// Path or name of the file, as errors name it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Names of the tensors in the file.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// True where the file has the tensor `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The place of the tensor `name`; `None` where the file does not have it.
    ///
    /// # Errors
    /// [`Error::Model`] and [`Error::Unsupported`] for a tensor whose description is wrong, or of a type that is not read.
    pub(super) fn place(&self, name: &str) -> Result<Option<&TensorPlace>> {
        match self.tensors.get(name) {
            None => Ok(None),
            Some(Ok(place)) => Ok(Some(place)),
            Some(Err(PlaceError::Malformed(reason))) => Err(Error::model(&self.file, reason)),
            Some(Err(PlaceError::Unsupported(reason))) => Err(Error::unsupported(&self.file, reason)),
        }
    }
}

/// Reads the list of tensors of a file of which bytes come when they are asked for.
#[derive(Debug)]
pub struct IndexReader {
    file: String,
    length: Option<u64>,
    /// Ranges of bytes that have come: start, length and bytes.
    ranges: Vec<(u64, u64, Vec<u8>)>,
    wanted: Option<(u64, u64)>,
    index: Option<WeightIndex>,
}

impl IndexReader {
    /// A reader of the file `file`, whose name tells the container; `length` is its size, where that is known.
    ///
    /// # Errors
    /// [`Error::Model`] for a file that is too short.
    pub fn new(file: &str, length: Option<u64>) -> Result<Self> {
        let mut reader = Self {
            file: file.into(),
            length,
            ranges: Vec::new(),
            wanted: None,
            index: None,
        };
        reader.advance()?;
        Ok(reader)
    }

    /// Start and length of the bytes that are wanted next; `None` when the list is complete.
    pub fn wanted(&self) -> Option<(u64, u64)> {
        self.wanted
    }

    /// Takes the bytes that were wanted.
    ///
    /// # Errors
    /// [`Error::Model`] and [`Error::Unsupported`] for a file that is malformed, cut or of another kind.
    pub fn push(&mut self, bytes: Vec<u8>) -> Result<()> {
        let Some((start, length)) = self.wanted.take() else {
            return Ok(());
        };
        if bytes.len() as u64 != length {
            let end = start + bytes.len() as u64;
            let reason = format!("ends after {end} bytes, within its header or list of tensors");
            return Err(Error::model(&self.file, reason));
        }
        self.ranges.push((start, length, bytes));
        self.advance()
    }

    /// The list.
    ///
    /// # Errors
    /// [`Error::Model`] where bytes are missing.
    pub fn finish(self) -> Result<WeightIndex> {
        let missing = || Error::model(&self.file, "its list of tensors has not been read whole");
        self.index.ok_or_else(missing)
    }

    fn advance(&mut self) -> Result<()> {
        let (ranges, wanted) = (&self.ranges, &mut self.wanted);
        let mut read_at = |start: u64, length: u64| {
            let found = ranges.iter().find(|range| (range.0, range.1) == (start, length));
            if found.is_none() {
                *wanted = Some((start, length));
            }
            Ok(found.map(|(.., bytes)| bytes.clone()))
        };
        self.index = read_index(&self.file, self.length, &mut read_at)?;
        Ok(())
    }
}

/// The tensors of a file; `None` as long as bytes that they are listed in have not come.
pub(super) fn read_index(file: &str, length: Option<u64>, read_at: ReadAt) -> Result<Option<WeightIndex>> {
    let tensors = match file.ends_with(".safetensors") {
        true => safetensors::tensors(file, length, read_at)?,
        false => pytorch::tensors(file, length, read_at)?,
    };
    let index = |tensors| WeightIndex {
        file: file.into(),
        tensors: renamed(tensors),
    };
    Ok(tensors.map(index))
}

/// Tensors by the names of `open_clip` where Apple's names are given.
fn renamed<T>(tensors: HashMap<String, T>) -> HashMap<String, T> {
    match AppleNames::of(tensors.keys().map(String::as_str)) {
        Some(names) => tensors
            .into_iter()
            .map(|(name, tensor)| (names.open_clip(&name), tensor))
            .collect(),
        None => tensors,
    }
}
