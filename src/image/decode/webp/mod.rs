//! WebP by `image`'s decoder: of an animation the first frame, as the canvas shows it.
//!
//! The decoder is given a file of only the chunks that make pixels. Metadata are found here, within the file's length,
//! whatever their chunks claim.

mod tables;

use super::canvas::Canvas;
use super::file::{File, StoredPixels};
use super::orientation;
use crate::image::decoded::DecodedImage;
use crate::{Error, Result};
use image::codecs::webp::WebPDecoder;
use image::{ImageDecoder, ImageError};

/// Bytes of `RIFF`, the length and `WEBP`.
const HEADER: usize = 12;
/// Bytes of a frame's position, size, duration and flags.
const FRAME_HEADER: usize = 16;
const ALPHA_FLAG: u8 = 0x10;
/// Bytes that Huffman tables may take in any image, for each of its pixels, and for each byte of the file: several
/// times what encoders' files need.
const TABLES: u64 = 4 << 20;
const TABLES_PER_PIXEL: u64 = 4;
const TABLES_PER_BYTE: u64 = 16;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let body = &file.bytes[HEADER.min(file.bytes.len())..];
    let orientation = orientation::find(data_of(body, b"EXIF"), data_of(body, b"XMP "));
    let canvas = data_of(body, b"VP8X");
    // A simple file has no canvas, and its alpha is what its bitstream says.
    let alpha = canvas.is_none_or(|canvas| canvas.first().is_some_and(|flags| flags & ALPHA_FLAG != 0));
    let Some(frame) = data_of(body, b"ANMF") else {
        return Ok(read_still(file, body, alpha)?.turned(orientation));
    };
    let (Some(canvas), Some((head, body))) = (canvas, frame.split_at_checked(FRAME_HEADER)) else {
        return Err(file.ends_early());
    };
    let three_bytes = |bytes: &[u8], at: usize| match bytes.get(at..at + 3) {
        Some(&[low, middle, high]) => Ok(u32::from_le_bytes([low, middle, high, 0])),
        _ => Err(file.ends_early()),
    };
    let (width, height) = (three_bytes(canvas, 4)? + 1, three_bytes(canvas, 7)? + 1);
    let (left, top) = (2 * three_bytes(head, 0)?, 2 * three_bytes(head, 3)?);
    file.check_size(width, height, |_| 0)?;
    let pixels = read_still(file, body, alpha)?;
    if (pixels.width, pixels.height) == (width, height) {
        return Ok(pixels.turned(orientation));
    }
    // Pixels outside the frame are transparent, or black where the image has no transparency.
    let mut on_canvas = Canvas::new(
        file,
        width,
        height,
        pixels.layout.clone(),
        pixels.data.len() as u64,
    )?;
    let row_bytes = pixels.width as usize * on_canvas.bytes_per_pixel();
    for (y, row) in pixels.data.chunks_exact(row_bytes).enumerate() {
        on_canvas.write(left as usize, top as usize + y, 1, row)?;
    }
    Ok(on_canvas.finish(orientation))
}

/// Name and data of each chunk; the last one may be cut short.
fn chunks(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (head, data) = rest.split_at_checked(8)?;
        let (name, length) = head.split_at(4);
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        // Chunks are of even length.
        rest = data.get(length.saturating_add(length % 2)..).unwrap_or_default();
        Some((name, &data[..length.min(data.len())]))
    })
}

/// The data of the first chunk of this name.
fn data_of<'a>(body: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    chunks(body)
        .find(|(other, _)| other == name)
        .map(|(_, data)| data)
}

/// Decodes the still image of these chunks; without `alpha` it is opaque, whatever it holds.
fn read_still(file: &File, body: &[u8], alpha: bool) -> Result<StoredPixels> {
    let (still, bytes_per_pixel) = still_file(file, body, alpha)?;
    let decoder = WebPDecoder::new(file.reader(&still)).map_err(|error| failed(file, &error))?;
    let (width, height) = decoder.dimensions();
    file.check_size(width, height, |_| 0)?;
    let pixels = u64::from(width) * u64::from(height);
    let tables = check_tables(file, body, (width, height), pixels)?;
    file.read_with(decoder, pixels * bytes_per_pixel + tables, |_| 0, failed)
}

