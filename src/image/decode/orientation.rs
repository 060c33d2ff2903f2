//! Which way up an image is: EXIF's tag, else XMP's, as Pillow's `exif_transpose` looks for it.

use super::ifd::{ASCII, BYTE, Ifd, UNDEFINED};
use crate::image::decoded::Orientation;

/// EXIF's and TIFF's tag for the orientation.
const ORIENTATION: u16 = 0x0112;

/// The orientation that EXIF or XMP metadata give, upright if neither does.
pub(super) fn find(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
    exif.and_then(from_exif)
        .or_else(|| from_xmp(xmp?))
        .map_or(Orientation::Upright, Orientation::from_exif)
}

/// The first value of the tag, whichever type and count it has. Bytes and texts mean nothing, as in Pillow.
pub(super) fn from_exif(exif: &[u8]) -> Option<u32> {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let ifd = Ifd::first(exif)?;
    let value = ifd.first_number(ORIENTATION)?;
    Some(match ifd.type_of(ORIENTATION) {
        Some(BYTE | ASCII | UNDEFINED) => 1,
        _ => u32::try_from(value).unwrap_or(1),
    })
}

/// The digit of `tiff:Orientation="6"` or `<tiff:Orientation>6`.
fn from_xmp(xmp: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut rest = xmp;
    while let Some(at) = rest.windows(NAME.len()).position(|window| window == NAME) {
        rest = &rest[at + NAME.len()..];
        let digit = rest
            .strip_prefix(b"=\"")
            .or_else(|| rest.strip_prefix(b">"))
            .and_then(|value| value.first());
        if let Some(digit) = digit.filter(|digit| digit.is_ascii_digit()) {
            return Some(u32::from(digit - b'0'));
        }
    }
    None
}
