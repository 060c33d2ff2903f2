//! Picture bytes to pixels, each format by a decoder for it, behind checks of what the header claims:
//! nothing is allocated for a picture over the limit, or for one that the file's length cannot hold.

mod bmp;
mod gif;
mod jpeg;
mod orientation;

use super::format::{Format, detect};
use super::limits::DEFAULT_PIXEL_LIMIT;
use super::picture::{Layout, Orientation, Picture};
use crate::{Error, Result};
use ::image::codecs::{bmp::BmpDecoder, png::PngDecoder, webp::WebPDecoder};
use ::image::{ColorType, ImageDecoder, Limits, RgbImage};
use std::fmt::Display;
use std::io::Cursor;

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
pub(in crate::image) fn read(bytes: &[u8], pixel_limit: u64) -> Result<Picture<'static>> {
    let format = detect(bytes).map_err(broken)?;
    let file = File {
        format,
        bytes,
        pixel_limit,
    };
    let source = Cursor::new(bytes);
    match format {
        Format::Jpeg => jpeg::read(&file),
        Format::Gif => gif::read(&file),
        Format::Png => {
            file.read_with(PngDecoder::with_limits(source, metadata_limits()).map_err(|e| file.damaged(e))?)
        }
        Format::WebP => file.read_with(WebPDecoder::new(source).map_err(|e| file.damaged(e))?),
        Format::Bmp => bmp::read(&file, BmpDecoder::new(source).map_err(|e| file.damaged(e))?),
    }
}

/// A file of known format, and the limit it is read under.
struct File<'a> {
    format: Format,
    bytes: &'a [u8],
    pixel_limit: u64,
}

impl File<'_> {
    /// Decodes with one of `image`'s decoders.
    fn read_with(&self, mut decoder: impl ImageDecoder) -> Result<Picture<'static>> {
        let (width, height) = decoder.dimensions();
        self.check_size(width, height)?;
        // IHDR's colour type: grey whose transparent level the decoder has made into alpha.
        let grey_png = self.format == Format::Png && self.bytes.get(25) == Some(&0);
        let layout = match decoder.color_type() {
            ColorType::L8 => Layout::L8,
            ColorType::La8 => Layout::La8,
            ColorType::Rgb8 => Layout::Rgb8,
            ColorType::Rgba8 => Layout::Rgba8,
            ColorType::L16 => Layout::L16,
            ColorType::La16 if grey_png => Layout::L16Transparent,
            ColorType::La16 => Layout::La16,
            ColorType::Rgb16 => Layout::Rgb16,
            ColorType::Rgba16 => Layout::Rgba16,
            other => {
                return Err(self.damaged(format_args!("pixels of kind {other:?} are not supported")));
            }
        };
        decoder
            .set_limits(Limits::no_limits())
            .map_err(|e| self.damaged(e))?;
        let exif = decoder.exif_metadata().unwrap_or_default();
        let xmp = decoder.xmp_metadata().unwrap_or_default();
        let orientation = orientation::find(exif.as_deref(), xmp.as_deref());
        let mut data = self.zeros(width, height, layout)?;
        decoder.read_image(&mut data).map_err(|e| self.damaged(e))?;
        Ok(Picture::new(width, height, layout, orientation, data.into()))
    }

    /// Room for `width` x `height` pixels, checked before by [`check_size`](Self::check_size).
    fn zeros(&self, width: u32, height: u32, layout: Layout) -> Result<Vec<u8>> {
        let bytes = u64::from(width) * u64::from(height) * layout.bytes_per_pixel() as u64;
        let too_many = || {
            broken(format!(
                "{width}x{height} pixels take {bytes} bytes, more than this machine has"
            ))
        };
        let bytes = usize::try_from(bytes).map_err(|_| too_many())?;
        let mut data = Vec::new();
        data.try_reserve_exact(bytes).map_err(|_| too_many())?;
        data.resize(bytes, 0);
        Ok(data)
    }

    /// Refuses what is empty, over the limit, or more than the file's length could hold.
    fn check_size(&self, width: u32, height: u32) -> Result<()> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(self.damaged(format_args!("its header says {width}x{height} pixels")));
        }
        if pixels > self.pixel_limit {
            let megapixels = |pixels: u64| pixels as f64 / 1e6;
            return Err(broken(format!(
                "{width}x{height} pixels are {:.0} megapixels, over the limit of {:.0}",
                megapixels(pixels),
                megapixels(self.pixel_limit)
            )));
        }
        if self.least_length(pixels) > self.bytes.len() as u64 {
            return Err(self.damaged(format_args!(
                "its header says {width}x{height} pixels, which {} bytes cannot hold",
                self.bytes.len()
            )));
        }
        Ok(())
    }

    /// No file of this format with so many pixels is shorter than this, in bytes.
    fn least_length(&self, pixels: u64) -> u64 {
        match self.format {
            // Deflate's longest match is 258 bytes for 2 bits.
            Format::Png => pixels * png_bits_per_pixel(self.bytes) / 8 / 1032,
            // Each block of 64 pixels takes a bit.
            Format::Jpeg => pixels / 64 / 8,
            // LZW's longest code stands for at most so many pixels, and is 12 bits.
            Format::Gif => pixels / 4096,
            Format::Bmp => bmp::least_length(self.bytes, pixels),
            // A plain one is a few bytes, whatever its size.
            Format::WebP => 0,
        }
    }

    fn damaged(&self, reason: impl Display) -> Error {
        broken(format!("damaged {}: {reason}", self.format.name()))
    }
}

/// For what a PNG compresses beside its pixels (a profile of a few kilobytes): 64 MiB.
fn metadata_limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(64 << 20);
    limits
}

/// By bit depth and colour type in IHDR.
fn png_bits_per_pixel(bytes: &[u8]) -> u64 {
    let channels = match bytes.get(25) {
        Some(2) => 3,
        Some(4) => 2,
        Some(6) => 4,
        _ => 1,
    };
    bytes.get(24).map_or(1, |depth| u64::from(*depth)) * channels
}

fn broken(reason: String) -> Error {
    Error::Image {
        file: "picture".into(),
        reason,
    }
}
