//! ICO and CUR: the largest image of an icon or cursor, which is a PNG or a bitmap with a mask.

use super::file::{File, StoredPixels};
use super::png;
use crate::Result;
use crate::image::decoded::{DecodedImage, Orientation};
use crate::image::format::{Format, detect};
use image::ImageDecoder;
use image::codecs::{bmp::BmpDecoder, ico::IcoDecoder};
use std::cmp::Reverse;

const DIRECTORY: usize = 6;
const ENTRY: usize = 16;
/// Byte 2 of a cursor; an icon has 1.
const CURSOR: u8 = 2;
/// Where a bitmap's header has its width, its height, which counts the mask's rows too, and its bits per pixel.
const WIDTH: usize = 4;
const HEIGHT: usize = 8;
const BITS: usize = 14;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let count = file.bytes.get(4..DIRECTORY).ok_or_else(|| file.ends_early())?;
    let count = usize::from(u16::from_le_bytes([count[0], count[1]]));
    let entries = file.bytes[DIRECTORY..].chunks_exact(ENTRY).take(count);
    // Of the largest ones that with the fewest colors, as Pillow chooses.
    let entry = entries.min_by_key(|entry| (Reverse(area(entry)), colors(entry)));
    let entry = entry.ok_or_else(|| file.ends_early())?;
    let word =
        |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]) as usize;
    let (length, start) = (word(8), word(12));
    let image = file.bytes.get(start..).ok_or_else(|| file.ends_early())?;
    let image = &image[..length.min(image.len())];
    if detect(image) == Ok(Format::Png) {
        return png::read(&file.within(Format::Png, image));
    }

    let has_alpha = image.get(BITS) == Some(&32);
    let pixels = if file.bytes[2] == CURSOR && !has_alpha {
        read_cursor(file, image)?
    } else {
        read_icon(file, &entry[..8], image)?
    };
    Ok(pixels.turned(Orientation::Upright))
}

/// The bitmap of a cursor without alpha, of which Pillow leaves out the mask.
fn read_cursor(file: &File, bitmap: &[u8]) -> Result<StoredPixels> {
    let mut bitmap = bitmap.to_vec();
    let height = bitmap
        .get_mut(HEIGHT..HEIGHT + 4)
        .ok_or_else(|| file.ends_early())?;
    let both = i32::from_le_bytes([height[0], height[1], height[2], height[3]]);
    height.copy_from_slice(&(both / 2).to_le_bytes());
    let decoder =
        BmpDecoder::new_without_file_header(file.reader(&bitmap)).map_err(|error| file.failed(&error))?;
    file.read_with(decoder, 0, |pixels| pixels / 8, |file, error| file.failed(error))
}

/// The bitmap of an icon, whose mask says which pixels are transparent unless the pixels do.
fn read_icon(file: &File, entry: &[u8], bitmap: &[u8]) -> Result<StoredPixels> {
    let field = |at: usize| {
        bitmap
            .get(at..at + 2)
            .map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
    };
    let (header, width, height) = (field(0), field(WIDTH), field(HEIGHT));
    let pixels_end = usize::from(header) + usize::from(width) * usize::from(height / 2) * 4;
    let bitmap = match field(BITS) {
        32 => &bitmap[..pixels_end.min(bitmap.len())],
        _ => bitmap,
    };
    // An icon of this image alone.
    let mut icon = vec![0, 0, 1, 0, 1, 0];
    icon.extend(entry);
    icon.extend((bitmap.len() as u32).to_le_bytes());
    icon.extend(((DIRECTORY + ENTRY) as u32).to_le_bytes());
    icon.extend(bitmap);
    let decoder = IcoDecoder::new(file.reader(&icon)).map_err(|error| file.failed(&error))?;
    let (width, height) = decoder.dimensions();
    let working = 4 * u64::from(width) * u64::from(height);
    file.read_with(
        decoder,
        working,
        |pixels| pixels / 8,
        |file, error| file.failed(error),
    )
}

/// Pixels of an entry, whose sides of 256 are zero.
fn area(entry: &[u8]) -> u32 {
    let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
    side(entry[0]) * side(entry[1])
}

/// Bits for each pixel of an entry, or those that its colors need.
fn colors(entry: &[u8]) -> u32 {
    match (u16::from_le_bytes([entry[6], entry[7]]), entry[2]) {
        (0, 0 | 1) => 256,
        (0, colors) => u8::BITS - (colors - 1).leading_zeros(),
        (bits, _) => u32::from(bits),
    }
}
