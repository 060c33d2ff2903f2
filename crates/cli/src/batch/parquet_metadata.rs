//! A walk over the metadata of a Parquet file before its library reads them: structures in Thrift's compact protocol.
//!
//! The library takes memory for as many elements as a list claims, and passes over a list of truth values in as many
//! steps as it claims without a byte for any. A structure that this walk passes takes a byte at least for each step.

use super::varint;
use std::io::{Error, ErrorKind, Read, Result};

/// Structures, lists and maps within each other at most, as in the library.
const DEPTH: u8 = 64;
/// Types of fields and elements.
pub const TRUE: u8 = 1;
pub const FALSE: u8 = 2;
const BYTE: u8 = 3;
const INT16: u8 = 4;
pub const INT32: u8 = 5;
const INT64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
pub const STRUCTURE: u8 = 12;
const UUID: u8 = 13;

/// A field of the structure that is walked over, or of a structure that is a field of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Id of the structure that has the field: zero for the one that is walked over.
    pub outer: i16,
    /// Its id.
    pub id: i16,
    /// Its type.
    pub kind: u8,
    /// Its value, if it is a number of 32 bits; else zero.
    pub number: i32,
}

/// Walks over a structure and gives `take` its fields and those of structures within it, in the file's order. Returns the
/// length of the structure.
///
/// # Errors
/// Those of reading, the end of input within the structure, and a malformed structure or one with lists of booleans, and
/// those of `take`.
pub fn walk(input: impl Read, take: impl FnMut(Field) -> Result<()>) -> Result<u64> {
    let mut walk = Walk {
        input,
        length: 0,
        take,
    };
    walk.structure(DEPTH, 0)?;
    Ok(walk.length)
}

struct Walk<R, N> {
    input: R,
    length: u64,
    take: N,
}

impl<R: Read, N: FnMut(Field) -> Result<()>> Walk<R, N> {
    /// Passes over a structure that is the field `outer` of the one that is walked over.
    fn structure(&mut self, depth: u8, outer: i16) -> Result<()> {
        let is_reported = depth >= DEPTH - 1;
        let depth = depth.checked_sub(1).ok_or_else(malformed)?;
        let mut id = 0i16;
        loop {
            let head = self.byte()?;
            let kind = head & 15;
            if kind == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => i16::try_from(self.signed()?).ok(),
                more => id.checked_add(i16::from(more)),
            }
            .ok_or_else(malformed)?;
            let number = match kind {
                // The library drops the higher bits of a larger number.
                INT32 => i32::try_from(self.signed()?).map_err(|_| malformed())?,
                _ => 0,
            };
            if is_reported {
                (self.take)(Field {
                    outer,
                    id,
                    kind,
                    number,
                })?;
            }
            match kind {
                TRUE | FALSE | INT32 => {}
                STRUCTURE => self.structure(depth, id)?,
                _ => self.value(kind, depth)?,
            }
        }
    }

    /// Passes over a value; booleans, which take no byte here, are refused.
    fn value(&mut self, kind: u8, depth: u8) -> Result<()> {
        match kind {
            BYTE => self.skip(1),
            INT16 | INT32 | INT64 => self.unsigned().map(drop),
            DOUBLE => self.skip(8),
            BINARY => {
                let length = self.unsigned()?;
                self.skip(length)
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.unsigned()?,
                    count => u64::from(count),
                };
                self.values(count, &[head & 15], depth)
            }
            MAP => match self.unsigned()? {
                0 => Ok(()),
                count => {
                    let kinds = self.byte()?;
                    self.values(count, &[kinds >> 4, kinds & 15], depth)
                }
            },
            STRUCTURE => self.structure(depth, 0),
            UUID => self.skip(16),
            _ => Err(malformed()),
        }
    }

    fn values(&mut self, count: u64, kinds: &[u8], depth: u8) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(malformed)?;
        for _ in 0..count {
            for kind in kinds {
                self.value(*kind, depth)?;
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.input.read_exact(&mut byte)?;
        self.length += 1;
        Ok(byte[0])
    }

    fn skip(&mut self, count: u64) -> Result<()> {
        let passed = std::io::copy(&mut self.input.by_ref().take(count), &mut std::io::sink())?;
        self.length += passed;
        match passed == count {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn unsigned(&mut self) -> Result<u64> {
        varint::read(|| self.byte())?.ok_or_else(malformed)
    }

    /// A number whose lowest bit is its sign.
    fn signed(&mut self) -> Result<i64> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

fn malformed() -> Error {
    Error::new(ErrorKind::InvalidData, "its metadata are malformed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields of 32 bits by their ids, and their numbers.
    type Numbers = Vec<([i16; 2], i32)>;

    /// Length of a structure and its numbers of 32 bits, or none.
    fn walked(bytes: &[u8]) -> Option<(u64, Numbers)> {
        let mut numbers = Vec::new();
        let length = walk(bytes, |field| {
            if field.kind == INT32 {
                numbers.push(([field.outer, field.id], field.number));
            }
            Ok(())
        });
        Some((length.ok()?, numbers))
    }

    #[test]
    fn every_kind_of_field_is_passed_over() {
        let list = [0x19, 0x25, 2, 3];
        let fields: [(&[u8], Numbers); 10] = [
            (&[0x15, 3], vec![([0, 1], -2)]),
            (&[0x05, 40, 0x80, 1], vec![([0, 20], 64)]),
            (&[0x11, 0x12], vec![]),
            (&[0x13, 9, 0x14, 2, 0x16, 0x80, 0x80, 1], vec![]),
            (&[0x17, 1, 2, 3, 4, 5, 6, 7, 8], vec![]),
            (&[0x18, 3, b'a', b'b', b'c'], vec![]),
            (&list, vec![]),
            (&[0x1b, 1, 0x58, 7, 1, b'z', 0x1b, 0], vec![]),
            (&[0x5c, 0x15, 2, 0, 0x15, 4], vec![([5, 1], 1), ([0, 6], 2)]),
            // A list of structures, and a structure within one.
            (&[0x19, 0x1c, 0x15, 2, 0, 0x1c, 0x1c, 0x15, 2, 0, 0], vec![]),
        ];
        for (field, numbers) in fields {
            let bytes = [field, &[0], b"rest"].concat();
            let expected = (field.len() as u64 + 1, numbers);
            assert_eq!(walked(&bytes), Some(expected), "{field:?}");
            assert_eq!(walked(field), None, "{field:?} without its end");
        }
    }

    #[test]
    fn claims_without_bytes_are_refused() {
        let truths = [0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 7, 0];
        let map_of_truths = [0x1b, 0xff, 0xff, 0xff, 0xff, 7, 0x11, 0];
        let long_list = [0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 7, 0];
        let long_text = [0x18, 0xff, 0xff, 0xff, 0xff, 7, 0];
        let nested = [0x1c; 100];
        let of_lists = [&[0x19][..], &[0x19; 100]].concat();
        let endless_number = [
            0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0,
        ];
        for bytes in [
            &truths[..],
            &map_of_truths,
            &long_list,
            &long_text,
            &nested,
            &of_lists,
            &endless_number,
            // A number of 33 bits, an id of 17, and one that grows beyond 16.
            &[0x15, 0x80, 0x80, 0x80, 0x80, 0x20, 0],
            &[0x05, 0x80, 0x80, 0x08, 2, 0],
            &[0x05, 0xfe, 0xff, 0x03, 2, 0x15, 2, 0],
        ] {
            assert_eq!(walked(bytes), None, "{bytes:?}");
        }
    }
}
