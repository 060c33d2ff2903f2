//! libavif's own conversion to RGB, in floats: of gray, and with the matrices that libyuv does not know.

use re_rav1d::PixelLayout;

use super::{nearest, nearest_rows};
use crate::Result;
use crate::image::decode::avif::container::Color;
use crate::image::decode::avif::planes::{Plane, Planes};
use crate::image::decode::file::File;

/// Conversion from chroma to color.
#[derive(Clone, Copy)]
enum Matrix {
    /// Green, blue and red are stored as they are.
    Identity,
    YCgCo,
    /// YCgCo without loss, of samples two bits deeper than the colors.
    YCgCoRe,
    /// Shares of red and blue in luma.
    Weights(f32, f32),
}

/// A matrix and the range of samples.
pub(super) struct Float {
    matrix: Matrix,
    /// The sample of black, and the difference from it to white.
    luma: (f32, f32),
    /// The sample of no color, and the difference from the least to the largest.
    chroma: (f32, f32),
    largest: u16,
}

impl Float {
    pub fn new(file: &File, planes: &Planes, color: Color) -> Result<Self> {
        let is_gray = planes.chroma.is_none();
        let full = color.full_range;
        // Numbers of matrices are those of ITU-T H.273.
        let matrix = match color.matrix {
            0 if is_gray || planes.layout == PixelLayout::I444 => Matrix::Identity,
            4 => Matrix::Weights(0.30, 0.11),
            7 => Matrix::Weights(0.212, 0.087),
            8 if full => Matrix::YCgCo,
            16 if full && planes.bits == 10 => Matrix::YCgCoRe,
            _ if is_gray => Matrix::Identity,
            other => return Err(file.unsupported(format_args!("color matrix {other}"))),
        };
        let bits = planes.bits;
        let (step, largest) = ((1u32 << (bits - 8)) as f32, ((1u32 << bits) - 1) as f32);
        let luma = if full {
            (0.0, largest)
        } else {
            (16.0 * step, 219.0 * step)
        };
        let chroma = match matrix {
            Matrix::Identity => luma,
            _ if full => (128.0 * step, largest),
            _ => (128.0 * step, 224.0 * step),
        };
        Ok(Self {
            matrix,
            luma,
            chroma,
            largest: largest as u16,
        })
    }

    pub fn row(&self, planes: &Planes, y: usize, out: &mut [[u8; 3]]) {
        for ((x, pixel), &sample) in out.iter_mut().enumerate().zip(planes.luma.row(y)) {
            let luma = self.of(sample, self.luma);
            *pixel = match &planes.chroma {
                None => [to_byte(luma); 3],
                Some(chroma) => {
                    let [u, v] = chroma.each_ref().map(|plane| self.chroma_at(plane, planes, x, y));
                    self.rgb(luma, u, v).map(to_byte)
                }
            };
        }
    }

    fn of(&self, sample: u16, (least, range): (f32, f32)) -> f32 {
        (f32::from(sample.min(self.largest)) - least) / range
    }

    /// Chroma at a pixel: between the centers of samples that stand for several pixels, three quarters of the nearest.
    fn chroma_at(&self, plane: &Plane, planes: &Planes, x: usize, y: usize) -> f32 {
        let at = |x, y| self.of(plane.row(y)[x], self.chroma);
        if planes.layout == PixelLayout::I444 {
            return at(x, y);
        }
        let (near_x, far_x) = nearest(x, plane.width);
        let (near_y, far_y) = nearest_rows(plane, planes.layout, y);
        at(near_x, near_y) * (9.0 / 16.0)
            + at(far_x, near_y) * (3.0 / 16.0)
            + at(near_x, far_y) * (3.0 / 16.0)
            + at(far_x, far_y) * (1.0 / 16.0)
    }

    fn rgb(&self, luma: f32, u: f32, v: f32) -> [f32; 3] {
        match self.matrix {
            Matrix::Identity => [v, luma, u],
            Matrix::YCgCo => [luma - u + v, luma + u, luma - u - v],
            Matrix::YCgCoRe => {
                let whole = |value: f32| (value * f32::from(self.largest)).round() as i32;
                let (luma, u, v) = (whole(luma), whole(u), whole(v));
                let rest = luma - (u >> 1);
                let (green, blue) = ((rest + u).clamp(0, 255), (rest - (v >> 1)).clamp(0, 255));
                [(blue + v).clamp(0, 255), green, blue].map(|channel| channel as f32 / 255.0)
            }
            Matrix::Weights(red, blue) => {
                let green = 1.0 - red - blue;
                let (by_v, by_u) = (red * (1.0 - red) * v, blue * (1.0 - blue) * u);
                [
                    luma + 2.0 * (1.0 - red) * v,
                    luma - 2.0 * (by_v + by_u) / green,
                    luma + 2.0 * (1.0 - blue) * u,
                ]
            }
        }
    }
}

fn to_byte(value: f32) -> u8 {
    (0.5 + value.clamp(0.0, 1.0) * 255.0) as u8
}
