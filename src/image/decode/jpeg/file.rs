//! A JPEG among the files that are read as images: its orientation, and a smaller scale where there is
//! not the memory for all of it.

use super::super::file::File;
use super::super::{broken, orientation};
use super::Scale;
use super::decoder::decode;
use super::error::JpegError;
use super::metadata::Metadata;
use crate::image::decoded::{DecodedImage, PixelLayout};
use crate::{Error, Result};

/// Decodes the file. An image that does not fit into memory is decoded at half, a quarter or an eighth of its
/// width and height, which is still more than a model looks at.
pub(in crate::image::decode) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let metadata = Metadata::read(file.bytes);
    let orientation = orientation::find(metadata.exif.as_deref(), metadata.xmp);
    let mut result = decode(file.bytes, &file.limits, Scale::Full);
    for scale in [Scale::Half, Scale::Quarter, Scale::Eighth] {
        if !matches!(result, Err(JpegError::OutOfMemory { .. })) {
            break;
        }
        result = decode(file.bytes, &file.limits, scale);
    }
    let pixels = result.map_err(|error| explain(file, &error))?;
    let layout = match pixels.channels {
        1 => PixelLayout::L8,
        _ => PixelLayout::Rgb8,
    };
    Ok(DecodedImage::new(
        pixels.width,
        pixels.height,
        layout,
        orientation,
        pixels.data.into(),
    ))
}

/// The crate's error for one of the decoder.
pub(in crate::image::decode) fn explain(file: &File, error: &JpegError) -> Error {
    match error {
        JpegError::Cancelled => Error::Cancelled,
        JpegError::EndsEarly => file.ends_early(),
        JpegError::Damaged(reason) => file.damaged(reason),
        JpegError::Unsupported(feature) => file.unsupported(feature),
        other => broken(other.to_string()),
    }
}
