//! TIFF's Zstandard compression: each strip or tile is a frame.

use crate::Result;
use crate::image::decode::file::File;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::fmt::Display;
use std::io::Read;

/// Bytes that are unpacked between two questions whether the decode is cancelled.
const STEP: usize = 1 << 17;
/// Bytes that a frame may hold besides those wanted, as that of a tile which goes on below the image.
const BEYOND: usize = 4 << 20;

/// Fills `out` with what `packed` stands for, and returns how many bytes that was.
pub(super) fn unpack(file: &File, mut packed: &[u8], out: &mut [u8]) -> Result<usize> {
    let broken =
        |reason: &dyn Display| file.damaged(format_args!("its Zstandard data are broken ({reason})"));
    let mut decoder = FrameDecoder::new();
    decoder.reset(&mut packed).map_err(|error| broken(&error))?;
    let mut filled = 0;
    // The decoder holds as many bytes as a frame says that it refers back to, but no more than it has decoded.
    for _ in 0..=(out.len() + BEYOND) / STEP {
        file.check_cancelled()?;
        let step = BlockDecodingStrategy::UptoBytes(STEP);
        let ended = decoder
            .decode_blocks(&mut packed, step)
            .map_err(|error| broken(&error))?;
        while let Ok(count @ 1..) = decoder.read(&mut out[filled..]) {
            filled += count;
        }
        if ended || filled == out.len() {
            return Ok(filled);
        }
    }
    Err(broken(&"a strip or tile goes on behind its end"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::format::Format;
    use crate::image::limits::Limits;

    /// A frame of blocks of one repeated byte each, of so many bytes, which refers back by up to `1 << 27` bytes.
    fn frame(blocks: &[u32]) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3];
        for (index, length) in blocks.iter().enumerate() {
            let last = u32::from(index + 1 == blocks.len());
            frame.extend_from_slice(&(length << 3 | 1 << 1 | last).to_le_bytes()[..3]);
            frame.push(index as u8);
        }
        frame
    }

    #[test]
    fn frames_are_read_as_far_as_wanted_and_no_farther_than_bounded() {
        let file = File {
            format: Format::Tiff,
            bytes: &[],
            limits: Limits::default(),
        };
        let read = |blocks: &[u32], count: usize| {
            let mut out = vec![9; count];
            unpack(&file, &frame(blocks), &mut out).map(|filled| (filled, out))
        };
        assert_eq!(read(&[3, 2], 5).unwrap(), (5, vec![0, 0, 0, 1, 1]));
        assert_eq!(read(&[3, 2], 4).unwrap(), (4, vec![0, 0, 0, 1]));
        assert_eq!(read(&[3, 2], 7).unwrap(), (5, vec![0, 0, 0, 1, 1, 9, 9]));
        // A frame of 32 MB, of which a few bytes are wanted.
        assert!(read(&[1 << 17; 256], 5).is_err());
        assert!(unpack(&file, &frame(&[3])[..8], &mut [0; 3]).is_err());
        assert!(unpack(&file, b"no frame", &mut [0; 3]).is_err());
    }
}
