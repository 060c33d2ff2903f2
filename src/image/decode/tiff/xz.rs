//! TIFF's LZMA compression: each strip or tile is a file of the xz format, of one block. Its checksums are not looked at.

use crate::Result;
use crate::image::decode::file::File;
use lzma_rust2::Lzma2Reader;
use std::io::Read;

const SIGNATURE: &[u8; 6] = b"\xfd7zXZ\0";
/// Bytes of the signature, the flags and their checksum.
const HEADER: usize = 12;
const DELTA: u64 = 3;
const LZMA2: u64 = 0x21;
/// Bytes between two questions whether the decode is cancelled.
const STEP: usize = 1 << 16;
/// The smallest dictionary that the decoder takes, in bytes.
const SMALLEST_DICTIONARY: u32 = 1 << 12;

/// The settings of a block.
struct Block<'p> {
    /// Distances of the delta filters, in bytes, in the order of the file.
    deltas: Vec<usize>,
    /// Bytes of the dictionary that the encoder had.
    dictionary: u32,
    data: &'p [u8],
}

/// Fills `out` with what `packed` stands for, and returns how many bytes that was.
pub(super) fn unpack(file: &File, packed: &[u8], out: &mut [u8]) -> Result<usize> {
    let broken =
        |reason: &dyn std::fmt::Display| file.damaged(format_args!("its LZMA data are broken ({reason})"));
    let block = block(packed).ok_or_else(|| broken(&"its header"))?;
    // No byte is farther away than the first, so that no more memory is taken than for the bytes wanted.
    let most = u32::try_from(out.len()).unwrap_or(u32::MAX);
    let dictionary = block.dictionary.min(most).max(SMALLEST_DICTIONARY);
    let mut reader = Lzma2Reader::new(block.data, dictionary, None);
    let mut filled = 0;
    while filled < out.len() {
        file.check_cancelled()?;
        let end = out.len().min(filled + STEP);
        match reader.read(&mut out[filled..end]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => return Err(broken(&error)),
        }
    }
    // The filter that was applied last is undone first.
    for distance in block.deltas.into_iter().rev() {
        for at in distance..filled {
            out[at] = out[at].wrapping_add(out[at - distance]);
        }
    }
    Ok(filled)
}

/// Reads the headers of a file and of its first block, if they are whole and name filters that are known.
fn block(packed: &[u8]) -> Option<Block<'_>> {
    let rest = packed.strip_prefix(SIGNATURE)?.get(HEADER - SIGNATURE.len()..)?;
    // The length in units of four bytes, less one; none for a file without blocks.
    let length = 4 * (usize::from(*rest.first().filter(|length| **length > 0)?) + 1);
    let (head, data) = rest.split_at_checked(length)?;
    let mut head = &head[1..length - 4];
    let flags = take(&mut head, 1)?[0];
    // The lengths of the block, packed and not.
    for flag in [0x40, 0x80] {
        if flags & flag != 0 {
            number(&mut head)?;
        }
    }
    let mut block = Block {
        deltas: Vec::new(),
        dictionary: 0,
        data,
    };
    let filters = flags & 3;
    for index in 0..=filters {
        let (name, length) = (number(&mut head)?, number(&mut head)?);
        match (name, take(&mut head, usize::try_from(length).ok()?)?) {
            (DELTA, [distance]) if index < filters => block.deltas.push(usize::from(*distance) + 1),
            (LZMA2, [size]) if index == filters => block.dictionary = dictionary(*size)?,
            _ => return None,
        }
    }
    Some(block)
}

/// The bytes of a dictionary: powers of two, and those and a half, from 4 kB on.
fn dictionary(size: u8) -> Option<u32> {
    match size {
        0..40 => Some((2 | u32::from(size & 1)) << (size / 2 + 11)),
        40 => Some(u32::MAX),
        _ => None,
    }
}

fn take<'h>(head: &mut &'h [u8], count: usize) -> Option<&'h [u8]> {
    let (taken, rest) = head.split_at_checked(count)?;
    *head = rest;
    Some(taken)
}

/// A number of seven bits a byte, the lowest first.
fn number(head: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = take(head, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_powers_of_two_and_those_and_a_half() {
        let sizes: Vec<_> = [0, 1, 2, 39, 40, 41].map(dictionary).to_vec();
        let wanted = [
            Some(4096),
            Some(6144),
            Some(8192),
            Some(3 << 30),
            Some(u32::MAX),
            None,
        ];
        assert_eq!(sizes, wanted);
    }

    #[test]
    fn headers_that_are_cut_or_name_other_filters_are_none() {
        let head = [2, 1, 3, 1, 2, 0x21, 1, 0, 0, 0, 0, 0];
        let file = [&SIGNATURE[..], &[0; 6], &head, b"data"].concat();
        let whole = block(&file).unwrap();
        assert_eq!(
            (whole.deltas, whole.dictionary, whole.data),
            (vec![3], 4096, &b"data"[..])
        );
        for end in 0..file.len() - 4 {
            assert!(block(&file[..end]).is_none(), "{end}");
        }
        let with = |at: usize, byte: u8| {
            let mut file = file.clone();
            file[HEADER + at] = byte;
            block(&file).is_none()
        };
        // No block; a filter for processors' code; LZMA2 that is not last; a dictionary of no known size.
        assert!(with(0, 0) && with(2, 4) && with(1, 0x02) && with(7, 41));
    }
}
