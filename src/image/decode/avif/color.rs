//! Planes of luma and chroma to RGB of 8 bits.
//!
//! Pillow reads AVIF by libavif, and that by libyuv's fixed-point arithmetic ([`fixed`]) for the usual matrices. It has
//! none for the others, nor for gray without transparency: those are converted in floats ([`float`]).

mod fixed;
mod float;

use re_rav1d::PixelLayout;

use super::container::Color;
use super::planes::{Plane, Planes};
use crate::Result;
use crate::image::decode::file::File;
use fixed::Fixed;
use float::Float;

/// The colors of an image.
pub(super) struct Rgb {
    planes: Planes,
    conversion: Conversion,
}

enum Conversion {
    Fixed(Fixed),
    Float(Float),
}

impl Rgb {
    /// The colors of `planes`, described by `color`, of an image that has an alpha channel or none.
    pub fn new(file: &File, mut planes: Planes, color: Color, has_alpha: bool) -> Result<Self> {
        let is_gray = planes.chroma.is_none();
        let fixed = Fixed::new(color, is_gray).filter(|_| has_alpha || !is_gray);
        let conversion = match fixed {
            Some(fixed) => {
                if !Fixed::reads_deep_samples(planes.bits, planes.layout, has_alpha) {
                    planes.reduce_to_bytes();
                }
                Conversion::Fixed(fixed)
            }
            None => Conversion::Float(Float::new(file, &planes, color)?),
        };
        Ok(Self { planes, conversion })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.planes.luma.width, self.planes.luma.height)
    }

    /// The way in which libavif makes bytes of an alpha channel of more bits along with these colors.
    pub fn alpha_rounding(&self) -> AlphaRounding {
        // Only the conversions that read alpha along with four channels' colors cut it.
        match (&self.conversion, self.planes.layout, self.planes.bits) {
            (Conversion::Float(_), ..) | (_, PixelLayout::I400, _) | (_, PixelLayout::I420, 12) => {
                AlphaRounding::Nearest
            }
            _ => AlphaRounding::Down,
        }
    }

    /// The pixels of a row; `chroma` is memory for it.
    pub fn row(&self, y: usize, chroma: &mut ChromaRow, out: &mut [[u8; 3]]) {
        match &self.conversion {
            Conversion::Fixed(fixed) => fixed.row(&self.planes, y, chroma, out),
            Conversion::Float(float) => float.row(&self.planes, y, out),
        }
    }
}

/// A row of chroma at every pixel.
#[derive(Default)]
pub(super) struct ChromaRow([Vec<u16>; 2]);

/// From deep samples of an alpha channel to bytes.
#[derive(Clone, Copy)]
pub(super) enum AlphaRounding {
    Down,
    Nearest,
}

impl Planes {
    /// Cuts samples to their eight highest bits.
    fn reduce_to_bytes(&mut self) {
        let shift = self.bits - 8;
        if shift == 0 {
            return;
        }
        for plane in [&mut self.luma]
            .into_iter()
            .chain(self.chroma.iter_mut().flatten())
        {
            plane.map(|sample| (sample >> shift).min(255));
        }
        self.bits = 8;
    }
}

/// The rows of chroma that are nearest and second nearest to a row of pixels.
fn nearest_rows(plane: &Plane, layout: PixelLayout, y: usize) -> (usize, usize) {
    match layout {
        PixelLayout::I420 => nearest(y, plane.height),
        PixelLayout::I400 | PixelLayout::I422 | PixelLayout::I444 => (y, y),
    }
}

/// The samples, of `count` each for two pixels, that are nearest and second nearest to a pixel.
fn nearest(pixel: usize, count: usize) -> (usize, usize) {
    let near = pixel / 2;
    let far = match pixel % 2 {
        0 => near.saturating_sub(1),
        _ => (near + 1).min(count - 1),
    };
    (near, far)
}

/// An alpha channel.
pub(super) struct Alpha {
    plane: Plane,
    bits: usize,
    rounding: AlphaRounding,
}

impl Alpha {
    pub fn new(mut planes: Planes, rounding: AlphaRounding) -> Self {
        let bits = planes.bits;
        if !planes.color.full_range {
            let step = 1 << (bits - 8);
            let (black, range, largest) = (16 * step, 219 * step, (1 << bits) - 1);
            planes.luma.map(|sample| {
                let above = i32::from(sample) - black;
                // As in libavif, which rounds toward zero.
                ((above * largest + range / 2) / range).clamp(0, largest) as u16
            });
        }
        Self {
            plane: planes.luma,
            bits,
            rounding,
        }
    }

    pub fn row(&self, y: usize, out: &mut [u8]) {
        let largest = ((1u32 << self.bits) - 1) as f32;
        for (value, &sample) in out.iter_mut().zip(self.plane.row(y)) {
            *value = match self.rounding {
                AlphaRounding::Down => (sample >> (self.bits - 8)).min(255) as u8,
                AlphaRounding::Nearest => (0.5 + f32::from(sample) / largest * 255.0) as u8,
            };
        }
    }
}

/// The color of a channel that is multiplied by alpha, in libyuv's steps.
pub(super) fn straight(channel: u8, alpha: u8) -> u8 {
    let inverse = match alpha {
        0 => 0,
        1 => 0xffff,
        alpha => 0x10000 / u32::from(alpha),
    };
    let twice = u32::from(channel) * 0x101;
    match alpha {
        255 => channel,
        _ => ((twice * inverse) >> 16).min(255) as u8,
    }
}
