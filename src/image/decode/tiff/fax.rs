//! TIFF's fax compressions: lines of black and white by the tables of CCITT's recommendations T.4 and T.6, which are those
//! of the crate `fax`.

use crate::Result;
use crate::image::decode::file::File;
use fax::decoder::{DecodeStatus, Group4Decoder, decode_g3};
use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};
use std::convert::Infallible;

/// Zeros before the one that ends a line, at least.
const END_OF_LINE: usize = 11;

/// Fills rows of `out`, `row_bytes` long and `width` pixels wide, with lines of run lengths, each of whole bytes.
pub(super) fn run_lengths(
    file: &File,
    packed: &[u8],
    (row_bytes, width): (usize, usize),
    out: &mut [u8],
) -> Result<usize> {
    let mut bits = bits(packed);
    fill_rows(file, (row_bytes, width), out, |_, changes| {
        runs(&mut bits, width, changes)?;
        let rest = bits.bits_to_byte_boundary();
        let Ok(()) = bits.consume(rest);
        Some(())
    })
}

/// Fills rows of `out` with lines of which each says whether it depends on that before.
pub(super) fn fax3_of_two_dimensions(
    file: &File,
    packed: &[u8],
    (row_bytes, width): (usize, usize),
    out: &mut [u8],
) -> Result<usize> {
    let mut bits = bits(packed);
    fill_rows(file, (row_bytes, width), out, |above, changes| {
        let mut zeros = 0;
        while bits.peek(1)? == 0 {
            zeros += 1;
            let Ok(()) = bits.consume(1);
        }
        let stands_alone = bits.peek(2)? & 1 == 1;
        let Ok(()) = bits.consume(2);
        match stands_alone {
            _ if zeros < END_OF_LINE => None,
            true => runs(&mut bits, width, changes),
            false => differences(&mut bits, width, above, changes),
        }
    })
}

/// Fills rows of `out` with lines. `read` is given the columns where the color changes in the line before, and writes
/// those of the next; none for a line that is broken.
fn fill_rows(
    file: &File,
    (row_bytes, width): (usize, usize),
    out: &mut [u8],
    mut read: impl FnMut(&[u16], &mut Vec<u16>) -> Option<()>,
) -> Result<usize> {
    let (mut above, mut changes) = (Vec::new(), Vec::new());
    for row in out.chunks_exact_mut(row_bytes) {
        file.check_cancelled()?;
        read(&above, &mut changes).ok_or_else(|| broken_line(file))?;
        write_line(&changes, width, row);
        std::mem::swap(&mut above, &mut changes);
    }
    Ok(out.len())
}

fn broken_line(file: &File) -> crate::Error {
    file.damaged("a line of its fax data is broken")
}

/// Bits of bytes, and some zeros, since codes are looked up by more bits than they have.
fn bits(packed: &[u8]) -> ByteReader<impl Iterator<Item = std::result::Result<u8, Infallible>>> {
    let Ok(bits) = ByteReader::new(packed.iter().chain(&[0; 4]).map(|byte| Ok(*byte)));
    bits
}

/// The columns where the color changes, white first, of a line of run lengths.
fn runs(bits: &mut impl BitReader, width: usize, changes: &mut Vec<u16>) -> Option<()> {
    changes.clear();
    let (mut at, mut is_black) = (0, false);
    while usize::from(at) < width {
        at = run(bits, is_black)?.checked_add(at)?;
        changes.push(at);
        is_black = !is_black;
    }
    Some(())
}

/// The length of a run: codes of multiples of 64, then that of the rest.
fn run(bits: &mut impl BitReader, is_black: bool) -> Option<u16> {
    let mut length = 0u16;
    loop {
        let part = match is_black {
            true => black::decode(bits),
            false => white::decode(bits),
        }?;
        length = length.checked_add(part)?;
        if part < 64 {
            return Some(length);
        }
    }
}

