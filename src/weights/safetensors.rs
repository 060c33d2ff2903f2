//! Reads tensors of a `.safetensors` file one at a time.
//!
//! The file is not mapped into memory: a map of a file that shrinks under the reader faults, and
//! every tensor is converted once anyway, so plain reads cost the same and stay safe.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::error::{Error, Result};
use crate::weights::floats::FloatType;

/// Longest header accepted, in bytes; the format's own reader has the same limit.
const MAX_HEADER: u64 = 100_000_000;

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
        let malformed = |reason: String| Error::Model {
            file: name.clone(),
            reason,
        };

        let mut size = [0; 8];
        if length < 8 {
            return Err(malformed(format!(
                "{length} bytes cannot hold a safetensors header"
            )));
        }
        file.read_exact(&mut size).map_err(io)?;
        let size = u64::from_le_bytes(size);
        if size > MAX_HEADER || size > length - 8 {
            return Err(malformed(format!(
                "header claims {size} bytes of a file of {length}"
            )));
        }
        let mut json = vec![0; size as usize];
        file.read_exact(&mut json).map_err(io)?;
        let header: Metadata =
            serde_json::from_slice(&json).map_err(|e| malformed(format!("bad safetensors header: {e}")))?;
        // The crate has checked that tensors follow each other without gap or overlap and are as long
        // as their shapes say; that they end with the file is left.
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
        let malformed = |file: &str, reason: String| Error::Model {
            file: file.into(),
            reason,
        };
        let info = self
            .header
            .info(name)
            .ok_or_else(|| malformed(&self.name, format!("tensor {name} is missing")))?;
        let float = float_type(info.dtype).ok_or_else(|| Error::Unsupported {
            file: self.name.clone(),
            reason: format!(
                "tensor {name} is {:?}; F32, F16 and BF16 are supported",
                info.dtype
            ),
        })?;
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

fn float_type(dtype: Dtype) -> Option<FloatType> {
    match dtype {
        Dtype::F32 => Some(FloatType::F32),
        Dtype::F16 => Some(FloatType::F16),
        Dtype::BF16 => Some(FloatType::BF16),
        _ => None,
    }
}
