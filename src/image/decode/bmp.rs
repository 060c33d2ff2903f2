//! BMP by `image`'s decoder; of its 16-bit kinds, whose channels have five or six bits, the bytes are rounded down as
//! Pillow does it.

use super::file::File;
use crate::Result;
use crate::image::decoded::{DecodedImage, Orientation};
use crate::image::format::is_bare_bitmap;
use image::codecs::bmp::BmpDecoder;

/// Bytes of the header of a file, which a bare bitmap (DIB) lacks.
const FILE_HEADER: usize = 14;
/// Where a BITMAPINFOHEADER has bits per pixel, compression and green mask.
const BITS: usize = 14;
const COMPRESSION: usize = 16;
const GREEN_MASK: usize = 44;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let is_bare = is_bare_bitmap(file.bytes);
    let reader = file.reader(file.bytes);
    let decoder = match is_bare {
        true => BmpDecoder::new_without_file_header(reader),
        false => BmpDecoder::new(reader),
    };
    let decoder = decoder.map_err(|error| file.failed(&error))?;
    let header = match is_bare {
        true => file.bytes,
        false => file.bytes.get(FILE_HEADER..).unwrap_or_default(),
    };
    let pixels = file.read_with(
        decoder,
        0,
        |pixels| shortest(header, pixels),
        |file, error| file.failed(error),
    )?;
    let mut image = pixels.turned(Orientation::Upright);
    if header.get(BITS..BITS + 2) == Some(&[16, 0]) {
        let masked = header.get(COMPRESSION) == Some(&3);
        let six = masked && header.get(GREEN_MASK..GREEN_MASK + 2) == Some(&[0xe0, 0x07]);
        let five_bits = rounded_down(31);
        let green = if six { rounded_down(63) } else { five_bits };
        image.map_rgb([&five_bits, &green, &five_bits]);
    }
    Ok(image)
}

/// No BMP of so many pixels is shorter than this, in bytes.
fn shortest(header: &[u8], pixels: u64) -> u64 {
    let run_length = header.first() != Some(&12) && matches!(header.get(COMPRESSION), Some(1 | 2));
    // Four bytes skip at most 255 rows and 255 columns; uncompressed pixels take a bit at least.
    if run_length {
        pixels / (255 * 255)
    } else {
        pixels / 8
    }
}

/// From a byte that was rounded to nearest out of 0..=`largest` to the byte rounded down.
fn rounded_down(largest: usize) -> [u8; 256] {
    std::array::from_fn(|byte| ((byte * largest + 127) / 255 * 255 / largest) as u8)
}
