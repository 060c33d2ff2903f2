//! Reads tensors of a published file on disk, one at a time.
//!
//! The file is not mapped into memory: a map of a file that shrinks under the reader faults, and every tensor is
//! converted once anyway, so plain reads cost the same and stay safe.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{Error, Result};
use crate::weights::index::{RECORD_BYTES, Start, WeightIndex, data_start, read_index};

/// An open file of weights whose list of tensors has been read.
pub struct TensorFile {
    file: File,
    length: u64,
    index: WeightIndex,
}

impl TensorFile {
    /// Returns true for a path that ends as such files do.
    pub fn is_named_so(path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| ["safetensors", "bin", "pt", "pth"].contains(&extension))
    }

    /// Opens `path`, a container of the kind that its name tells.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read; [`Error::Model`] and [`Error::Unsupported`] where it is malformed or of
    /// another kind.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let mut file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        let mut read = |start, count| {
            read_at(&mut file, start, count)
                .map(Some)
                .map_err(Error::io(path))
        };
        let index = read_index(&name, Some(length), &mut read)?;
        let index = index.ok_or_else(|| Error::model(&name, "its list of tensors is missing"))?;
        Ok(Self { file, length, index })
    }

    /// Path of the file, as errors name it.
    pub fn name(&self) -> &str {
        self.index.file()
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.length
    }

    /// Names of the tensors in the file.
    pub fn tensor_names(&self) -> Vec<String> {
        self.index.tensor_names().map(String::from).collect()
    }

    /// Shape of the tensor `name`, if it is in the file and can be read.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        let place = self.index.place(name)?;
        Ok(place.map(|place| place.shape.as_slice()).unwrap_or_default())
    }

    /// Values of the tensor `name` of 32- or 16-bit floats, as f32, in the order of its shape.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>> {
        let missing = || Error::model(self.name(), format!("tensor {name} is missing"));
        let place = self.index.place(name)?.ok_or_else(missing)?;
        let io = Error::io(self.index.file());
        let mut read = || {
            let start = match place.start {
                Start::Byte(start) => Some(start),
                Start::InRecord { record, offset } => {
                    let header = read_at(&mut self.file, record, RECORD_BYTES)?;
                    data_start(record, &header).map(|data| data + offset)
                }
            };
            let within = start.filter(|start| start + place.bytes <= self.length);
            within
                .map(|start| read_at(&mut self.file, start, place.bytes))
                .transpose()
        };
        let bytes = read().map_err(io)?;
        let beyond = || Error::model(self.name(), format!("tensor {name} is not where it should be"));
        Ok(place.in_order(place.float.to_f32(&bytes.ok_or_else(beyond)?)))
    }
}

/// `count` bytes from the byte `start` on.
fn read_at(file: &mut File, start: u64, count: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = usize::try_from(count).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    bytes.try_reserve_exact(count)?;
    bytes.resize(count, 0);
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
