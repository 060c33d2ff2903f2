//! ICO and CUR: the largest image of an icon or cursor, which is a PNG or a bitmap with a mask.

use super::file::{File, StoredPixels};
use super::png;
use crate::Result;
use crate::image::decoded::{DecodedImage, Orientation, PixelLayout};
use crate::image::format::{Format, detect};
use image::codecs::bmp::BmpDecoder;
use std::cmp::Reverse;

const DIRECTORY: usize = 6;
const ENTRY: usize = 16;
/// Byte 2 of a cursor; an icon has 1.
const CURSOR: u8 = 2;
/// Offsets in a bitmap's header of its height, its bits per pixel and its compression.
const HEIGHT: usize = 8;
const BITS: usize = 14;
const COMPRESSION: usize = 16;

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
        return png::read_bare(&file.within(Format::Png, image));
    }
    let pixels = read_bitmap(file, image)?;
    let has_alpha = match file.bytes[2] {
        CURSOR => image.get(BITS) == Some(&32),
        // The bits per pixel of the entry.
        _ => entry[6..8] == [32, 0],
    };
    let pixels = match file.bytes[2] {
        _ if has_alpha => with_alpha(file, pixels, alpha_of_pixels(image))?,
        // Pillow leaves out the mask of a cursor.
        CURSOR => pixels,
        _ => with_alpha(file, pixels, alpha_of_mask(image))?,
    };
    Ok(pixels.turned(Orientation::Upright))
}

/// The colors of a bitmap, whose header counts the rows of its mask too.
fn read_bitmap(file: &File, bitmap: &[u8]) -> Result<StoredPixels> {
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

/// The opacity of the pixel at a column and row, of an image of a width and height; none where the file lacks it.
type AlphaOf<'b> = Box<dyn Fn([usize; 2], [usize; 2]) -> Option<u8> + 'b>;

/// The fourth byte of each pixel of a bitmap, whose rows go from bottom to top.
fn alpha_of_pixels(bitmap: &[u8]) -> AlphaOf<'_> {
    let word = |at: usize| {
        bitmap
            .get(at..at + 4)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    };
    // Masks of colors lie behind the shortest header.
    let masks = if (word(0), word(COMPRESSION)) == (Some(40), Some(3)) {
        12
    } else {
        0
    };
    let start = word(0).map_or(0, |header| header as usize) + masks;
    Box::new(move |[x, y], [width, height]| {
        let pixel = (height - 1 - y) * width + x;
        bitmap.get(start.checked_add(4 * pixel + 3)?).copied()
    })
}

/// The bits of the mask that a bitmap ends with, a row in whole words of 32 bits, from bottom to top.
fn alpha_of_mask(bitmap: &[u8]) -> AlphaOf<'_> {
    Box::new(|[x, y], [width, height]| {
        let row_bytes = width.div_ceil(32) * 4;
        let start = bitmap.len().checked_sub(row_bytes * height)?;
        let byte = bitmap[start + (height - 1 - y) * row_bytes + x / 8];
        Some(if byte & (0x80 >> (x % 8)) == 0 { 255 } else { 0 })
    })
}

/// The pixels with the opacities of `alpha`.
fn with_alpha(file: &File, pixels: StoredPixels, alpha: AlphaOf) -> Result<StoredPixels> {
    let mut data = file.reserve(pixels.width, pixels.height, 4, pixels.data.len() as u64)?;
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let bytes = pixels.layout.bytes_per_pixel();
    for (index, pixel) in pixels.data.chunks_exact(bytes).enumerate() {
        let place = [index % width, index / width];
        let opacity = alpha(place, [width, height]).ok_or_else(|| file.ends_early())?;
        data.extend(pixel.iter().cycle().take(3));
        data.push(opacity);
    }
    Ok(StoredPixels {
        layout: PixelLayout::Rgba8,
        data,
        ..pixels
    })
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
