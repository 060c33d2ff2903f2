//! The list of tensors of a PyTorch file: `data.pkl` in a zip archive whose other members are the tensors' values.

use std::collections::HashMap;

use super::state_dict::{TensorEntry, tensors as tensors_of_pickle};
use super::unpickle::Pickle;
use super::zip::{LOCAL_HEADER, Member, data_start, members};
use super::{LFS_ADVICE, LFS_POINTER, PlaceError, ReadAt, Start, TensorPlace};
use crate::error::{Error, Result};

/// Longest list of tensors read, in bytes; that of the largest CLIP is under a megabyte.
const MAX_PICKLE: u64 = 16 << 20;
/// First bytes of a zip archive.
const ZIP: &[u8] = b"PK\x03\x04";

/// The tensors that a file lists, or `None` as long as the bytes that tell have not come.
///
/// # Errors
/// [`Error::Unsupported`] for PyTorch's older format, a TorchScript program, and for bytes in big-endian order;
/// [`Error::Model`] for what is malformed.
pub fn tensors(
    file: &str,
    length: Option<u64>,
    read_at: ReadAt,
) -> Result<Option<HashMap<String, Result<TensorPlace, PlaceError>>>> {
    let malformed = |reason: String| Error::model(file, reason);
    let length = length.ok_or_else(|| {
        malformed("the server does not say how long it is; download it and choose the file".into())
    })?;
    let Some(first) = read_at(0, length.min(8))? else {
        return Ok(None);
    };
    check_kind(file, &first, length)?;
    let Some(members) = members(file, length, read_at)? else {
        return Ok(None);
    };
    let Some(root) = members
        .iter()
        .find_map(|member| member.name.strip_suffix("data.pkl"))
    else {
        return Err(malformed(
            "is a zip archive without data.pkl, so no file of PyTorch's".into(),
        ));
    };
    let member = |name: &str| {
        members
            .iter()
            .find(|member| member.name.strip_prefix(root) == Some(name))
    };
    if member("constants.pkl").is_some() {
        return Err(Error::unsupported(
            file,
            "is a TorchScript program; save the weights of the model, its state dict, as safetensors",
        ));
    }
    if let Some(order) = member("byteorder") {
        match read_member(file, order, read_at)? {
            None => return Ok(None),
            Some(order) if order == b"little" => {}
            Some(_) => return Err(Error::unsupported(file, "holds values in big-endian order")),
        }
    }
    let Some(list) = member("data.pkl") else {
        return Ok(None);
    };
    let Some(pickle) = read_member(file, list, read_at)? else {
        return Ok(None);
    };
    let entries = Pickle::read(&pickle).and_then(|pickle| tensors_of_pickle(&pickle));
    let entries = entries.map_err(|reason| malformed(format!("data.pkl {reason}")))?;
    let storages = storages(&members, root);
    let placed = |(name, entry): (String, TensorEntry)| {
        let place = place(&name, &entry, &storages);
        (name, place)
    };
    Ok(Some(entries.into_iter().map(placed).collect()))
}

/// The members that hold values, by the names of their storages, each with its place in the archive, whose members are
/// in the folder `root`.
fn storages<'a>(members: &'a [Member], root: &str) -> HashMap<&'a str, (usize, &'a Member)> {
    let values = format!("{root}data/");
    members
        .iter()
        .enumerate()
        .filter_map(|(i, member)| Some((member.name.strip_prefix(&values)?, (i, member))))
        .collect()
}

/// Refuses files that are no zip archive, by the kind that their first bytes show.
fn check_kind(file: &str, first: &[u8], length: u64) -> Result<()> {
    match first {
        first if first.starts_with(ZIP) => Ok(()),
        first if first == LFS_POINTER => Err(Error::model(file, LFS_ADVICE)),
        // A pickle of PyTorch's magic number begins the format that versions before 1.6 wrote.
        [0x80, _, 0x8a, 0x0a, ..] => Err(Error::unsupported(
            file,
            "is in the format of PyTorch before 1.6; load it there and save it as safetensors",
        )),
        _ => Err(Error::model(
            file,
            format!("is no file of PyTorch's: its {length} bytes are no zip archive"),
        )),
    }
}

/// The bytes of a small member, or `None` as long as they have not come.
fn read_member(file: &str, member: &Member, read_at: ReadAt) -> Result<Option<Vec<u8>>> {
    let Member {
        name,
        record,
        size,
        is_stored,
    } = member;
    let malformed = |reason: String| Error::model(file, format!("{name} {reason}"));
    if *size > MAX_PICKLE {
        return Err(malformed(format!(
            "is {size} bytes; at most {MAX_PICKLE} are read"
        )));
    }
    if !is_stored {
        return Err(malformed("is compressed or encrypted".into()));
    }
    let Some(header) = read_at(*record, LOCAL_HEADER as u64)? else {
        return Ok(None);
    };
    let start = data_start(*record, &header).ok_or_else(|| malformed("is not where it should be".into()))?;
    read_at(start, *size)
}

/// The place of a tensor in one of the storages, which are given with their places in the archive.
fn place(
    name: &str,
    entry: &TensorEntry,
    storages: &HashMap<&str, (usize, &Member)>,
) -> Result<TensorPlace, PlaceError> {
    let float = entry.float().ok_or_else(|| {
        let kind = &entry.storage_type;
        PlaceError::Unsupported(format!(
            "tensor {name} is of {kind}; FloatStorage, HalfStorage and BFloat16Storage are supported"
        ))
    })?;
    let storage = &entry.storage;
    let Some(&(order, member)) = storages.get(storage.as_str()) else {
        return Err(PlaceError::Malformed(format!(
            "tensor {name} lies in the storage {storage}, which is missing"
        )));
    };
    if !member.is_stored {
        return Err(PlaceError::Malformed(format!(
            "{} is compressed or encrypted",
            member.name
        )));
    }
    let values = (member.size / float.size() as u64) as usize;
    let end = entry.end().filter(|end| *end <= values).ok_or_else(|| {
        PlaceError::Malformed(format!(
            "tensor {name} ends beyond its storage of {values} values"
        ))
    })?;
    // A view that repeats values, as `expand` makes them, could claim more than there are.
    let counted = entry
        .shape
        .iter()
        .try_fold(1usize, |all, size| all.checked_mul(*size));
    if counted.is_none_or(|count| count > end - entry.offset) {
        return Err(PlaceError::Malformed(format!(
            "tensor {name} is a view that repeats its values"
        )));
    }
    Ok(TensorPlace {
        float,
        shape: entry.shape.clone(),
        strides: (!entry.is_contiguous()).then(|| entry.strides.clone()),
        start: Start::InRecord {
            record: member.record,
            offset: (entry.offset * float.size()) as u64,
        },
        bytes: ((end - entry.offset) * float.size()) as u64,
        // PyTorch numbers storages as it meets them, but some versions sort them by the digits.
        rank: storage.parse().unwrap_or(order as u64),
    })
}
