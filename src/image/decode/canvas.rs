//! The pixels of an image whose decoder gives them row by row.
//!
//! They are kept as they come where they fit into memory. Where they do not, blocks of 2 x 2, 4 x 4 or 8 x 8 pixels
//! become one, their mean, so that an image of any size within the limits can be read in little memory.

use super::file::File;
use crate::Result;
use crate::image::decoded::{DecodedImage, Orientation, PixelLayout};

/// An image that is being written.
pub(super) struct Canvas<'f> {
    file: &'f File<'f>,
    layout: PixelLayout,
    width: usize,
    height: usize,
    store: Store,
}

enum Store {
    /// Every pixel; as long as the rows so far.
    Whole(Vec<u8>),
    Reduced(Reduced),
}

/// Sums of red, green and blue over squares of pixels.
struct Reduced {
    /// Side of a square.
    factor: usize,
    /// Squares in a row.
    columns: usize,
    sums: Vec<u16>,
    rgb: Vec<u8>,
}

impl<'f> Canvas<'f> {
    /// A canvas of a size that has been checked, for a decoder that takes `working` bytes besides.
    pub fn new(
        file: &'f File<'f>,
        width: u32,
        height: u32,
        layout: PixelLayout,
        working: u64,
    ) -> Result<Self> {
        let store = match file.reserve(width, height, layout.bytes_per_pixel(), working) {
            Ok(data) => Store::Whole(data),
            Err(error) => [2, 4, 8]
                .into_iter()
                .find_map(|factor| Reduced::new(file, width, height, factor, working))
                .map(Store::Reduced)
                .ok_or(error)?,
        };
        let (width, height) = (width as usize, height as usize);
        Ok(Self {
            file,
            layout,
            width,
            height,
            store,
        })
    }

    pub fn bytes_per_pixel(&self) -> usize {
        self.layout.bytes_per_pixel()
    }

    /// Writes `pixels` into row `y` from column `x` on, `step` columns apart; those outside of the image are dropped.
    pub fn write(&mut self, x: usize, y: usize, step: usize, pixels: &[u8]) -> Result<()> {
        self.file.check_cancelled()?;
        if y >= self.height || x >= self.width {
            return Ok(());
        }
        let bytes = self.layout.bytes_per_pixel();
        let count = (pixels.len() / bytes).min((self.width - x).div_ceil(step));
        let pixels = &pixels[..count * bytes];
        match &mut self.store {
            Store::Whole(data) => {
                let row = y * self.width * bytes;
                let end = row + self.width * bytes;
                if data.len() < end {
                    // Within the capacity that `reserve` gave; rows yet to come stay untouched.
                    data.resize(end, 0);
                }
                let row = &mut data[row + x * bytes..end];
                if step == 1 {
                    row[..pixels.len()].copy_from_slice(pixels);
                } else {
                    let places = row.chunks_mut(step * bytes);
                    for (place, pixel) in places.zip(pixels.chunks_exact(bytes)) {
                        place[..bytes].copy_from_slice(pixel);
                    }
                }
            }
            Store::Reduced(reduced) => reduced.add(x, y, step, pixels, &self.layout),
        }
        Ok(())
    }

    /// The image; rows that were never written are zeros.
    pub fn finish(self, orientation: Orientation) -> DecodedImage<'static> {
        match self.store {
            Store::Whole(mut data) => {
                data.resize(self.width * self.height * self.layout.bytes_per_pixel(), 0);
                let (width, height) = (self.width as u32, self.height as u32);
                DecodedImage::new(width, height, self.layout, orientation, data.into())
            }
            Store::Reduced(reduced) => reduced.finish(self.width, self.height, orientation),
        }
    }
}

impl Reduced {
    fn new(file: &File, width: u32, height: u32, factor: u32, working: u64) -> Option<Self> {
        let (columns, rows) = (width.div_ceil(factor), height.div_ceil(factor));
        // Two bytes for each sum, one for each mean, and a row of pixels.
        let row = u64::from(width) * 3;
        let bytes = 3 * u64::from(columns) * u64::from(rows);
        drop(file.reserve(columns, rows, 9, working.saturating_add(row)).ok()?);
        let bytes = usize::try_from(bytes).ok()?;
        let mut sums = Vec::new();
        sums.try_reserve_exact(bytes).ok()?;
        sums.resize(bytes, 0);
        Some(Self {
            factor: factor as usize,
            columns: columns as usize,
            sums,
            rgb: Vec::new(),
        })
    }

    fn add(&mut self, x: usize, y: usize, step: usize, pixels: &[u8], layout: &PixelLayout) {
        let count = pixels.len() / layout.bytes_per_pixel();
        self.rgb.resize(count * 3, 0);
        layout.write_rgb(pixels, &mut self.rgb);
        let start = y / self.factor * self.columns * 3;
        let sums = &mut self.sums[start..start + self.columns * 3];
        for (index, pixel) in self.rgb.chunks_exact(3).enumerate() {
            let square = (x + index * step) / self.factor * 3;
            for (sum, byte) in sums[square..square + 3].iter_mut().zip(pixel) {
                *sum += u16::from(*byte);
            }
        }
    }

    fn finish(self, width: usize, height: usize, orientation: Orientation) -> DecodedImage<'static> {
        let rows = height.div_ceil(self.factor);
        let mut data = Vec::with_capacity(self.sums.len());
        for (y, row) in self.sums.chunks_exact(self.columns * 3).enumerate() {
            let tall = self.factor.min(height - y * self.factor);
            for (x, sums) in row.chunks_exact(3).enumerate() {
                let wide = self.factor.min(width - x * self.factor);
                let area = tall * wide;
                data.extend(
                    sums.iter()
                        .map(|sum| ((usize::from(*sum) + area / 2) / area) as u8),
                );
            }
        }
        let (columns, rows) = (self.columns as u32, rows as u32);
        DecodedImage::new(columns, rows, PixelLayout::Rgb8, orientation, data.into())
    }
}
