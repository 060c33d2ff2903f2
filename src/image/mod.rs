//! Picture bytes to `pixel_values`, as Hugging Face's CLIP image processor does it with Pillow.
//!
//! A picture stays as its decoder left it, in whole bytes or 16-bit samples, and is read row by row
//! through a view that knows its orientation and layout ([`picture`]). The resampler reads only the
//! rows and columns that the crop shows, so beside the decoded picture there is never a second one,
//! and floats exist for the cropped square alone.
//!
//! Deliberately as Pillow does it, also where one might wish otherwise: alpha is dropped, not
//! composited, and 16-bit grey saturates at 255 (`convert("RGB")`); colour profiles are ignored.

mod config;
mod decode;
mod format;
mod limits;
mod picture;
mod resample;

pub use config::Resize;
pub use decode::decode;
pub use image::RgbImage;
pub use limits::{Cancel, DEFAULT_PIXEL_LIMIT, Limits};
pub use resample::Filter;

use crate::{Error, Result};
use config::Config;
use picture::{Layout, Orientation, Picture};
use resample::{Crop, resize_and_crop};

/// What the vision tower eats: one picture, 3 x `size` x `size`.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelValues {
    /// Width and height in pixels.
    pub size: usize,
    /// Red, green and blue planes, row by row: `3 * size * size` normalised values.
    pub data: Vec<f32>,
}

/// Hugging Face's `CLIPImageProcessor`, read from its `preprocessor_config.json`.
#[derive(Debug, Clone)]
pub struct ImageProcessor {
    config: Config,
    /// The normalised value of each of a channel's 256 bytes.
    table: [[f32; 256]; 3],
    pixel_limit: u64,
}

impl ImageProcessor {
    /// Reads the text of a `preprocessor_config.json`; what it leaves out is as in CLIP's.
    ///
    /// # Errors
    /// [`Error::Model`] for text that is not such JSON or holds values that make no sense;
    /// [`Error::Unsupported`] for a processor whose output would not be one square of fixed size.
    pub fn from_json(json: &str) -> Result<Self> {
        let config = Config::from_json(json)?;
        let table = config.normalised_bytes();
        Ok(Self {
            config,
            table,
            pixel_limit: DEFAULT_PIXEL_LIMIT,
        })
    }

    /// The same processor refusing pictures of more than `pixels` pixels ([`DEFAULT_PIXEL_LIMIT`]).
    pub fn with_pixel_limit(mut self, pixels: u64) -> Self {
        self.pixel_limit = pixels;
        self
    }

    /// Width and height of every result in pixels.
    pub fn size(&self) -> usize {
        self.config.output_size
    }

    /// A picture file (JPEG, PNG, WebP, GIF or BMP) to `pixel_values`.
    ///
    /// # Errors
    /// [`Error::Image`] for what is no such picture, is damaged, or is over the pixel limit.
    pub fn preprocess(&self, bytes: &[u8]) -> Result<PixelValues> {
        Ok(self.process(&decode::read(bytes, self.pixel_limit)?))
    }

    /// Upright 8-bit RGBA, row by row, as a canvas or `ImageData` holds it, to `pixel_values`.
    /// Alpha is dropped, as from a file.
    ///
    /// # Errors
    /// [`Error::Image`] when `rgba` is not `4 * width * height` bytes, or a side is zero.
    pub fn preprocess_rgba(&self, width: u32, height: u32, rgba: &[u8]) -> Result<PixelValues> {
        let expected = u128::from(width) * u128::from(height) * 4;
        if expected == 0 || rgba.len() as u128 != expected {
            return Err(Error::Image {
                file: "picture".into(),
                reason: format!(
                    "{width}x{height} RGBA pixels are {expected} bytes, not {}",
                    rgba.len()
                ),
            });
        }
        Ok(self.process(&Picture::new(
            width,
            height,
            Layout::Rgba8,
            Orientation::Upright,
            rgba.into(),
        )))
    }

    /// A picture to `pixel_values`: resize, centre crop, rescale and normalise.
    fn process(&self, picture: &Picture) -> PixelValues {
        let size = self.config.output_size;
        let (width, height) = (picture.width(), picture.height());
        let (target_width, target_height) = self.config.resize.target(width, height);
        let (columns, pad_left) = centre(target_width, size);
        let (rows, pad_top) = centre(target_height, size);
        let crop = Crop { columns, rows };
        let bytes = resize_and_crop(picture, target_width, target_height, self.config.filter, &crop);

        let mut data = Vec::with_capacity(3 * size * size);
        for table in &self.table {
            data.resize(data.len() + size * size, table[0]);
        }
        let crop_width = crop.columns.len();
        for (y, row) in bytes.chunks_exact(3 * crop_width).enumerate() {
            for (channel, table) in self.table.iter().enumerate() {
                let start = (channel * size + pad_top + y) * size + pad_left;
                for (value, pixel) in data[start..start + crop_width]
                    .iter_mut()
                    .zip(row.chunks_exact(3))
                {
                    *value = table[usize::from(pixel[channel])];
                }
            }
        }
        PixelValues { size, data }
    }
}

/// The part of `length` that a centre crop to `size` keeps, and the zeros before it where `length`
/// is the smaller. Rounds as `center_crop` of `transformers.image_transforms`.
fn centre(length: usize, size: usize) -> (std::ops::Range<usize>, usize) {
    match length.checked_sub(size) {
        Some(rest) => (rest / 2..rest / 2 + size, 0),
        None => (0..length, (size - length).div_ceil(2)),
    }
}
