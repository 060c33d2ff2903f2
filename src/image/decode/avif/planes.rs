//! Planes of luma and chroma to RGB of 8 bits, with the matrices of ITU-T H.273, as libavif does it.

use re_rav1d::{Picture, PixelLayout, PlanarImageComponent, Plane};

use super::boxes::Color;
use crate::Result;
use crate::image::decode::file::File;

/// The share of red and blue in luma, by the number of the matrix; none for those that are no such weights.
fn weights(matrix: u16) -> Option<(f32, f32)> {
    Some(match matrix {
        1 => (0.2126, 0.0722),
        4 => (0.30, 0.11),
        // Unspecified is taken for BT.601.
        2 | 5 | 6 => (0.299, 0.114),
        7 => (0.212, 0.087),
        9 => (0.2627, 0.0593),
        _ => return None,
    })
}

/// Red, green and blue are stored as they are.
const IDENTITY: u16 = 0;
const YCGCO: u16 = 8;

/// How chroma becomes color.
#[derive(Clone, Copy)]
enum Matrix {
    Identity,
    YCgCo,
    /// Shares of red and blue in luma.
    Weights(f32, f32),
}

/// One plane of samples, and their range.
struct Samples {
    plane: Plane,
    stride: usize,
    width: usize,
    height: usize,
    /// Bytes of a sample.
    bytes: usize,
}

impl Samples {
    fn new(
        file: &File,
        picture: &Picture,
        component: PlanarImageComponent,
        size: (usize, usize),
    ) -> Result<Self> {
        let bytes = if picture.bit_depth() > 8 { 2 } else { 1 };
        let samples = Self {
            plane: picture.plane(component),
            stride: picture.stride(component) as usize,
            width: size.0,
            height: size.1,
            bytes,
        };
        let needed = (samples.height - 1) * samples.stride + samples.width * bytes;
        match samples.plane.len() >= needed {
            true => Ok(samples),
            false => Err(file.ends_early()),
        }
    }

    fn at(&self, x: usize, y: usize) -> u16 {
        let at = y * self.stride + x * self.bytes;
        match self.bytes {
            1 => u16::from(self.plane[at]),
            _ => u16::from_le_bytes([self.plane[at], self.plane[at + 1]]),
        }
    }
}

/// The range of samples of luma, or of chroma around its middle.
#[derive(Clone, Copy)]
struct Range {
    black: f32,
    scale: f32,
}

impl Range {
    fn luma(bits: usize, full: bool) -> Self {
        let largest = ((1u32 << bits) - 1) as f32;
        let step = (1u32 << (bits - 8)) as f32;
        match full {
            true => Self {
                black: 0.0,
                scale: 1.0 / largest,
            },
            false => Self {
                black: 16.0 * step,
                scale: 1.0 / (219.0 * step),
            },
        }
    }

    fn chroma(bits: usize, full: bool) -> Self {
        let luma = Self::luma(bits, full);
        let step = (1u32 << (bits - 8)) as f32;
        Self {
            black: 128.0 * step,
            scale: if full { luma.scale } else { 1.0 / (224.0 * step) },
        }
    }

    fn of(self, sample: f32) -> f32 {
        (sample - self.black) * self.scale
    }
}

/// Colors of a picture.
pub(super) struct Rgb {
    luma: Samples,
    chroma: Option<[Samples; 2]>,
    layout: PixelLayout,
    matrix: Matrix,
    luma_range: Range,
    chroma_range: Range,
    /// Difference of samples that makes one of eight bits.
    step: f32,
}

