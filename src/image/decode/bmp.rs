//! BMP by `image`'s decoder; of its 16-bit kinds, whose channels have five or six bits, the bytes are rounded down as
//! Pillow does it.

use super::file::File;
use crate::Result;
use crate::image::decoded::{DecodedImage, Orientation};
use image::codecs::bmp::BmpDecoder;

/// Where a BITMAPINFOHEADER has its own size, bits per pixel, compression and green mask.
const HEADER_SIZE: usize = 14;
const BITS: usize = 28;
const COMPRESSION: usize = 30;
const GREEN_MASK: usize = 58;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let decoder = BmpDecoder::new(file.reader(file.bytes)).map_err(|error| file.failed(&error))?;
    let pixels = file.read_with(
        decoder,
        0,
        |pixels| shortest(file.bytes, pixels),
        |file, error| file.failed(error),
    )?;
    let mut image = pixels.turned(Orientation::Upright);
    if file.bytes.get(BITS..BITS + 2) == Some(&[16, 0]) {
        let masked = file.bytes.get(COMPRESSION) == Some(&3);
        let six = masked && file.bytes.get(GREEN_MASK..GREEN_MASK + 2) == Some(&[0xe0, 0x07]);
        let five_bits = rounded_down(31);
        let green = if six { rounded_down(63) } else { five_bits };
        image.map_rgb([&five_bits, &green, &five_bits]);
    }
    Ok(image)
}

/// No BMP of so many pixels is shorter than this, in bytes.
fn shortest(bytes: &[u8], pixels: u64) -> u64 {
    let run_length = bytes.get(HEADER_SIZE) != Some(&12) && matches!(bytes.get(COMPRESSION), Some(1 | 2));
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
