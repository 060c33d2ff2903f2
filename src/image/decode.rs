//! Picture bytes to pixels, each format by `image`'s decoder for it, behind checks of what the
//! header claims: nothing is allocated for a picture over the limit, or for one that the file's
//! length cannot hold.

use super::format::{Format, detect};
use super::picture::{Layout, Orientation, Picture};
use crate::{Error, Result};
use image::codecs::{
    bmp::BmpDecoder, gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder,
};
use image::{ColorType, ImageDecoder, ImageError, Limits, RgbImage};
use std::io::Cursor;

/// Pictures of more pixels than this are refused unless the caller says otherwise: 200 megapixels.
pub const DEFAULT_PIXEL_LIMIT: u64 = 200_000_000;

/// A picture file, upright, as 8-bit RGB: for thumbnails and whoever wants to see what CLIP sees.
///
/// # Errors
/// [`Error::Image`] for what is no JPEG, PNG, WebP, GIF or BMP, is damaged, or has more than
/// [`DEFAULT_PIXEL_LIMIT`] pixels.
pub fn decode(bytes: &[u8]) -> Result<RgbImage> {
    let picture = read(bytes, DEFAULT_PIXEL_LIMIT)?;
    let mut image = RgbImage::new(picture.width() as u32, picture.height() as u32);
    picture.read(0..picture.height(), 0..picture.width(), &mut image);
    Ok(image)
}

/// Decodes a picture of at most `pixel_limit` pixels and finds out how it is to be turned.
pub(super) fn read(bytes: &[u8], pixel_limit: u64) -> Result<Picture<'static>> {
    let format = detect(bytes).map_err(broken)?;
    let source = Cursor::new(bytes);
    let fail = |error: ImageError| broken(format!("damaged {}: {error}", format.name()));
    match format {
        Format::Jpeg => decode_with(
            format,
            JpegDecoder::new(source).map_err(fail)?,
            bytes,
            pixel_limit,
        ),
        Format::Png => decode_with(format, PngDecoder::new(source).map_err(fail)?, bytes, pixel_limit),
        Format::WebP => decode_with(
            format,
            WebPDecoder::new(source).map_err(fail)?,
            bytes,
            pixel_limit,
        ),
        Format::Gif => decode_with(format, GifDecoder::new(source).map_err(fail)?, bytes, pixel_limit),
        Format::Bmp => decode_with(format, BmpDecoder::new(source).map_err(fail)?, bytes, pixel_limit),
    }
}

fn decode_with(
    format: Format,
    mut decoder: impl ImageDecoder,
    bytes: &[u8],
    pixel_limit: u64,
) -> Result<Picture<'static>> {
    let fail = |error: ImageError| broken(format!("damaged {}: {error}", format.name()));
    let (width, height) = decoder.dimensions();
    check_size(format, width, height, bytes.len(), pixel_limit)?;
    let layout = match decoder.color_type() {
        ColorType::L8 => Layout::L8,
        ColorType::La8 => Layout::La8,
        ColorType::Rgb8 => Layout::Rgb8,
        ColorType::Rgba8 => Layout::Rgba8,
        ColorType::L16 => Layout::L16,
        ColorType::La16 => Layout::La16,
        ColorType::Rgb16 => Layout::Rgb16,
        ColorType::Rgba16 => Layout::Rgba16,
        other => {
            return Err(broken(format!(
                "{} with pixels of kind {other:?} is not supported",
                format.name()
            )));
        }
    };
    decoder.set_limits(Limits::no_limits()).map_err(fail)?;
    let orientation = Orientation::from_exif(decoder.orientation().map_or(1, |turn| turn.to_exif()));
    let mut data =
        vec![0; usize::try_from(decoder.total_bytes()).map_err(|_| too_large(width, height, pixel_limit))?];
    decoder.read_image(&mut data).map_err(fail)?;
    Ok(Picture::new(width, height, layout, orientation, data.into()))
}

/// Refuses what is empty, over the limit, or more than `length` bytes of file could hold.
fn check_size(format: Format, width: u32, height: u32, length: usize, pixel_limit: u64) -> Result<()> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(broken(format!(
            "damaged {}: its header says {width}x{height} pixels",
            format.name()
        )));
    }
    if pixels > pixel_limit {
        return Err(too_large(width, height, pixel_limit));
    }
    // The most pixels that a byte can stand for: deflate's longest match in one-bit pixels; a bit a
    // block of 64 in JPEG; LZW's longest code. WebP and run-length BMP have no useful bound.
    let densest = match format {
        Format::Png => 8 * 1040,
        Format::Jpeg => 8 * 64,
        Format::Gif => 4096,
        Format::WebP | Format::Bmp => return Ok(()),
    };
    if pixels / densest > length as u64 {
        return Err(broken(format!(
            "damaged {}: its header says {width}x{height} pixels, which {length} bytes cannot hold",
            format.name()
        )));
    }
    Ok(())
}

fn too_large(width: u32, height: u32, pixel_limit: u64) -> Error {
    let megapixels = |pixels: u64| pixels as f64 / 1e6;
    broken(format!(
        "{width}x{height} pixels are {:.0} megapixels, over the limit of {:.0}",
        megapixels(u64::from(width) * u64::from(height)),
        megapixels(pixel_limit)
    ))
}

fn broken(reason: String) -> Error {
    Error::Image {
        file: "picture".into(),
        reason,
    }
}
