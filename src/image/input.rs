//! The forms in which an image may be given.

use std::path::{Path, PathBuf};

use super::{ImageProcessor, PixelValues};
use crate::error::{Error, Result};

/// The largest file that is read as an image, in bytes.
pub const MAX_IMAGE_FILE: u64 = 1 << 30;

/// One image: the bytes of a file, the path of one, or pixels.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ImageInput<'a> {
    /// The bytes of an image file.
    Bytes(&'a [u8]),
    /// The path of an image file.
    Path(&'a Path),
    /// Upright pixels of 8-bit red, green, blue and alpha, row by row.
    Rgba {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// `4 * width * height` bytes.
        pixels: &'a [u8],
    },
}

impl<'a> From<&'a [u8]> for ImageInput<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for ImageInput<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Path> for ImageInput<'a> {
    fn from(path: &'a Path) -> Self {
        Self::Path(path)
    }
}

impl<'a> From<&'a PathBuf> for ImageInput<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::Path(path)
    }
}

impl<'a> From<&'a str> for ImageInput<'a> {
    fn from(path: &'a str) -> Self {
        Self::Path(Path::new(path))
    }
}

impl<'a> From<&'a String> for ImageInput<'a> {
    fn from(path: &'a String) -> Self {
        Self::Path(Path::new(path))
    }
}

impl ImageProcessor {
    /// Reads, decodes and preprocesses one image.
    ///
    /// # Errors
    /// [`Error::Image`] for what is no image, is damaged or too large, and [`Error::Io`]; both name the file.
    pub fn preprocess_input(&self, image: ImageInput) -> Result<PixelValues> {
        match image {
            ImageInput::Bytes(bytes) => self.preprocess(bytes),
            ImageInput::Rgba {
                width,
                height,
                pixels,
            } => self.preprocess_rgba(width, height, pixels),
            ImageInput::Path(path) => {
                let pixels = self.preprocess(&read_file(path)?);
                pixels.map_err(|error| error.in_file(&path.display().to_string()))
            }
        }
    }
}

/// The bytes of an image file, whose size is checked first.
fn read_file(path: &Path) -> Result<Vec<u8>> {
    let length = std::fs::metadata(path).map_err(Error::io(path))?.len();
    if length > MAX_IMAGE_FILE {
        let reason = format!("{length} bytes are more than an image may have ({MAX_IMAGE_FILE})");
        return Err(Error::image(path.display().to_string(), reason));
    }
    std::fs::read(path).map_err(Error::io(path))
}
