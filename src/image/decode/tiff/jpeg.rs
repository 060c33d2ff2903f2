//! JPEG within a TIFF (compression 7): each strip or tile is a JPEG of its own, without the tables that all share.
//!
//! As in libtiff, the TIFF and not the JPEG says which colors the components are.

use super::Samples;
use crate::Result;
use crate::image::decode::file::File;
use crate::image::decode::jpeg::{self, Scale};

const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];
/// Adobe's marker up to its last byte, which says how colors are stored: 0 as they are, 1 as luma and chroma.
const ADOBE: [u8; 15] = *b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00";

/// Settings that the chunks of an image share.
pub(super) struct JpegChunks {
    /// Everything before the bytes of a chunk.
    head: Vec<u8>,
    /// Width of a chunk in pixels, and samples of a pixel in it.
    width: usize,
    channels: usize,
    /// Pixels of the largest chunk.
    most_pixels: u64,
}

impl JpegChunks {
    /// `tables` is the content of tag 347, a JPEG without an image.
    pub fn new(
        file: &File,
        tables: Option<&[u8]>,
        samples: &Samples,
        (width, height): (usize, usize),
    ) -> Result<Self> {
        let channels = samples.channels_of_chunk();
        if !samples.can_be_jpeg() {
            return Err(file.unsupported("JPEG compression of such pixels"));
        }
        let mut head = START.to_vec();
        if channels == 3 {
            head.extend(ADOBE);
            head.push(u8::from(samples.are_luma_and_chroma()));
        }
        let tables = tables.unwrap_or_default();
        let tables = tables.strip_prefix(&START).unwrap_or_default();
        head.extend_from_slice(tables.strip_suffix(&END).unwrap_or(tables));
        Ok(Self {
            head,
            width,
            channels,
            most_pixels: width as u64 * height as u64,
        })
    }

    /// Fills `out` with the rows that `packed` stands for, and returns how many bytes that was.
    pub fn unpack(&self, file: &File, packed: &[u8], out: &mut [u8]) -> Result<usize> {
        let scan = packed.strip_prefix(&START).unwrap_or(packed);
        let bytes = [&self.head, scan].concat();
        let mut limits = file.limits;
        limits.max_pixels = limits.max_pixels.min(self.most_pixels);
        let pixels =
            jpeg::decode(&bytes, &limits, Scale::Full).map_err(|error| jpeg::explain(file, &error))?;
        let channels = if pixels.gray { 1 } else { 3 };
        if pixels.width as usize != self.width || channels != self.channels {
            return Err(file.damaged(format_args!(
                "a strip or tile is a JPEG {} pixels wide of {channels} components, but should be {} wide of {}",
                pixels.width, self.width, self.channels
            )));
        }
        let there = pixels.data.len().min(out.len());
        out[..there].copy_from_slice(&pixels.data[..there]);
        Ok(there)
    }
}
