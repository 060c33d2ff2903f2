//! Image bytes to pixels, each format by a decoder for it, behind checks of what the header claims: memory is
//! taken only for what the file's length can hold and the limits allow, and is asked for fallibly.

#[cfg(feature = "avif")]
mod avif;
mod bmp;
mod canvas;
mod file;
mod gif;
mod ico;
mod ifd;
mod jpeg;
mod orientation;
mod png;
mod pnm;
mod qoi;
mod tga;
mod tiff;
mod webp;

use super::decoded::DecodedImage;
use super::format::{Format, detect};
use super::limits::Limits;
use crate::{Error, Result};
use ::image::RgbImage;
use file::File;

/// An image file, upright, as 8-bit RGB: for thumbnails and whoever wants to see what CLIP sees. Transparency is on
/// white. An image that does not fit into memory is read smaller where its format allows that.
///
/// # Errors
/// [`Error::Image`] for anything but an image of a format that is read, and for one that is damaged or has more than
/// [`DEFAULT_PIXEL_LIMIT`](super::DEFAULT_PIXEL_LIMIT) pixels.
pub fn decode(bytes: &[u8]) -> Result<RgbImage> {
    let decoded = read(bytes, Limits::default())?;
    let (width, height) = (decoded.width(), decoded.height());
    let mut rgb = Vec::new();
    let length = width * height * 3;
    rgb.try_reserve_exact(length).map_err(|_| {
        broken(format!(
            "{width}x{height} pixels take {length} bytes, more than there are"
        ))
    })?;
    rgb.resize(length, 0);
    decoded.read(0..height, 0..width, &mut rgb);
    Ok(RgbImage::from_raw(width as u32, height as u32, rgb).expect("three bytes for each pixel"))
}

/// Decodes an image within `limits` and finds out how it is to be turned.
pub(in crate::image) fn read(bytes: &[u8], limits: Limits) -> Result<DecodedImage<'static>> {
    let format = detect(bytes).map_err(broken)?;
    let file = File {
        format,
        bytes,
        limits,
    };
    match format {
        Format::Jpeg => jpeg::read(&file),
        Format::Png => png::read(&file),
        Format::WebP => webp::read(&file),
        Format::Gif => gif::read(&file),
        Format::Bmp => bmp::read(&file),
        Format::Tiff => tiff::read(&file),
        Format::Ico => ico::read(&file),
        Format::Pnm => pnm::read(&file),
        Format::Tga => tga::read(&file),
        Format::Qoi => qoi::read(&file),
        #[cfg(feature = "avif")]
        Format::Avif => avif::read(&file),
    }
}

/// The crate's error for an image; the caller names the file.
fn broken(reason: String) -> Error {
    Error::Image {
        file: "image".into(),
        reason,
    }
}
