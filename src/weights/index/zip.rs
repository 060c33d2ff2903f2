//! The directory of a zip archive, as far as PyTorch's files need it: members that are stored as they are.
//!
//! Fields are those of PKWARE's APPNOTE 6.3: the end record (4.3.16), its 64-bit form (4.3.14), the directory (4.3.12),
//! and the record before each member (4.3.7), whose length only that record tells.

use crate::error::{Error, Result};

use super::ReadAt;

/// Bytes of a member's record without its name and extra field.
pub const LOCAL_HEADER: usize = 30;
const END_RECORD: usize = 22;
const LOCATOR: usize = 20;
const END_RECORD_64: usize = 56;
const ENTRY: usize = 46;
/// An archive ends with its end record and a comment of at most 65,535 bytes.
const MAX_TAIL: u64 = (END_RECORD + LOCATOR + END_RECORD_64) as u64 + 65_535;
/// Longest directory read, in bytes; that of the largest CLIP is under 200 KB.
const MAX_DIRECTORY: u64 = 16 << 20;
/// Stands in 32-bit fields whose value is in the 64-bit extra field.
const IN_EXTRA: u64 = 0xffff_ffff;

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// First byte of its record.
    pub record: u64,
    /// Bytes of its data.
    pub size: u64,
    /// False where it is compressed or encrypted.
    pub is_stored: bool,
}

/// The members of an archive of `length` bytes, or `None` as long as its directory has not come.
///
/// # Errors
/// [`Error::Model`] for an archive that is cut or malformed.
pub fn members(file: &str, length: u64, read_at: ReadAt) -> Result<Option<Vec<Member>>> {
    let malformed = |reason: &str| Error::model(file, format!("bad zip archive: {reason}"));
    let Some((start, size)) = directory(file, length, read_at)? else {
        return Ok(None);
    };
    if size > MAX_DIRECTORY {
        return Err(malformed(&format!(
            "its directory is {size} bytes; at most {MAX_DIRECTORY} are read"
        )));
    }
    if start.checked_add(size).is_none_or(|end| end > length) {
        return Err(malformed("its directory is beyond its end"));
    }
    let Some(directory) = read_at(start, size)? else {
        return Ok(None);
    };
    let members = entries(&directory).ok_or_else(|| malformed("its directory is damaged"))?;
    let is_within = |member: &Member| {
        let data = member.record.checked_add(LOCAL_HEADER as u64);
        data.and_then(|data| data.checked_add(member.size))
            .is_some_and(|end| end <= length)
    };
    match members.iter().find(|member| !is_within(member)) {
        Some(member) => Err(malformed(&format!("{} is beyond its end", member.name))),
        None => Ok(Some(members)),
    }
}

/// Start and length of the directory, or `None` as long as the end of the archive has not come.
fn directory(file: &str, length: u64, read_at: ReadAt) -> Result<Option<(u64, u64)>> {
    let malformed = |reason: &str| Error::model(file, format!("bad zip archive: {reason}"));
    let tail_start = length.saturating_sub(MAX_TAIL);
    let Some(tail) = read_at(tail_start, length - tail_start)? else {
        return Ok(None);
    };
    // Such bytes within a comment are no end record, since the comment behind them would not end with the archive.
    let is_end = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(b"PK\x05\x06") && END_RECORD + u16_at(record, 20) == record.len()
    };
    let places = tail.len().checked_sub(END_RECORD).map_or(0, |last| last + 1);
    let end = (0..places).rev().find(is_end);
    let end = end.ok_or_else(|| malformed("its end is missing; the file was cut"))?;
    let (mut size, mut start) = (u32_at(&tail, end + 12), u32_at(&tail, end + 16));
    if let Some(locator) = end
        .checked_sub(LOCATOR)
        .filter(|at| tail[*at..].starts_with(b"PK\x06\x07"))
    {
        let at = u64_at(&tail, locator + 8);
        let within = at
            .checked_add(END_RECORD_64 as u64)
            .is_some_and(|end| end <= length);
        if !within {
            return Err(malformed("its 64-bit end record is beyond its end"));
        }
        let Some(record) = read_at(at, END_RECORD_64 as u64)? else {
            return Ok(None);
        };
        if !record.starts_with(b"PK\x06\x06") {
            return Err(malformed("its 64-bit end record is missing"));
        }
        (size, start) = (u64_at(&record, 40), u64_at(&record, 48));
    }
    Ok(Some((start, size)))
}

