//! A decoded image as its decoder left it, read upright and as RGB one block of rows at a time.
//!
//! Orientation is three numbers (where the first pixel lies, and the step to the next pixel and to the next row),
//! so a phone's portrait photo is never turned in memory. Transparency is composited on white while pixels are
//! read, as the `convert_to_rgb` of `transformers` does.

use std::borrow::Cow;
use std::ops::Range;

/// The bytes of one pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PixelLayout {
    L8,
    La8,
    Rgb8,
    Rgba8,
    /// One byte: an index into these colors.
    Indexed(Box<Palette>),
}

/// Red, green and blue by index; transparent entries are on white already.
pub(super) type Palette = [[u8; 3]; 256];

impl PixelLayout {
    pub fn bytes_per_pixel(&self) -> usize {
        match self {
            Self::L8 | Self::Indexed(_) => 1,
            Self::La8 => 2,
            Self::Rgb8 => 3,
            Self::Rgba8 => 4,
        }
    }

    /// Writes each of `pixels` as RGB into `out`.
    pub fn write_rgb(&self, pixels: &[u8], out: &mut [u8]) {
        match self {
            Self::L8 => convert::<1>(pixels, out, gray),
            Self::La8 => convert::<2>(pixels, out, gray_alpha),
            Self::Rgb8 => out.copy_from_slice(pixels),
            Self::Rgba8 => convert::<4>(pixels, out, rgb_alpha),
            Self::Indexed(palette) => convert::<1>(pixels, out, |[index]| palette[usize::from(index)]),
        }
    }
}

fn gray([level]: [u8; 1]) -> [u8; 3] {
    [level; 3]
}

fn gray_alpha([level, alpha]: [u8; 2]) -> [u8; 3] {
    [on_white(level, alpha); 3]
}

fn rgb_alpha([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    [red, green, blue].map(|channel| on_white(channel, alpha))
}

fn convert<const BYTES: usize>(pixels: &[u8], out: &mut [u8], rgb: impl Fn([u8; BYTES]) -> [u8; 3]) {
    for (pixel, out) in pixels.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        *out = rgb(*pixel);
    }
}

/// A channel of a pixel of this alpha on a white background, in the integer steps of Pillow's `alpha_composite`.
pub(super) fn on_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u32::from(channel), u32::from(alpha));
    // Seven more bits than a byte product has; the division by 255 is rounded.
    let sum = (channel * alpha + 255 * (255 - alpha) + 0x80) << 7;
    ((((sum >> 8) + sum) >> 8) >> 7) as u8
}

/// The light that is left of a channel under `ink` and black, in Pillow's integer steps.
pub(super) fn without_ink(ink: u8, black: u8) -> u8 {
    let light = 255 - u32::from(black);
    let product = u32::from(ink) * light + 128;
    (light - (((product >> 8) + product) >> 8).min(light)) as u8
}

/// EXIF's eight orientations, by the operation that makes the image upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orientation {
    Upright = 1,
    FlipHorizontal,
    Rotate180,
    FlipVertical,
    Transpose,
    Rotate90,
    Transverse,
    Rotate270,
}

impl Orientation {
    /// By the value of EXIF's tag 0x0112; values other than 1 to 8 mean upright.
    pub fn from_exif(value: u32) -> Self {
        match value {
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => Self::Upright,
        }
    }
}

/// Pixels in memory, and the steps that visit them upright.
pub(super) struct DecodedImage<'a> {
    data: Cow<'a, [u8]>,
    layout: PixelLayout,
    width: usize,
    height: usize,
    /// Index of the upright image's first pixel.
    origin: isize,
    /// From a pixel to its right neighbor, in pixels.
    step_x: isize,
    /// From a pixel to the one below.
    step_y: isize,
}

