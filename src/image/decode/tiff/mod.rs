//! TIFF and BigTIFF: the first image of the file, in strips or tiles, of either byte order.
//!
//! Read here and not by a library: those there are refuse palettes and more, and hold an image whole. Each strip or
//! tile is written to the canvas as soon as it is unpacked, so an image of any size takes little memory.

mod chunks;
mod fax;
mod jpeg;
mod lab;
mod predictor;
mod samples;
mod unpack;
mod xz;
mod zstd;

use super::canvas::Canvas;
use super::file::File;
use super::ifd::Ifd;
use super::orientation;
use crate::Result;
use crate::image::decoded::DecodedImage;
use chunks::Grid;
use jpeg::JpegChunks;
use predictor::Predictor;
use samples::Samples;
use unpack::{Compression, Unpacker};

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const COMPRESSION: u16 = 259;
const FILL_ORDER: u16 = 266;
const FAX_OPTIONS: u16 = 292;
const PREDICTOR: u16 = 317;
const JPEG_TABLES: u16 = 347;
const XMP: u16 = 700;
/// Bytes that an unpacked strip or tile may take in any image, for each pixel of the image, and for each byte of the
/// file.
const CHUNK_BYTES: u64 = 4 << 20;
const CHUNK_BYTES_PER_PIXEL: u64 = 8;
const CHUNK_BYTES_PER_BYTE: u64 = 4;
/// Times that packed bytes may be read, for each byte of the file and each pixel.
const PACKED_READS: u64 = 8;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let ifd = Ifd::first(file.bytes).ok_or_else(|| file.ends_early())?;
    let number = |tag, default| ifd.first_number(tag).unwrap_or(default);
    let side = |tag| u32::try_from(number(tag, 0)).unwrap_or(0);
    let (width, height) = (side(WIDTH), side(HEIGHT));
    let compression = Compression::new(file, number(COMPRESSION, 1), number(FAX_OPTIONS, 0))?;
    let orientation = orientation::find(Some(file.bytes), ifd.data(XMP));
    if compression == Compression::OldJpeg {
        file.check_size(width, height, |pixels| pixels / compression.best_ratio())?;
        return Ok(jpeg::read_old(file, &ifd, (width, height))?.turned(orientation));
    }
    let samples = Samples::new(file, &ifd, compression)?;
    let bits = samples.bits_per_pixel();
    file.check_size(width, height, |pixels| {
        pixels.saturating_mul(bits) / 8 / compression.best_ratio()
    })?;

    let grid = Grid::new(file, &ifd, (width as usize, height as usize), &samples)?;
    let (length, pixels) = (file.bytes.len() as u64, u64::from(width) * u64::from(height));
    let unpacked = grid.unpacked_bytes() as u64;
    if unpacked > length.saturating_mul(compression.best_ratio()) {
        return Err(file.ends_early());
    }
    if unpacked > CHUNK_BYTES + CHUNK_BYTES_PER_PIXEL * pixels + CHUNK_BYTES_PER_BYTE * length {
        return Err(file.unsupported(format_args!(
            "strips or tiles of {} MB for {width}x{height} pixels",
            unpacked / 1_000_000
        )));
    }
    let jpeg = match compression {
        Compression::Jpeg => Some(JpegChunks::new(
            file,
            ifd.data(JPEG_TABLES),
            &samples,
            grid.chunk_size(),
        )?),
        _ => None,
    };
    let mut unpacker = Unpacker {
        compression,
        jpeg,
        backwards: number(FILL_ORDER, 1) == 2,
        predictor: Predictor::new(file, number(PREDICTOR, 1), samples.shape())?,
        row: grid.row(),
        budget: PACKED_READS * (length + pixels),
        bytes: Vec::new(),
    };
    let working = grid.unpacked_bytes().saturating_mul(2) as u64;
    let mut canvas = Canvas::new(file, width, height, samples.layout(), working)?;
    for place in grid.places() {
        let rows = grid.rows(&place, &samples, &mut unpacker)?;
        rows.write(&place, &samples, &mut canvas)?;
    }
    Ok(canvas.finish(orientation))
}