/// The entries of a directory; `None` for one that is damaged.
fn entries(mut directory: &[u8]) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    while !directory.is_empty() {
        let (entry, rest) = directory.split_at_checked(ENTRY)?;
        if !entry.starts_with(b"PK\x01\x02") {
            return None;
        }
        let (flags, method) = (u16_at(entry, 8), u16_at(entry, 10));
        let (name, rest) = rest.split_at_checked(u16_at(entry, 28))?;
        let (extra, rest) = rest.split_at_checked(u16_at(entry, 30))?;
        let (_comment, rest) = rest.split_at_checked(u16_at(entry, 32))?;
        // In the extra field stand, in this order, those of the three that do not fit 32 bits.
        let mut wide = wide_fields(extra);
        let mut field = |at: usize| match u32_at(entry, at) {
            IN_EXTRA => wide.next(),
            value => Some(value),
        };
        let (size, _packed, record) = (field(24)?, field(20)?, field(42)?);
        members.push(Member {
            name: String::from_utf8_lossy(name).into_owned(),
            record,
            size,
            is_stored: method == 0 && flags & 1 == 0,
        });
        directory = rest;
    }
    Some(members)
}

/// The 64-bit numbers of the extra field that holds them.
fn wide_fields(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut found: &[u8] = &[];
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let Some((body, rest)) = rest.split_at_checked(u16_at(head, 2)) else {
            break;
        };
        if u16_at(head, 0) == 1 {
            found = body;
        }
        extra = rest;
    }
    let numbers = found.as_chunks::<8>().0.iter();
    numbers.map(|bytes| u64::from_le_bytes(*bytes))
}

/// The byte at which the data of a member begins, by the first [`LOCAL_HEADER`] bytes of its record, which starts at
/// the byte `record`; `None` where those are no record.
pub fn data_start(record: u64, header: &[u8]) -> Option<u64> {
    let header = header.get(..LOCAL_HEADER)?;
    let is_record = header.starts_with(b"PK\x03\x04");
    let behind = LOCAL_HEADER + u16_at(header, 26) + u16_at(header, 28);
    is_record.then_some(record + behind as u64)
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i])))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An archive of one stored member, as the format's description has it.
    fn archive(comment: &[u8]) -> Vec<u8> {
        let (name, data) = (&b"a/data.pkl"[..], &b"values"[..]);
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.extend([0; 22]);
        bytes.extend([name.len() as u8, 0, 3, 0]);
        bytes.extend([name, b"pad", data].concat());
        let directory = bytes.len() as u32;
        bytes.extend(b"PK\x01\x02");
        bytes.extend([0; 16]);
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend([name.len() as u8, 0]);
        bytes.extend([0; 16]);
        bytes.extend(name);
        let size = bytes.len() as u32 - directory;
        bytes.extend(b"PK\x05\x06");
        bytes.extend([0; 8]);
        bytes.extend(size.to_le_bytes());
        bytes.extend(directory.to_le_bytes());
        bytes.extend([comment.len() as u8, 0]);
        bytes.extend(comment);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<Member>> {
        let mut read_at = |start: u64, length: u64| {
            let start = start as usize;
            Ok(Some(bytes[start..start + length as usize].to_vec()))
        };
        Ok(members("a.bin", bytes.len() as u64, &mut read_at)?.unwrap())
    }

    #[test]
    fn members_and_their_data_are_found() {
        for comment in [&b""[..], b"some PK\x05\x06 comment of sufficient length"] {
            let bytes = archive(comment);
            let found = read(&bytes).unwrap();
            let [member] = &found[..] else {
                panic!("one member");
            };
            assert_eq!(
                (member.name.as_str(), member.size, member.is_stored),
                ("a/data.pkl", 6, true)
            );
            let start = data_start(member.record, &bytes).unwrap() as usize;
            assert_eq!(&bytes[start..start + 6], b"values");
        }
    }

    #[test]
    fn cut_and_damaged_archives_are_refused() {
        let good = archive(b"");
        for cut in 0..good.len() {
            assert!(read(&good[..cut]).is_err(), "cut at {cut}");
        }
        assert_eq!(data_start(0, b"PK\x01\x02 and what follows, long enough"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0..archive(b"").len(), byte: u8, more: u8) {
            let mut bytes = archive(b"");
            bytes[at] = byte;
            bytes.push(more);
            let _ = read(&bytes);
            bytes.pop();
            let _ = read(&bytes);
        }
    }
}
