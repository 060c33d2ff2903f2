//! Which way up a picture is: EXIF's tag, else XMP's, as Pillow's `exif_transpose` looks for it.

use super::Orientation;

/// The orientation that EXIF or XMP metadata give, upright if neither does.
pub(super) fn find(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
    let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    exif.and_then(image::metadata::Orientation::from_exif_chunk)
        .map(image::metadata::Orientation::to_exif)
        .or_else(|| from_xmp(xmp?))
        .map_or(Orientation::Upright, Orientation::from_exif)
}

/// The digit of `tiff:Orientation="6"` or `<tiff:Orientation>6`.
fn from_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut rest = xmp;
    while let Some(at) = rest.windows(NAME.len()).position(|window| window == NAME) {
        rest = &rest[at + NAME.len()..];
        let digit = rest
            .strip_prefix(b"=\"")
            .or_else(|| rest.strip_prefix(b">"))
            .and_then(|value| value.first());
        if let Some(digit) = digit.filter(|digit| digit.is_ascii_digit()) {
            return Some(digit - b'0');
        }
    }
    None
}
