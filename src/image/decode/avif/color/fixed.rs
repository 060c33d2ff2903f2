//! libyuv's conversion to RGB: products with six bits of fraction, and of chroma its eight highest bits.

use re_rav1d::PixelLayout;

use super::{ChromaRow, nearest_rows};
use crate::image::decode::avif::container::Color;
use crate::image::decode::avif::planes::{Plane, Planes};

/// Factors of luma and chroma, times 64.
#[derive(Clone, Copy)]
struct Factors {
    red_by_v: i32,
    green_by_u: i32,
    green_by_v: i32,
    /// At most 128, for the sake of instructions on bytes.
    blue_by_u: i32,
}

const BT601_LIMITED: Factors = Factors {
    red_by_v: 102,
    green_by_u: 25,
    green_by_v: 52,
    blue_by_u: 128,
};
const BT601_FULL: Factors = Factors {
    red_by_v: 90,
    green_by_u: 22,
    green_by_v: 46,
    blue_by_u: 113,
};
const BT709_LIMITED: Factors = Factors {
    red_by_v: 115,
    green_by_u: 14,
    green_by_v: 34,
    blue_by_u: 128,
};
const BT709_FULL: Factors = Factors {
    red_by_v: 101,
    green_by_u: 12,
    green_by_v: 30,
    blue_by_u: 119,
};
const BT2020_LIMITED: Factors = Factors {
    red_by_v: 107,
    green_by_u: 12,
    green_by_v: 42,
    blue_by_u: 128,
};
const BT2020_FULL: Factors = Factors {
    red_by_v: 94,
    green_by_u: 11,
    green_by_v: 37,
    blue_by_u: 120,
};

/// A matrix and a range of samples.
pub(super) struct Fixed {
    factors: Factors,
    /// Factor of luma of 16 bits, times 64 * 65536.
    luma: u32,
    /// Added to 64 times luma: the least of its range, and a half to round by.
    bias: i32,
}

impl Fixed {
    /// The conversion, or none for a matrix that libyuv does not know.
    pub fn new(color: Color, is_gray: bool) -> Option<Self> {
        // Numbers of matrices and primaries are those of ITU-T H.273.
        let matrix = match (color.matrix, color.primaries) {
            (0, _) if is_gray => 6,
            (12, 1 | 2) => 1,
            (12, 5 | 6) => 6,
            (12, 9) => 9,
            (matrix, _) => matrix,
        };
        let (limited, full) = match matrix {
            1 => (BT709_LIMITED, BT709_FULL),
            // Unspecified is taken for BT.601.
            2 | 5 | 6 => (BT601_LIMITED, BT601_FULL),
            9 => (BT2020_LIMITED, BT2020_FULL),
            _ => return None,
        };
        Some(match color.full_range {
            true => Self {
                factors: full,
                luma: 16320,
                bias: 32,
            },
            false => Self {
                factors: limited,
                luma: if matrix == 9 { 19003 } else { 18997 },
                bias: -1160,
            },
        })
    }

    /// True where samples of more than 8 bits are converted as they are; else they are cut to bytes before.
    pub fn reads_deep_samples(bits: usize, layout: PixelLayout, has_alpha: bool) -> bool {
        let has_function = match layout {
            PixelLayout::I400 => false,
            PixelLayout::I420 => matches!(bits, 10 | 12),
            PixelLayout::I422 | PixelLayout::I444 => bits == 10,
        };
        has_alpha && has_function
    }

    pub fn row(&self, planes: &Planes, y: usize, chroma: &mut ChromaRow, out: &mut [[u8; 3]]) {
        let bits = planes.bits;
        let luma = planes.luma.row(y).iter().map(|luma| self.luma(*luma, bits));
        let Some(of_chroma) = &planes.chroma else {
            for (pixel, luma) in out.iter_mut().zip(luma) {
                *pixel = [to_byte(luma); 3];
            }
            return;
        };
        for (plane, row) in of_chroma.iter().zip(&mut chroma.0) {
            row.resize(out.len(), 0);
            upsample(plane, planes.layout, bits, y, row);
        }
        let [u, v] = &chroma.0;
        for ((pixel, luma), (u, v)) in out.iter_mut().zip(luma).zip(u.iter().zip(v)) {
            let centered = |sample: u16| i32::from((sample >> (bits - 8)).min(255)) - 128;
            let (u, v) = (centered(*u), centered(*v));
            *pixel = [
                luma + v * self.factors.red_by_v,
                luma - u * self.factors.green_by_u - v * self.factors.green_by_v,
                luma + u * self.factors.blue_by_u,
            ]
            .map(to_byte);
        }
    }

    /// 64 times the light of a sample.
    fn luma(&self, sample: u16, bits: usize) -> i32 {
        let sample = u32::from(sample);
        // Bits are repeated below.
        let wide = (sample << (16 - bits) | sample >> (2 * bits - 16)) & 0xffff;
        ((wide * self.luma) >> 16) as i32 + self.bias
    }
}

fn to_byte(value: i32) -> u8 {
    (value >> 6).clamp(0, 255) as u8
}

/// A row of chroma at every pixel: between the centers of samples that stand for several pixels, three quarters of the
/// nearest. A last column without a neighbor to the right has the nearest alone.
fn upsample(plane: &Plane, layout: PixelLayout, bits: usize, y: usize, out: &mut [u16]) {
    let across = matches!(layout, PixelLayout::I420 | PixelLayout::I422);
    if !across {
        out.copy_from_slice(plane.row(y));
        return;
    }
    let (near, far) = nearest_rows(plane, layout, y);
    let (near, far) = (plane.row(near), plane.row(far));
    if bits == 12 {
        // Those that libyuv does not interpolate.
        for (x, out) in out.iter_mut().enumerate() {
            *out = near[x / 2];
        }
        return;
    }
    let last = out.len() - 1;
    for (x, out) in out.iter_mut().enumerate() {
        let at = x / 2;
        let beside = match x % 2 {
            _ if x == 0 || x == last => at,
            0 => at - 1,
            _ => at + 1,
        };
        let sum = 9 * u32::from(near[at])
            + 3 * u32::from(near[beside])
            + 3 * u32::from(far[at])
            + u32::from(far[beside]);
        *out = ((sum + 8) >> 4) as u16;
    }
}