impl<'a> DecodedImage<'a> {
    /// Stored `width` x `height` pixels; `data` holds exactly those.
    pub fn new(
        width: u32,
        height: u32,
        layout: PixelLayout,
        orientation: Orientation,
        data: Cow<'a, [u8]>,
    ) -> Self {
        let (w, h) = (width as isize, height as isize);
        assert_eq!(data.len(), (w * h) as usize * layout.bytes_per_pixel());
        let last = w * h - 1;
        let (origin, step_x, step_y) = match orientation {
            Orientation::Upright => (0, 1, w),
            Orientation::FlipHorizontal => (w - 1, -1, w),
            Orientation::Rotate180 => (last, -1, -w),
            Orientation::FlipVertical => (last - (w - 1), 1, -w),
            Orientation::Transpose => (0, w, 1),
            Orientation::Rotate90 => (last - (w - 1), -w, 1),
            Orientation::Transverse => (last, -w, -1),
            Orientation::Rotate270 => (w - 1, w, -1),
        };
        let turned = orientation as u8 >= Orientation::Transpose as u8;
        let (width, height) = if turned {
            (h as usize, w as usize)
        } else {
            (w as usize, h as usize)
        };
        Self {
            data,
            layout,
            width,
            height,
            origin,
            step_x,
            step_y,
        }
    }

    /// Width in pixels, upright.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, upright.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Replaces each byte of red, green and blue by its entry in `tables`, in 8-bit RGB or RGBA.
    pub fn map_rgb(&mut self, tables: [&[u8; 256]; 3]) {
        let bytes = self.layout.bytes_per_pixel();
        if matches!(self.layout, PixelLayout::Rgb8 | PixelLayout::Rgba8) {
            for pixel in self.data.to_mut().chunks_exact_mut(bytes) {
                for (byte, table) in pixel.iter_mut().zip(tables) {
                    *byte = table[usize::from(*byte)];
                }
            }
        }
    }

    /// Writes the pixels of `rows` and `columns` (upright) as RGB, row by row, into `out`.
    pub fn read(&self, rows: Range<usize>, columns: Range<usize>, out: &mut [u8]) {
        assert!(rows.end <= self.height && columns.end <= self.width);
        assert_eq!(out.len(), rows.len() * columns.len() * 3);
        if self.step_x == 1 {
            let bytes = self.layout.bytes_per_pixel();
            for (y, out) in rows.zip(out.chunks_exact_mut(columns.len() * 3)) {
                let start = self.index(columns.start, y) * bytes;
                self.layout
                    .write_rgb(&self.data[start..start + columns.len() * bytes], out);
            }
            return;
        }
        // One loop for each layout, so that none asks for it at every pixel.
        match &self.layout {
            PixelLayout::L8 => self.gather(rows, columns, out, gray),
            PixelLayout::La8 => self.gather(rows, columns, out, gray_alpha),
            PixelLayout::Rgb8 => self.gather(rows, columns, out, |pixel: [u8; 3]| pixel),
            PixelLayout::Rgba8 => self.gather(rows, columns, out, rgb_alpha),
            PixelLayout::Indexed(palette) => {
                self.gather(rows, columns, out, |[index]: [u8; 1]| palette[usize::from(index)])
            }
        }
    }

    fn index(&self, x: usize, y: usize) -> usize {
        (self.origin + x as isize * self.step_x + y as isize * self.step_y) as usize
    }

    fn gather<const BYTES: usize>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [u8],
        rgb: impl Fn([u8; BYTES]) -> [u8; 3],
    ) {
        let pixels = self.data.as_chunks::<BYTES>().0;
        let out = out.as_chunks_mut().0;
        let width = columns.len();
        if self.step_x.abs() <= self.step_y.abs() {
            for (y, row) in rows.zip(out.chunks_exact_mut(width)) {
                for (x, out) in columns.clone().zip(row) {
                    *out = rgb(pixels[self.index(x, y)]);
                }
            }
        } else {
            // Upright rows are stored columns: walk memory in its own order.
            for (i, x) in columns.enumerate() {
                for (j, y) in rows.clone().enumerate() {
                    out[j * width + i] = rgb(pixels[self.index(x, y)]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::on_white;

    #[test]
    fn alpha_on_white_is_the_rounded_mixture() {
        for channel in 0..=255u8 {
            for alpha in 0..=255u8 {
                let exact = f64::from(channel) * f64::from(alpha) / 255.0 + f64::from(255 - alpha);
                let got = f64::from(on_white(channel, alpha));
                assert!(
                    (got - exact).abs() <= 0.5,
                    "{channel} at {alpha}: {got}, not {exact}"
                );
            }
        }
    }
}