/// The columns where the color changes of a line that is coded by its differences from the line `above`.
fn differences(bits: &mut impl BitReader, width: usize, above: &[u16], changes: &mut Vec<u16>) -> Option<()> {
    changes.clear();
    let width = u16::try_from(width).ok()?;
    // None before the first pixel.
    let mut at: Option<u16> = None;
    let mut is_black = false;
    while at.is_none_or(|at| at < width) {
        // The next change above to the other color, and the one behind it.
        let next = above.partition_point(|change| at.is_some_and(|at| *change <= at));
        let next = next + usize::from(next % 2 != usize::from(is_black));
        let of_above = |index: usize| above.get(index).map_or(width, |change| (*change).min(width));
        let here = at.unwrap_or(0);
        match mode::decode(bits)? {
            Mode::Pass => at = Some(of_above(next + 1)),
            Mode::Vertical(by) => {
                let change = of_above(next).checked_add_signed(i16::from(by))?;
                if change < here {
                    return None;
                }
                changes.push(change);
                at = Some(change);
                is_black = !is_black;
            }
            Mode::Horizontal => {
                let first = run(bits, is_black)?.checked_add(here)?;
                let second = run(bits, !is_black)?.checked_add(first)?;
                changes.extend([first, second]);
                at = Some(second);
            }
            Mode::Extension | Mode::EOF => return None,
        }
    }
    Some(())
}

/// Fills rows of `out`, of so many bytes and pixels, with lines that depend on those before; the last may be left out
/// where they are white.
pub(super) fn fax4(
    file: &File,
    packed: &[u8],
    (row_bytes, width): (usize, usize),
    out: &mut [u8],
) -> Result<usize> {
    let filled = out.len();
    // Codes are looked up by more bits than they have.
    let bytes = packed.iter().chain(&[0]).map(|byte| Ok::<_, Infallible>(*byte));
    let decoder = u16::try_from(width).map(|width| Group4Decoder::new(bytes, width));
    let Ok(Ok(mut decoder)) = decoder else {
        return Err(file.unsupported(format_args!("fax lines of {width} pixels")));
    };
    for row in out.chunks_exact_mut(row_bytes) {
        file.check_cancelled()?;
        match decoder.advance() {
            Ok(DecodeStatus::Incomplete) => write_line(decoder.transition(), width, row),
            Ok(DecodeStatus::End) => break,
            Err(_) => return Err(broken_line(file)),
        }
    }
    Ok(filled)
}

/// Fills rows of `out` with lines that stand for themselves, and returns how many bytes that was.
pub(super) fn fax3(packed: &[u8], (row_bytes, width): (usize, usize), out: &mut [u8]) -> usize {
    let mut rows = out.chunks_exact_mut(row_bytes);
    let mut filled = 0;
    // The decoder expects a code for the end of each line; one is appended for the last. The end of data within a line is
    // no error of the lines before.
    let ended = packed.iter().chain(&[0, 1]).copied();
    let _ = decode_g3(ended, |line| {
        if let Some(row) = rows.next() {
            write_line(line, width, row);
            filled += row_bytes;
        }
    });
    filled
}

/// Sets the bits of black pixels; `changes` are the columns where the color changes, white first.
fn write_line(changes: &[u16], width: usize, row: &mut [u8]) {
    for black in changes.chunks(2).filter(|pair| !pair.is_empty()) {
        // The first of each pair begins white, and ends it where black begins.
        let start = usize::from(black[0]).min(width);
        let end = black.get(1).map_or(width, |end| usize::from(*end).min(width));
        for x in start..end {
            row[x / 8] |= 0x80 >> (x % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::format::Format;
    use crate::image::limits::Limits;

    #[test]
    fn lines_without_an_end_of_data_are_read() {
        let file = File {
            format: Format::Tiff,
            bytes: &[],
            limits: Limits::default(),
        };
        // Three white lines, of a bit each.
        let mut out = [0; 3];
        assert_eq!(fax4(&file, &[0xe0], (1, 8), &mut out).unwrap(), 3);
        assert_eq!(out, [0; 3]);
        // An extension, which no image has.
        assert!(fax4(&file, &[0x02], (1, 8), &mut out).is_err());
    }
}
