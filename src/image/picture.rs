//! A decoded picture as its decoder left it, read upright and as RGB one block of rows at a time.
//!
//! Orientation is three numbers (where the first pixel lies, and the step to the next pixel and to
//! the next row), so a phone's portrait photo is never turned in memory.

use std::borrow::Cow;
use std::ops::Range;

/// What one pixel's bytes are. 16-bit samples are in the machine's byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    L8,
    La8,
    Rgb8,
    Rgba8,
    /// Saturates at 255, as Pillow converts its mode `I;16`.
    L16,
    /// The same with a transparent level, read as alpha.
    L16Transparent,
    /// Of this and the two below the high byte counts, as Pillow unpacks such files.
    La16,
    Rgb16,
    Rgba16,
    /// Cyan, magenta, yellow and black ink.
    Cmyk8,
}

impl Layout {
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            Self::L8 => 1,
            Self::La8 | Self::L16 => 2,
            Self::Rgb8 => 3,
            Self::Rgba8 | Self::La16 | Self::L16Transparent | Self::Cmyk8 => 4,
            Self::Rgb16 => 6,
            Self::Rgba16 => 8,
        }
    }

    /// Red, green and blue of one pixel's bytes.
    #[inline(always)]
    fn rgb(self, pixel: &[u8]) -> [u8; 3] {
        let high = usize::from(cfg!(target_endian = "little"));
        match self {
            Self::L8 | Self::La8 => [pixel[0]; 3],
            Self::Rgb8 | Self::Rgba8 => [pixel[0], pixel[1], pixel[2]],
            Self::L16 | Self::L16Transparent => [u16::from_ne_bytes([pixel[0], pixel[1]]).min(255) as u8; 3],
            Self::La16 => [pixel[high]; 3],
            Self::Rgb16 | Self::Rgba16 => [pixel[high], pixel[2 + high], pixel[4 + high]],
            Self::Cmyk8 => [0, 1, 2].map(|ink| without_ink(pixel[ink], pixel[3])),
        }
    }
}

/// The light that is left of a channel under `ink` and black, in Pillow's integer steps.
fn without_ink(ink: u8, black: u8) -> u8 {
    let light = 255 - u32::from(black);
    let product = u32::from(ink) * light + 128;
    (light - (((product >> 8) + product) >> 8).min(light)) as u8
}

/// EXIF's eight orientations, by what is done to see the picture upright.
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
    /// By the value of EXIF's tag 0x0112; what is not 1 to 8 means nothing.
    pub fn from_exif(value: u8) -> Self {
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

/// Pixels in memory and how to see them upright.
pub(super) struct Picture<'a> {
    data: Cow<'a, [u8]>,
    layout: Layout,
    width: usize,
    height: usize,
    /// Index of the upright picture's first pixel.
    origin: isize,
    /// From a pixel to its right neighbour, in pixels.
    step_x: isize,
    /// From a pixel to the one below.
    step_y: isize,
}

impl<'a> Picture<'a> {
    /// Stored `width` x `height` pixels; `data` holds exactly those.
    pub fn new(
        width: u32,
        height: u32,
        layout: Layout,
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
        if matches!(self.layout, Layout::Rgb8 | Layout::Rgba8) {
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
        // One loop for each layout, so that none asks for it at every pixel.
        match self.layout {
            Layout::Rgb8 if self.step_x == 1 => self.copy_rgb(rows, columns, out),
            Layout::L8 => self.gather(rows, columns, out, |pixel| Layout::L8.rgb(pixel)),
            Layout::La8 => self.gather(rows, columns, out, |pixel| Layout::La8.rgb(pixel)),
            Layout::Rgb8 => self.gather(rows, columns, out, |pixel| Layout::Rgb8.rgb(pixel)),
            Layout::Rgba8 => self.gather(rows, columns, out, |pixel| Layout::Rgba8.rgb(pixel)),
            Layout::L16 => self.gather(rows, columns, out, |pixel| Layout::L16.rgb(pixel)),
            Layout::La16 => self.gather(rows, columns, out, |pixel| Layout::La16.rgb(pixel)),
            Layout::L16Transparent => {
                self.gather(rows, columns, out, |pixel| Layout::L16Transparent.rgb(pixel))
            }
            Layout::Cmyk8 => self.gather(rows, columns, out, |pixel| Layout::Cmyk8.rgb(pixel)),
            Layout::Rgb16 => self.gather(rows, columns, out, |pixel| Layout::Rgb16.rgb(pixel)),
            Layout::Rgba16 => self.gather(rows, columns, out, |pixel| Layout::Rgba16.rgb(pixel)),
        }
    }

    fn index(&self, x: usize, y: usize) -> usize {
        (self.origin + x as isize * self.step_x + y as isize * self.step_y) as usize
    }

    fn copy_rgb(&self, rows: Range<usize>, columns: Range<usize>, out: &mut [u8]) {
        let bytes = columns.len() * 3;
        for (y, row) in rows.zip(out.chunks_exact_mut(bytes)) {
            let start = self.index(columns.start, y) * 3;
            row.copy_from_slice(&self.data[start..start + bytes]);
        }
    }

    fn gather(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [u8],
        rgb: impl Fn(&[u8]) -> [u8; 3],
    ) {
        let bytes = self.layout.bytes_per_pixel();
        let pixel = |x, y| {
            let start = self.index(x, y) * bytes;
            rgb(&self.data[start..start + bytes])
        };
        let width = columns.len();
        if self.step_x.abs() <= self.step_y.abs() {
            for (y, row) in rows.zip(out.chunks_exact_mut(width * 3)) {
                for (x, rgb) in columns.clone().zip(row.chunks_exact_mut(3)) {
                    rgb.copy_from_slice(&pixel(x, y));
                }
            }
        } else {
            // Upright rows are stored columns: walk memory in its own order.
            for (i, x) in columns.enumerate() {
                for (j, y) in rows.clone().enumerate() {
                    let at = (j * width + i) * 3;
                    out[at..at + 3].copy_from_slice(&pixel(x, y));
                }
            }
        }
    }
}
