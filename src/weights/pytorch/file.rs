//! Reads tensors of a PyTorch file one at a time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::state_dict::{TensorEntry, tensors};
use super::unpickle::Pickle;
use crate::error::{Error, Result};
use crate::weights::floats::FloatType;
use crate::weights::safetensors::{LFS_ADVICE, LFS_POINTER};

/// Longest list of tensors read, in bytes; that of the largest CLIP is under a megabyte.
const MAX_PICKLE: u64 = 16 << 20;
/// First bytes of a zip archive.
const ZIP: &[u8] = b"PK\x03\x04";

/// An open file whose list of tensors has been read.
#[derive(Debug)]
pub struct PytorchFile {
    name: String,
    file: File,
    length: u64,
    tensors: HashMap<String, TensorEntry>,
    /// First byte and length of each storage.
    storages: HashMap<String, (u64, u64)>,
}

impl PytorchFile {
    /// Opens `path` and reads which tensors it holds.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for PyTorch's older format, a TorchScript program, and for bytes in big-endian order;
    /// [`Error::Model`] for what is malformed.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let io = |source| Error::Io {
            file: name.clone(),
            source,
        };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        check_kind(&name, &mut file, length)?;
        let malformed = |reason: String| Error::model(&name, reason);
        let broken = |e: zip::result::ZipError| malformed(format!("bad zip archive: {e}"));
        let reader = BufReader::new(file.try_clone().map_err(io)?);
        let mut archive = ZipArchive::new(reader).map_err(broken)?;
        let names: Vec<String> = (0..archive.len())
            .filter_map(|i| archive.name_for_index(i)?.ok().map(|name| name.into_owned()))
            .collect();
        let Some(root) = names.iter().find_map(|name| name.strip_suffix("data.pkl")) else {
            return Err(malformed(
                "is a zip archive without data.pkl, so no file of PyTorch's".into(),
            ));
        };
        if names
            .iter()
            .any(|name| name.strip_prefix(root) == Some("constants.pkl"))
        {
            return Err(Error::unsupported(
                &name,
                "is a TorchScript program; save the weights of the model, its state dict, as safetensors",
            ));
        }

        let pickle = read_entry(&mut archive, &format!("{root}data.pkl")).map_err(&malformed)?;
        let pickle = Pickle::read(&pickle).map_err(|reason| malformed(format!("data.pkl {reason}")))?;
        let tensors = tensors(&pickle).map_err(|reason| malformed(format!("data.pkl {reason}")))?;
        let order = format!("{root}byteorder");
        if names.contains(&order) && read_entry(&mut archive, &order).map_err(&malformed)? != b"little" {
            return Err(Error::unsupported(&name, "holds values in big-endian order"));
        }

        let mut storages = HashMap::new();
        let values = format!("{root}data/");
        for name in names.iter().filter(|name| name.starts_with(&values)) {
            let entry = archive.by_name(name).map_err(broken)?;
            let (start, size) = (entry.data_start().unwrap_or(u64::MAX), entry.size());
            let within = start.checked_add(size).is_some_and(|end| end <= length);
            if entry.compression() != CompressionMethod::Stored || entry.encrypted() || !within {
                return Err(malformed(format!(
                    "{name} is compressed, encrypted or beyond the end of the file"
                )));
            }
            storages.insert(name[values.len()..].to_string(), (start, size));
        }
        Ok(Self {
            name,
            file,
            length,
            tensors,
            storages,
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
        self.tensors.keys().cloned().collect()
    }

    /// Shape of the tensor `name`, if it is in the file.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Values of the tensor `name` of 32- or 16-bit floats, as f32, in the order of its shape.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>> {
        let malformed = |reason: String| Error::model(&self.name, reason);
        let entry = self.tensors.get(name);
        let entry = entry.ok_or_else(|| malformed(format!("tensor {name} is missing")))?;
        let float = entry.float().ok_or_else(|| {
            Error::unsupported(
                &self.name,
                format!(
                    "tensor {name} is of {}; FloatStorage, HalfStorage and BFloat16Storage are supported",
                    entry.storage_type
                ),
            )
        })?;
        let (start, size) = *self.storages.get(&entry.storage).ok_or_else(|| {
            malformed(format!(
                "tensor {name} lies in the storage {}, which is missing",
                entry.storage
            ))
        })?;
        let values = (size / float.size() as u64) as usize;
        let end = entry.end().filter(|end| *end <= values).ok_or_else(|| {
            malformed(format!(
                "tensor {name} ends beyond its storage of {values} values"
            ))
        })?;
        // A view that repeats values, as `expand` makes them, could claim more than there are.
        let count = entry
            .shape
            .iter()
            .try_fold(1usize, |all, size| all.checked_mul(*size));
        if count.is_none_or(|count| count > end - entry.offset) {
            return Err(malformed(format!(
                "tensor {name} is a view that repeats its values"
            )));
        }
        let start = start + (entry.offset * float.size()) as u64;
        let stored =
            read_values(&mut self.file, start, end - entry.offset, float).map_err(|source| Error::Io {
                file: self.name.clone(),
                source,
            })?;
        Ok(match entry.is_contiguous() {
            true => stored,
            false => gather(&stored, &entry.shape, &entry.strides),
        })
    }
}

/// Refuses files that are no zip archive, by the kind that their first bytes show.
fn check_kind(name: &str, file: &mut File, length: u64) -> Result<()> {
    let mut first = [0; 8];
    let read = file.read(&mut first).map_err(|source| Error::Io {
        file: name.into(),
        source,
    })?;
    match &first[..read] {
        first if first.starts_with(ZIP) => Ok(()),
        first if first == LFS_POINTER => Err(Error::model(name, LFS_ADVICE)),
        // A pickle of PyTorch's magic number begins the format that versions before 1.6 wrote.
        [0x80, _, 0x8a, 0x0a, ..] => Err(Error::unsupported(
            name,
            "is in the format of PyTorch before 1.6; load it there and save it as safetensors",
        )),
        _ => Err(Error::model(
            name,
            format!("is no file of PyTorch's: its {length} bytes are no zip archive"),
        )),
    }
}

/// The bytes of a small member of the archive.
fn read_entry(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<Vec<u8>, String> {
    let entry = archive.by_name(name).map_err(|e| format!("{name}: {e}"))?;
    let size = entry.size();
    if size > MAX_PICKLE {
        return Err(format!("{name} is {size} bytes; at most {MAX_PICKLE} are read"));
    }
    let mut bytes = Vec::new();
    let read = entry.take(MAX_PICKLE).read_to_end(&mut bytes);
    read.map_err(|e| format!("{name}: {e}"))?;
    Ok(bytes)
}

/// `count` values from the byte `start` on.
fn read_values(file: &mut File, start: u64, count: usize, float: FloatType) -> std::io::Result<Vec<f32>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(count * float.size())?;
    bytes.resize(count * float.size(), 0);
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(float.to_f32(&bytes))
}

/// The values of a view, such as a transposed matrix, in the order of its shape.
fn gather(stored: &[f32], shape: &[usize], strides: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let at = |index: usize| {
        let mut rest = index;
        let along = shape.iter().zip(strides).rev().map(|(size, stride)| {
            let coordinate = rest % size;
            rest /= size;
            coordinate * stride
        });
        stored[along.sum::<usize>()]
    };
    (0..count).map(at).collect()
}
