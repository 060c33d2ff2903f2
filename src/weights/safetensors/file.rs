//! Reads tensors of a `.safetensors` file one at a time.
//!
//! The file is not mapped into memory: a map of a file that shrinks under the reader faults, and
//! every tensor is converted once anyway, so plain reads cost the same and stay safe.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::tensor::Metadata;

use super::{LFS_ADVICE, LFS_POINTER, MAX_HEADER, float_type, malformed, parse_header};
use crate::error::{Error, Result};

/// An open file whose header has been checked against its length.
pub struct SafetensorsFile {
    name: String,
    file: File,
    length: u64,
    data_start: u64,
    header: Metadata,
}

impl SafetensorsFile {
    /// Opens `path` and checks that its tensors lie one after the other and fill the file exactly.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let io = |source| Error::Io {
            file: name.clone(),
            source,
        };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let malformed = |reason| malformed(&name, reason);

        let mut size = [0; 8];
        if length < 8 {
            return Err(malformed(format!(
                "{length} bytes cannot hold a safetensors header"
            )));
        }
        file.read_exact(&mut size).map_err(io)?;
        if size == *LFS_POINTER {
            return Err(malformed(LFS_ADVICE.into()));
        }
        let size = u64::from_le_bytes(size);
        if size > MAX_HEADER || size > length - 8 {
            return Err(malformed(format!(
                "header claims {size} bytes of a file of {length}"
            )));
        }
        let mut json = vec![0; size as usize];
        file.read_exact(&mut json).map_err(io)?;
        let header = parse_header(&name, &json)?;
        // The crate has not checked that tensors end with the file.
        let (tensors, data) = (header.data_len() as u64, length - 8 - size);
        if tensors != data {
            return Err(malformed(format!(
                "tensors take {tensors} bytes but {data} follow the header"
            )));
        }
        Ok(Self {
            name,
            file,
            length,
            data_start: 8 + size,
            header,
        })
    }

    /// Path of the file, as errors name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.length
    }

    /// Names of the tensors in the file.
    pub fn tensor_names(&self) -> Vec<String> {
        self.header.tensors().into_keys().collect()
    }

    /// Shape of the tensor `name`, if it is in the file.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.header.info(name).map(|info| info.shape.as_slice())
    }

    /// Values of the tensor `name` of 32- or 16-bit floats, as f32.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>> {
        let info = self
            .header
            .info(name)
            .ok_or_else(|| malformed(&self.name, format!("tensor {name} is missing")))?;
        let float = float_type(&self.name, name, info.dtype)?;
        let (start, end) = info.data_offsets;
        let mut bytes = vec![0; end - start];
        let io = |source| Error::Io {
            file: self.name.clone(),
            source,
        };
        self.file
            .seek(SeekFrom::Start(self.data_start + start as u64))
            .map_err(io)?;
        self.file.read_exact(&mut bytes).map_err(io)?;
        Ok(float.to_f32(&bytes))
    }
}
