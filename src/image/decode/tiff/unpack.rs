//! TIFF's compressions.

use super::fax::{fax3, fax3_of_two_dimensions, fax4, run_lengths};
use super::jpeg::JpegChunks;
use super::predictor::Predictor;
use super::{xz, zstd};
use crate::Result;
use crate::image::decode::file::File;
use std::borrow::Cow;
use weezl::{BitOrder, LzwStatus};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Lzw,
    Deflate,
    PackBits,
    /// CCITT's run lengths, group 3 in one and in two dimensions, and group 4.
    FaxRuns,
    Fax3,
    Fax3Of2,
    Fax4,
    Jpeg,
    /// Of the whole image, not of its strips.
    OldJpeg,
    Lzma,
    Zstandard,
}

impl Compression {
    /// By the value of tag 259, and of tag 292 for faxes.
    pub fn new(file: &File, code: u64, options: u64) -> Result<Self> {
        Ok(match code {
            1 => Self::None,
            5 => Self::Lzw,
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            2 => Self::FaxRuns,
            // The lowest bit of the options says that lines depend on those before.
            3 if options & 1 == 0 => Self::Fax3,
            3 => Self::Fax3Of2,
            4 => Self::Fax4,
            6 => Self::OldJpeg,
            7 => Self::Jpeg,
            34925 => Self::Lzma,
            50000 => Self::Zstandard,
            50001 => return Err(file.unsupported("WebP compression")),
            _ => return Err(file.unsupported(format_args!("compression {code}"))),
        })
    }

    /// No byte of the file stands for more than so many of the image.
    pub fn best_ratio(self) -> u64 {
        match self {
            Self::None => 1,
            // Two bytes repeat one 128 times.
            Self::PackBits => 64,
            // Deflate's longest match is 258 bytes for 2 bits.
            Self::Deflate => 1032,
            // LZW's longest code stands for at most so many bytes, and is 12 bits.
            Self::Lzw => 4096,
            // A bit repeats a line of up to 65535 pixels.
            Self::FaxRuns | Self::Fax3 | Self::Fax3Of2 | Self::Fax4 => 1 << 16,
            // Three blocks of 64 pixels that are like those before take a bit or two each.
            Self::Jpeg | Self::OldJpeg => 4096,
            // The longest match is 273 bytes, whose dozen choices take a 45th of a bit each where all are as expected.
            Self::Lzma => 1 << 13,
            // A block of 128 kB of the same byte takes four.
            Self::Zstandard => 1 << 15,
        }
    }
}

/// Unpacks chunk after chunk into the same memory.
pub(super) struct Unpacker {
    pub compression: Compression,
    /// For JPEG: what its chunks share.
    pub jpeg: Option<JpegChunks>,
    /// True where the lowest bit of a byte comes first.
    pub backwards: bool,
    pub predictor: Predictor,
    /// Bytes and pixels of a row of a chunk.
    pub row: (usize, usize),
    /// Packed bytes that may still be read: chunks may share the bytes of the file, but not all of them all bytes.
    pub budget: u64,
    pub bytes: Vec<u8>,
}

impl Unpacker {
    /// Appends the first `count` bytes that `packed` stands for.
    pub fn append(&mut self, file: &File, packed: &[u8], count: usize) -> Result<()> {
        // Memory is taken only for what the packed bytes can hold.
        let most = (packed.len() as u64).saturating_mul(self.compression.best_ratio());
        if (count as u64) > most {
            return Err(file.ends_early());
        }
        let packed = match self.compression {
            Compression::None => &packed[..count.min(packed.len())],
            _ => packed,
        };
        self.budget = match self.budget.checked_sub(packed.len() as u64) {
            Some(left) => left,
            None => return Err(file.damaged("its strips share the same bytes too often")),
        };
        if self.bytes.try_reserve(count).is_err() {
            return Err(file.damaged(format_args!(
                "a strip of {count} bytes is more than there is memory for"
            )));
        }
        let packed = if self.backwards {
            Cow::Owned(packed.iter().map(|byte| byte.reverse_bits()).collect())
        } else {
            Cow::Borrowed(packed)
        };
        let start = self.bytes.len();
        self.bytes.resize(start + count, 0);
        let out = &mut self.bytes[start..];
        let filled = match self.compression {
            Compression::None => {
                let there = packed.len().min(count);
                out[..there].copy_from_slice(&packed[..there]);
                there
            }
            Compression::PackBits => pack_bits(&packed, out),
            Compression::Lzw => lzw(&packed, out),
            Compression::Deflate => deflate(file, &packed, out)?,
            Compression::FaxRuns => run_lengths(file, &packed, self.row, out)?,
            Compression::Fax3 => fax3(&packed, self.row, out),
            Compression::Fax3Of2 => fax3_of_two_dimensions(file, &packed, self.row, out)?,
            Compression::Fax4 => fax4(file, &packed, self.row, out)?,
            Compression::Jpeg | Compression::OldJpeg => match &self.jpeg {
                Some(jpeg) => jpeg.unpack(file, &packed, out)?,
                None => 0,
            },
            Compression::Lzma => xz::unpack(file, &packed, out)?,
            Compression::Zstandard => zstd::unpack(file, &packed, out)?,
        };
        if filled < count {
            return Err(file.ends_early());
        }
        Ok(())
    }
}

/// Fills `out` with what runs of bytes stand for, and returns how many bytes that was.
fn pack_bits(mut packed: &[u8], out: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < out.len()
        && let Some((head, rest)) = packed.split_first()
    {
        let room = &mut out[filled..];
        match *head {
            // No operation.
            128 => packed = rest,
            head @ 0..=127 => {
                let count = (usize::from(head) + 1).min(rest.len());
                let fits = count.min(room.len());
                room[..fits].copy_from_slice(&rest[..fits]);
                packed = &rest[count..];
                filled += fits;
            }
            head @ 129.. => {
                let Some((byte, rest)) = rest.split_first() else {
                    break;
                };
                let fits = (257 - usize::from(head)).min(room.len());
                room[..fits].fill(*byte);
                packed = rest;
                filled += fits;
            }
        }
    }
    filled
}

fn lzw(mut packed: &[u8], out: &mut [u8]) -> usize {
    // Files of old libraries, with codes the other way round, begin with a code of nine bits that clears the table.
    let old = packed.len() >= 2 && packed[0] == 0 && packed[1] & 1 == 1;
    let mut decoder = if old {
        weezl::decode::Decoder::new(BitOrder::Lsb, 8)
    } else {
        weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8)
    };
    let mut filled = 0;
    while filled < out.len() {
        let result = decoder.decode_bytes(packed, &mut out[filled..]);
        packed = &packed[result.consumed_in..];
        filled += result.consumed_out;
        let stuck = result.consumed_in == 0 && result.consumed_out == 0;
        if stuck || !matches!(result.status, Ok(LzwStatus::Ok)) {
            break;
        }
    }
    filled
}

fn deflate(file: &File, mut packed: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut decoder = fdeflate::Decompressor::new();
    decoder.ignore_adler32();
    let mut filled = 0;
    while filled < out.len() && !decoder.is_done() {
        file.check_cancelled()?;
        match decoder.read(packed, out, filled, false) {
            Ok((0, 0)) => break,
            Ok((taken, given)) => {
                packed = &packed[taken..];
                filled += given;
            }
            Err(error) => return Err(file.damaged(format_args!("its deflated data are broken ({error:?})"))),
        }
    }
    Ok(filled)
}
