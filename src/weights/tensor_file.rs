//! A file of published tensors, in whichever container.

use std::path::Path;

use crate::error::Result;
use crate::weights::pytorch::PytorchFile;
use crate::weights::safetensors::file::SafetensorsFile;

/// An open file whose tensors are read one at a time.
pub enum TensorFile {
    /// `.safetensors`.
    Safetensors(SafetensorsFile),
    /// PyTorch's `.bin`, `.pt` and `.pth`.
    Pytorch(PytorchFile),
}

impl TensorFile {
    /// Returns true for a path that ends as such files do.
    pub fn is_named_so(path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| ["safetensors", "bin", "pt", "pth"].contains(&extension))
    }

    /// Opens `path`, a container of the kind that its name tells.
    pub fn open(path: &Path) -> Result<Self> {
        match path
            .extension()
            .is_some_and(|extension| extension == "safetensors")
        {
            true => SafetensorsFile::open(path).map(Self::Safetensors),
            false => PytorchFile::open(path).map(Self::Pytorch),
        }
    }

    /// Path of the file, as errors name it.
    pub fn name(&self) -> &str {
        match self {
            Self::Safetensors(file) => file.name(),
            Self::Pytorch(file) => file.name(),
        }
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Safetensors(file) => file.bytes(),
            Self::Pytorch(file) => file.bytes(),
        }
    }

    /// Names of the tensors in the file.
    pub fn tensor_names(&self) -> Vec<String> {
        match self {
            Self::Safetensors(file) => file.tensor_names(),
            Self::Pytorch(file) => file.tensor_names(),
        }
    }

    /// Shape of the tensor `name`, if it is in the file.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        match self {
            Self::Safetensors(file) => file.shape(name),
            Self::Pytorch(file) => file.shape(name),
        }
    }

    /// Values of the tensor `name` of 32- or 16-bit floats, as f32, in the order of its shape.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>> {
        match self {
            Self::Safetensors(file) => file.read(name),
            Self::Pytorch(file) => file.read(name),
        }
    }
}