/// The bytes that the decoder takes for Huffman tables, if the length of the file and the pixels justify them.
fn check_tables(file: &File, body: &[u8], size: (u32, u32), pixels: u64) -> Result<u64> {
    let most = TABLES + TABLES_PER_PIXEL * pixels + TABLES_PER_BYTE * body.len() as u64;
    let (bitstream, implied) = match (data_of(body, b"VP8L"), data_of(body, b"ALPH")) {
        (Some(lossless), _) => (lossless, None),
        // The lowest bits of an alpha channel's first byte say how it is compressed.
        (None, Some([head, lossless @ ..])) if head & 3 == 1 => (lossless, Some(size)),
        _ => return Ok(0),
    };
    match tables::table_bytes(bitstream, implied, most) {
        bytes if bytes <= most => Ok(bytes),
        _ => Err(file.damaged(format_args!(
            "its Huffman tables take more than {} MB of memory, which {}x{} pixels do not need",
            most / 1_000_000,
            size.0,
            size.1
        ))),
    }
}

/// The decoder's error; it takes the missing end of a file for a corrupt bitstream.
fn failed(file: &File, error: &ImageError) -> Error {
    let length = file
        .bytes
        .get(4..8)
        .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let complete = u64::from(length) + 8 <= file.bytes.len() as u64;
    match file.failed(error) {
        Error::Image { .. } if !complete => file.ends_early(),
        error => error,
    }
}

/// A file of one still image, and how many bytes for each pixel its decoder takes besides the pixels.
fn still_file(file: &File, body: &[u8], alpha: bool) -> Result<(Vec<u8>, u64)> {
    let mut still = b"RIFF\0\0\0\0WEBP".to_vec();
    let bytes_per_pixel;
    if let Some(lossless) = data_of(body, b"VP8L") {
        add_chunk(file, &mut still, b"VP8L", lossless)?;
        // Bit 28 of the bitstream's header, after its signature of a byte.
        if let Some(byte) = still.get_mut(HEADER + 8 + 4)
            && !alpha
        {
            *byte &= !0x10;
        }
        bytes_per_pixel = 5;
    } else if let Some(lossy) = data_of(body, b"VP8 ") {
        let transparency = data_of(body, b"ALPH").filter(|_| alpha);
        bytes_per_pixel = if transparency.is_some() { 8 } else { 2 };
        if let Some(transparency) = transparency {
            let Some(&[w0, w1, h0, h1]) = lossy.get(6..10) else {
                return Err(file.ends_early());
            };
            // Fourteen bits of size and two of scale; the canvas holds sizes less one in 24 bits.
            let less_one =
                |low: u8, high: u8| (u32::from(u16::from_le_bytes([low, high]) & 0x3fff)).saturating_sub(1);
            let mut canvas = vec![ALPHA_FLAG, 0, 0, 0];
            canvas.extend_from_slice(&less_one(w0, w1).to_le_bytes()[..3]);
            canvas.extend_from_slice(&less_one(h0, h1).to_le_bytes()[..3]);
            add_chunk(file, &mut still, b"VP8X", &canvas)?;
            add_chunk(file, &mut still, b"ALPH", transparency)?;
        }
        add_chunk(file, &mut still, b"VP8 ", lossy)?;
    } else {
        return Err(file.ends_early());
    }
    let length = (still.len() - 8) as u32;
    still[4..8].copy_from_slice(&length.to_le_bytes());
    Ok((still, bytes_per_pixel))
}

fn add_chunk(file: &File, still: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) -> Result<()> {
    let fits = u32::try_from(data.len()).is_ok() && still.try_reserve(data.len() + 16).is_ok();
    if !fits {
        return Err(file.damaged(format_args!("{} bytes are more than can be read", data.len())));
    }
    still.extend(name);
    still.extend((data.len() as u32).to_le_bytes());
    still.extend(data);
    still.extend(&[0][..data.len() % 2]);
    Ok(())
}
