//! JPEG within a TIFF. Today's (compression 7): each strip or tile is a JPEG of its own, without the tables that all share.
//! The old compression (6) is read as libtiff reads it: one JPEG of the whole image.
//!
//! As in libtiff, the TIFF and not the JPEG says which colors the components are.

use super::Samples;
use crate::Result;
use crate::image::decode::file::{File, StoredPixels};
use crate::image::decode::ifd::Ifd;
use crate::image::decode::jpeg::{self, ColorSpace, Container, Scale};
use crate::image::decoded::PixelLayout;

const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];
const STRIP_OFFSETS: u16 = 273;
const JPEG_OFFSET: u16 = 513;

/// Reads the image of an old file, whose JPEG lies at an offset of its own or is the first strip.
pub(super) fn read_old(file: &File, ifd: &Ifd, (width, height): (u32, u32)) -> Result<StoredPixels> {
    let whole = [JPEG_OFFSET, STRIP_OFFSETS].iter().find_map(|tag| {
        let start = usize::try_from(ifd.first_number(*tag)?).ok()?;
        file.bytes.get(start..).filter(|bytes| bytes.starts_with(&START))
    });
    let whole = whole.ok_or_else(|| file.unsupported("JPEG compression of the old kind, in parts"))?;
    let container = Container {
        colors: ColorSpace::YCbCr,
        smooth: false,
    };
    let pixels = jpeg::decode_in(whole, &file.limits, Scale::Full, Some(container))
        .map_err(|error| jpeg::explain(file, &error))?;
    if (pixels.width, pixels.height) != (width, height) {
        return Err(file.damaged(format_args!(
            "its JPEG is {}x{} pixels, but should be {width}x{height}",
            pixels.width, pixels.height
        )));
    }
    Ok(StoredPixels {
        width,
        height,
        layout: PixelLayout::Rgb8,
        data: pixels.data,
    })
}

/// Settings that the chunks of an image share.
pub(super) struct JpegChunks {
    /// Everything before the bytes of a chunk.
    head: Vec<u8>,
    colors: ColorSpace,
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
        if !samples.can_be_jpeg() {
            return Err(file.unsupported("JPEG compression of such pixels"));
        }
        let mut head = START.to_vec();
        let tables = tables.unwrap_or_default();
        let tables = tables.strip_prefix(&START).unwrap_or_default();
        head.extend_from_slice(tables.strip_suffix(&END).unwrap_or(tables));
        Ok(Self {
            head,
            colors: match samples.are_luma_and_chroma() {
                true => ColorSpace::YCbCr,
                false => ColorSpace::Stored,
            },
            width,
            channels: samples.channels_of_chunk(),
            most_pixels: width as u64 * height as u64,
        })
    }

    /// Fills `out` with the rows that `packed` stands for, and returns how many bytes that was.
    pub fn unpack(&self, file: &File, packed: &[u8], out: &mut [u8]) -> Result<usize> {
        let scan = packed.strip_prefix(&START).unwrap_or(packed);
        let bytes = [&self.head, scan].concat();
        let mut limits = file.limits;
        limits.max_pixels = limits.max_pixels.min(self.most_pixels);
        let container = Container {
            colors: self.colors,
            smooth: true,
        };
        let pixels = jpeg::decode_in(&bytes, &limits, Scale::Full, Some(container))
            .map_err(|error| jpeg::explain(file, &error))?;
        if (pixels.width as usize, pixels.channels) != (self.width, self.channels) {
            return Err(file.damaged(format_args!(
                "a strip or tile is a JPEG {} pixels wide of {} components, but should be {} wide of {}",
                pixels.width, pixels.channels, self.width, self.channels
            )));
        }
        let there = pixels.data.len().min(out.len());
        out[..there].copy_from_slice(&pixels.data[..there]);
        Ok(there)
    }
}
