//! Image bytes to `pixel_values`, as Hugging Face's CLIP image processor does it with Pillow.
//!
//! An image stays as its decoder left it, in whole bytes, and is read row by row through a view that knows its
//! orientation and layout (`decoded.rs`). The resampler reads only the rows and columns that the crop shows, so beside
//! the decoded image there is never a second one, and floats exist for the cropped square alone.
//!
//! Conversions are those of `transformers` 5 and Pillow 13, also where one might wish otherwise: transparency is
//! composited on white, 16-bit gray saturates at 255, color profiles are ignored.

mod config;
mod data_uri;
mod decode;
mod decoded;
mod format;
mod input;
mod limits;
mod resample;

pub use config::{Patches, Resize};
pub use data_uri::{decode_base64, is_data_uri};
pub use decode::decode;
pub use format::{FILE_EXTENSIONS, UNSUPPORTED_EXTENSIONS, has_image_signature};
pub use image::RgbImage;
pub use input::{ImageInput, MAX_IMAGE_FILE};
pub use limits::{Cancel, DEFAULT_PIXEL_LIMIT, Limits};
pub use resample::Filter;

use crate::{Error, Result};
use config::Config;
use decoded::{DecodedImage, Orientation, PixelLayout};
use resample::{Crop, resize_and_crop};

/// The input of the image tower: one image, 3 x `height` x `width`.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelValues {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Red, green and blue planes, row by row: `3 * height * width` normalized values.
    pub data: Vec<f32>,
}

/// Hugging Face's `CLIPImageProcessor`, read from its `preprocessor_config.json`.
#[derive(Debug, Clone)]
pub struct ImageProcessor {
    config: Config,
    /// The normalized value of each of a channel's 256 bytes.
    table: [[f32; 256]; 3],
    max_pixels: u64,
    max_memory: u64,
}

impl ImageProcessor {
    /// Reads the text of a `preprocessor_config.json`; what it leaves out is as in CLIP's.
    ///
    /// # Errors
    /// [`Error::Model`] for text that is not such JSON or holds values that make no sense;
    /// [`Error::Unsupported`] for a processor whose output would be neither one square of fixed size nor whole patches.
    pub fn from_json(json: &str) -> Result<Self> {
        let config = Config::from_json(json)?;
        let table = config.normalized_bytes();
        let Limits {
            max_pixels,
            max_memory,
            ..
        } = Limits::default();
        Ok(Self {
            config,
            table,
            max_pixels,
            max_memory,
        })
    }

    /// Makes the processor refuse images of more than `pixels` pixels ([`DEFAULT_PIXEL_LIMIT`]).
    pub fn with_pixel_limit(mut self, pixels: u64) -> Self {
        self.max_pixels = pixels;
        self
    }

    /// Makes the processor decode within so many bytes of memory at a time. An image that takes more is read at a
    /// half, a quarter or an eighth of its size where its format allows that, and else refused.
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.max_memory = bytes;
        self
    }

    /// Width and height of every result in pixels; `None` where images keep their proportions.
    pub fn size(&self) -> Option<usize> {
        self.config.crop
    }

    /// The patches that results consist of, where images keep their proportions.
    pub fn patches(&self) -> Option<Patches> {
        match self.config.resize {
            Resize::Patches(patches) => Some(patches),
            _ => None,
        }
    }

    /// An image file, of one of the formats of [`FILE_EXTENSIONS`], to `pixel_values`.
    ///
    /// # Errors
    /// [`Error::Image`] for bytes that are no such image, are damaged, or are over a limit.
    pub fn preprocess(&self, bytes: &[u8]) -> Result<PixelValues> {
        self.preprocess_cancellable(bytes, Cancel::default())
    }

    /// [`preprocess`](Self::preprocess) that stops soon after `cancel` says so.
    ///
    /// # Errors
    /// [`Error::Cancelled`] then; those of `preprocess` else.
    pub fn preprocess_cancellable(&self, bytes: &[u8], cancel: Cancel) -> Result<PixelValues> {
        let limits = Limits {
            max_pixels: self.max_pixels,
            max_memory: self.max_memory,
            cancel,
        };
        let decoded = decode::read(bytes, limits)?;
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        Ok(self.process(&decoded))
    }

    /// Upright 8-bit RGBA, row by row, as a canvas or `ImageData` holds it, to `pixel_values`.
    /// Transparency is composited on white, as in a file.
    ///
    /// # Errors
    /// [`Error::Image`] when `rgba` is not `4 * width * height` bytes, or a side is zero.
    pub fn preprocess_rgba(&self, width: u32, height: u32, rgba: &[u8]) -> Result<PixelValues> {
        let expected = u128::from(width) * u128::from(height) * 4;
        if expected == 0 || rgba.len() as u128 != expected {
            return Err(Error::Image {
                file: "image".into(),
                reason: format!(
                    "{width}x{height} RGBA pixels are {expected} bytes, not {}",
                    rgba.len()
                ),
            });
        }
        Ok(self.process(&DecodedImage::new(
            width,
            height,
            PixelLayout::Rgba8,
            Orientation::Upright,
            rgba.into(),
        )))
    }

    /// An image to `pixel_values`: resize, center crop, rescale and normalize.
    fn process(&self, image: &DecodedImage) -> PixelValues {
        let (target_width, target_height) = self.config.resize.target(image.width(), image.height());
        let width = self.config.crop.unwrap_or(target_width);
        let height = self.config.crop.unwrap_or(target_height);
        let center = |length, size| center(length, size, self.config.rounds_half_even);
        let (columns, pad_left) = center(target_width, width);
        let (rows, pad_top) = center(target_height, height);
        let crop = Crop { columns, rows };
        let bytes = resize_and_crop(image, target_width, target_height, self.config.filter, &crop);

        let mut data = Vec::with_capacity(3 * width * height);
        for table in &self.table {
            data.resize(data.len() + width * height, table[0]);
        }
        let crop_width = crop.columns.len();
        for (y, row) in bytes.chunks_exact(3 * crop_width).enumerate() {
            for (channel, table) in self.table.iter().enumerate() {
                let start = (channel * height + pad_top + y) * width + pad_left;
                for (value, pixel) in data[start..start + crop_width]
                    .iter_mut()
                    .zip(row.chunks_exact(3))
                {
                    *value = table[usize::from(pixel[channel])];
                }
            }
        }
        PixelValues { width, height, data }
    }
}

/// The part of `length` that a center crop to `size` keeps, and the zeros before it where `length`
/// is the smaller. Rounds as `center_crop` of `transformers.image_transforms`, or with `half_even` as torchvision's.
fn center(length: usize, size: usize, half_even: bool) -> (std::ops::Range<usize>, usize) {
    match length.checked_sub(size) {
        Some(rest) => {
            let start = rest / 2 + usize::from(half_even && rest % 4 == 3);
            (start..start + size, 0)
        }
        None if half_even => (0..length, (size - length) / 2),
        None => (0..length, (size - length).div_ceil(2)),
    }
}
