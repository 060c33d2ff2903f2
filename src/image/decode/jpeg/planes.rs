//! Decoded samples on their way to pixels: a strip of each component, one row of MCUs high, enlarged and
//! converted to the rows of the image that it completes.

use super::Scale;
use super::color::ColorSpace;
use super::entropy::Block;
use super::error::Result;
use super::frame::{Component, Frame};
use super::upsample::Upsample;
use super::{idct, idct_scaled};

/// One component's samples of the current row of MCUs, and the last row of those before.
struct Plane {
    /// The row above the strip, then the strip.
    samples: Vec<u8>,
    stride: usize,
    /// Pixels of a block across and down: 8, 4, 2 or 1.
    block_size: usize,
    /// The quantization table in 16 bits; zeros for a component that no scan holds.
    quant: [i16; 64],
    upsample: Upsample,
    /// Samples of the image across and down.
    width: usize,
    height: usize,
    blocks_across: usize,
    /// Index in the image of the strip's first row of samples.
    first_row: usize,
    rows: usize,
    /// One enlarged row, and room for sums on the way to it.
    enlarged: Vec<u8>,
    sums: Vec<u16>,
}

impl Plane {
    fn new(frame: &Frame, component: &Component, scale: Scale) -> Result<Self> {
        let block_size = block_size(frame, component, scale);
        let samples =
            |length: usize, factor: usize, max: usize| (length * factor * block_size).div_ceil(max * 8);
        let width = samples(frame.width, component.h, frame.max_h);
        let in_group = |factor: usize| factor * block_size / scale.block_size();
        let upsample = Upsample::choose(
            in_group(component.h),
            in_group(component.v),
            frame.max_h,
            frame.max_v,
            width,
            scale != Scale::Eighth && frame.container.is_none_or(|container| container.smooth),
        )?;
        let stride = component.width_in_blocks * block_size;
        let rows = component.v * block_size;
        let output_width = frame.output_size(scale).0;
        Ok(Self {
            samples: vec![0; stride * (rows + 1)],
            stride,
            block_size,
            quant: component
                .quant
                .map_or([0; 64], |table| table.map(|step| step as i16)),
            upsample,
            width,
            height: samples(frame.height, component.v, frame.max_v),
            blocks_across: component.width_in_blocks,
            first_row: 0,
            rows,
            enlarged: vec![0; output_width.next_multiple_of(8).max(2 * width)],
            sums: vec![0; width],
        })
    }

    /// The samples of the image's row `row`, in the strip or right above it.
    fn row(&self, row: usize) -> &[u8] {
        let start = (row + 1 - self.first_row) * self.stride;
        &self.samples[start..start + self.width]
    }

    fn put(&mut self, x: usize, row_of_blocks: usize, block: &Block) {
        let row = 1 + row_of_blocks * self.block_size;
        let pixels = &mut self.samples[row * self.stride + x * self.block_size..];
        match self.block_size {
            8 => idct::full(block, &self.quant, pixels, self.stride),
            4 => idct_scaled::half(block, &self.quant, pixels, self.stride),
            2 => idct_scaled::quarter(block, &self.quant, pixels, self.stride),
            _ => idct_scaled::eighth(block, &self.quant, pixels),
        }
    }

    fn next_strip(&mut self) {
        let last = self.rows * self.stride;
        self.samples.copy_within(last.., 0);
        self.first_row += self.rows;
    }

    /// Enlarges the row of samples that makes the image's row `y`, where it is not of full size.
    fn enlarge(&mut self, y: usize) {
        if self.upsample == Upsample::None {
            return;
        }
        let (near, far) = self.upsample.rows(y, self.height);
        let slice = |row: usize| {
            let start = (row + 1 - self.first_row) * self.stride;
            &self.samples[start..start + self.width]
        };
        self.upsample.row(
            slice(near),
            slice(far),
            y % 2 == 1,
            &mut self.sums,
            &mut self.enlarged,
        );
    }

    fn output_row(&self, y: usize) -> &[u8] {
        match self.upsample {
            Upsample::None => self.row(y),
            _ => &self.enlarged,
        }
    }
}

/// Pixels across that a component's blocks are put out with: libjpeg enlarges subsampled components by
/// a larger transform rather than by repetition, as long as that goes by twos.
fn block_size(frame: &Frame, component: &Component, scale: Scale) -> usize {
    let smallest = scale.block_size();
    let mut size = smallest;
    let fits = |max: usize, factor: usize, size: usize| (max * smallest).is_multiple_of(factor * size * 2);
    while size < 8 && fits(frame.max_h, component.h, size) && fits(frame.max_v, component.v, size) {
        size *= 2;
    }
    size
}

/// The image as it grows row by row.
pub(super) struct Planes {
    planes: Vec<Plane>,
    colors: ColorSpace,
    /// Rows of the image in a row of MCUs.
    rows: usize,
    /// Rows that have to wait for the strip below.
    waiting: usize,
    width: usize,
    height: usize,
    next_row: usize,
    channels: usize,
    mcu_row: usize,
    pixels: Vec<u8>,
}

impl Planes {
    /// Room for strips; `pixels` is empty and has room for the whole image.
    pub fn new(frame: &Frame, colors: ColorSpace, scale: Scale, pixels: Vec<u8>) -> Result<Self> {
        let planes = frame
            .components
            .iter()
            .map(|component| Plane::new(frame, component, scale));
        let planes: Vec<Plane> = planes.collect::<Result<_>>()?;
        let (width, height) = frame.output_size(scale);
        Ok(Self {
            waiting: usize::from(planes.iter().any(|plane| plane.upsample.needs_neighbors())),
            planes,
            colors,
            rows: frame.max_v * scale.block_size(),
            width,
            height,
            next_row: 0,
            channels: frame.output_channels(),
            mcu_row: 0,
            pixels,
        })
    }

    /// Puts the block in column `x` and row `y` of a component into the strip, if it is in the image.
    #[inline]
    pub fn put(&mut self, component: usize, x: usize, row_of_blocks: usize, block: &Block) {
        let plane = &mut self.planes[component];
        if x < plane.blocks_across {
            plane.put(x, row_of_blocks, block);
        }
    }

    /// Puts out the rows of the image that the strip completes, and goes on to the next strip.
    pub fn finish_strip(&mut self) {
        self.mcu_row += 1;
        let complete = self.mcu_row * self.rows;
        let end = if complete < self.height {
            complete - self.waiting
        } else {
            self.height
        };
        for y in self.next_row..end {
            for plane in &mut self.planes {
                plane.enlarge(y);
            }
            let start = self.pixels.len();
            self.pixels.resize(start + self.width * self.channels, 0);
            let output = &mut self.pixels[start..];
            let row = |index: usize| self.planes[index].output_row(y);
            match self.planes.len() {
                1 => self.colors.convert(&[row(0)], output),
                2 => self.colors.convert(&[row(0), row(1)], output),
                3 => self.colors.convert(&[row(0), row(1), row(2)], output),
                _ => self.colors.convert(&[row(0), row(1), row(2), row(3)], output),
            }
        }
        self.next_row = end;
        for plane in &mut self.planes {
            plane.next_strip();
        }
    }

    /// The pixels of the whole image.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}