impl Rgb {
    /// The colors of `picture`, described by `color` where the container tells them.
    pub fn new(file: &File, picture: &Picture, color: Option<Color>) -> Result<Self> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let layout = picture.pixel_layout();
        let full = match color {
            Some(color) => color.full_range,
            None => is_full_range(picture),
        };
        let number = color.map_or_else(|| matrix_of(picture), |color| color.matrix);
        let matrix = match (number, weights(number)) {
            (_, Some((red, blue))) => Matrix::Weights(red, blue),
            (IDENTITY, _) => Matrix::Identity,
            (YCGCO, _) => Matrix::YCgCo,
            _ => return Err(file.unsupported(format_args!("color matrix {number}"))),
        };
        let chroma_size = match layout {
            PixelLayout::I400 | PixelLayout::I444 => (width, height),
            PixelLayout::I422 => (width.div_ceil(2), height),
            PixelLayout::I420 => (width.div_ceil(2), height.div_ceil(2)),
        };
        let chroma = |component| Samples::new(file, picture, component, chroma_size);
        let chroma = match layout {
            PixelLayout::I400 => None,
            _ => Some([chroma(PlanarImageComponent::U)?, chroma(PlanarImageComponent::V)?]),
        };
        let bits = picture.bit_depth();
        Ok(Self {
            luma: Samples::new(file, picture, PlanarImageComponent::Y, (width, height))?,
            chroma,
            layout,
            matrix,
            luma_range: Range::luma(bits, full),
            step: (1u32 << (bits - 8)) as f32,
            // Green, blue and red have the range of luma.
            chroma_range: match matrix {
                Matrix::Identity => Range::luma(bits, full),
                _ => Range::chroma(bits, full),
            },
        })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.luma.width, self.luma.height)
    }

    /// The pixels of a row.
    pub fn row(&self, y: usize, out: &mut [[u8; 3]]) {
        for (x, pixel) in out.iter_mut().enumerate() {
            let luma = self.luma_range.of(f32::from(self.luma.at(x, y)));
            let rgb = match &self.chroma {
                None => [luma; 3],
                Some(planes) => {
                    let [u, v] = planes.each_ref().map(|plane| self.chroma_at(plane, x, y));
                    rgb(self.matrix, luma, u, v)
                }
            };
            *pixel = rgb.map(to_byte);
        }
    }

    /// Chroma at a pixel: between the centers of samples that stand for several pixels, three quarters of the nearest.
    fn chroma_at(&self, plane: &Samples, x: usize, y: usize) -> f32 {
        let (across, down) = match self.layout {
            PixelLayout::I420 => (true, true),
            PixelLayout::I422 => (true, false),
            PixelLayout::I400 | PixelLayout::I444 => (false, false),
        };
        let (near_x, far_x) = if across { neighbors(x, plane.width) } else { (x, x) };
        let (near_y, far_y) = if down { neighbors(y, plane.height) } else { (y, y) };
        let at = |x, y| f32::from(plane.at(x, y));
        let mix = |near: f32, far: f32| 0.75 * near + 0.25 * far;
        let row = |y| mix(at(near_x, y), at(far_x, y));
        let sample = mix(row(near_y), row(far_y));
        self.chroma_range.of(match self.luma.bytes {
            1 => sample,
            // Of deeper chroma, libyuv looks at the eight highest bits.
            _ => (sample.round() / self.step).floor() * self.step,
        })
    }
}

/// The samples, of `count` each for two pixels, that are nearest and second nearest to a pixel.
fn neighbors(pixel: usize, count: usize) -> (usize, usize) {
    let near = pixel / 2;
    let far = match pixel % 2 {
        0 => near.saturating_sub(1),
        _ => (near + 1).min(count - 1),
    };
    (near, far)
}

fn rgb(matrix: Matrix, luma: f32, u: f32, v: f32) -> [f32; 3] {
    match matrix {
        Matrix::Identity => [v, luma, u],
        Matrix::YCgCo => [luma - u + v, luma + u, luma - u - v],
        Matrix::Weights(red, blue) => {
            let (r, b) = (luma + 2.0 * (1.0 - red) * v, luma + 2.0 * (1.0 - blue) * u);
            let green = 1.0 - red - blue;
            [r, (luma - red * r - blue * b) / green, b]
        }
    }
}

fn to_byte(value: f32) -> u8 {
    (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}

/// An alpha channel.
pub(super) struct Gray {
    samples: Samples,
    range: Range,
}

impl Gray {
    pub fn new(file: &File, picture: &Picture) -> Result<Self> {
        let size = (picture.width() as usize, picture.height() as usize);
        Ok(Self {
            samples: Samples::new(file, picture, PlanarImageComponent::Y, size)?,
            range: Range::luma(picture.bit_depth(), is_full_range(picture)),
        })
    }

    pub fn size(&self) -> (usize, usize) {
        (self.samples.width, self.samples.height)
    }

    pub fn row(&self, y: usize, out: &mut [u8]) {
        for (x, value) in out.iter_mut().enumerate() {
            *value = to_byte(self.range.of(f32::from(self.samples.at(x, y))));
        }
    }
}

fn is_full_range(picture: &Picture) -> bool {
    picture.color_range() == re_rav1d::pixel::YUVRange::Full
}

/// Number of the matrix in the AV1 data.
fn matrix_of(picture: &Picture) -> u16 {
    picture.matrix_coefficients() as u16
}
