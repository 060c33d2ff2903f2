//! JPEG by `jpeg-decoder`, whose smooth chroma enlargement rounds nearly as libjpeg's does (that of
//! `image`'s own decoder leans to one side by up to two levels).
//!
//! Which colours the samples mean is decided as libjpeg decides it, from the markers.

use super::file::File;
use super::orientation;
use crate::Result;
use crate::image::decoded::{DecodedImage, PixelLayout, without_ink};
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let mut decoder = Decoder::new(file.bytes);
    decoder.read_info().map_err(|error| file.damaged(error))?;
    let Some(info) = decoder.info() else {
        return Err(file.damaged("it has no frame header"));
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    file.check_size(width, height, |pixels| pixels / 64 / 8)?;
    let format = info.pixel_format;
    let (layout, channels) = match format {
        PixelFormat::L8 => (PixelLayout::L8, 1),
        PixelFormat::RGB24 => (PixelLayout::Rgb8, 3),
        PixelFormat::CMYK32 => (PixelLayout::Rgb8, 4),
        PixelFormat::L16 => return Err(file.damaged("lossless JPEG of over 8 bits is not supported")),
    };
    let markers = Markers::find(file.bytes);
    if let Some(transform) = markers.transform(format) {
        decoder.set_color_transform(transform);
    }
    // Ink is stored as light: the decoder takes every file for Adobe's in this, and so does Pillow.
    let mut data = decoder.decode().map_err(|error| file.damaged(error))?;
    let expected = width as usize * height as usize * channels;
    if data.len() != expected {
        return Err(file.damaged(format_args!(
            "it holds {} bytes of pixels, not {expected}",
            data.len()
        )));
    }
    if channels == 4 {
        data = data
            .as_chunks()
            .0
            .iter()
            .flat_map(|[c, m, y, k]| [c, m, y].map(|ink| without_ink(*ink, *k)))
            .collect();
    }
    let orientation = orientation::find(decoder.exif_data(), decoder.xmp_data());
    Ok(DecodedImage::new(width, height, layout, orientation, data.into()))
}

/// What the markers before the first scan say about colour.
#[derive(Default)]
struct Markers {
    jfif: bool,
    /// The colour transform of Adobe's marker.
    adobe: Option<u8>,
    components: Vec<u8>,
}

impl Markers {
    fn find(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut at = 2;
        while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
            at += 1;
            if matches!(marker, 0xff) {
                continue;
            }
            at += 1;
            let length = match bytes.get(at..at + 2) {
                Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
                _ => break,
            };
            let Some(segment) = bytes.get(at + 2..at + length) else {
                break;
            };
            match marker {
                0xda => break,
                0xe0 if segment.starts_with(b"JFIF\0") => found.jfif = true,
                0xee if segment.starts_with(b"Adobe") => found.adobe = segment.get(11).copied(),
                0xc0..=0xc2 => {
                    let components = segment.get(6..).unwrap_or_default();
                    found.components = components.chunks_exact(3).map(|component| component[0]).collect();
                }
                _ => {}
            }
            at += length;
        }
        found
    }

    /// As `default_decompress_parms` of libjpeg.
    fn transform(&self, format: PixelFormat) -> Option<ColorTransform> {
        match (format, self.adobe) {
            (PixelFormat::RGB24, _) if self.jfif => Some(ColorTransform::YCbCr),
            (PixelFormat::RGB24, Some(0)) => Some(ColorTransform::RGB),
            (PixelFormat::RGB24, None) if self.components == *b"RGB" => Some(ColorTransform::RGB),
            (PixelFormat::RGB24, _) => Some(ColorTransform::YCbCr),
            (PixelFormat::CMYK32, Some(2)) => Some(ColorTransform::YCCK),
            (PixelFormat::CMYK32, _) => Some(ColorTransform::CMYK),
            _ => None,
        }
    }
}
