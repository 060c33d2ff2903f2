//! Conversion of a TIFF's samples to bytes: as in Pillow, 16-bit and 32-bit grays saturate, and of other
//! 16-bit samples the high byte counts.

use super::lab::LabTable;
use super::unpack::Compression;
use crate::Result;
use crate::image::decode::file::File;
use crate::image::decode::ifd::Ifd;
use crate::image::decode::jpeg::ColorSpace;
use crate::image::decoded::{Palette, PixelLayout, without_ink};

const BITS: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const SAMPLES: u16 = 277;
const PLANAR: u16 = 284;
const COLOR_MAP: u16 = 320;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;
const SUBSAMPLING: u16 = 530;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Color {
    Gray {
        white_is_zero: bool,
    },
    Rgb,
    Palette,
    Cmyk,
    /// Luma and chroma of every pixel, as JPEG has them.
    YCbCr,
    /// Lightness and two differences of colors, with a sign.
    Lab,
}

impl Color {
    fn channels(self) -> usize {
        match self {
            Self::Gray { .. } | Self::Palette => 1,
            Self::Rgb | Self::YCbCr | Self::Lab => 3,
            Self::Cmyk => 4,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alpha {
    None,
    Straight,
    /// Colors are multiplied by it.
    Premultiplied,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Unsigned,
    Signed,
    Float,
}

pub(super) struct Samples {
    bits: u8,
    number: Number,
    color: Color,
    luma_and_chroma: bool,
    /// The chunks are compressed.
    packed: bool,
    alpha: Alpha,
    /// Samples of a pixel, those without a meaning included.
    count: usize,
    planar: bool,
    big_endian: bool,
    palette: Box<Palette>,
    /// For CIE L*a*b* alone.
    lab: Option<LabTable>,
}

impl Samples {
    /// The samples that a directory describes; those of a JPEG are RGB once it is decoded, though the file says luma and
    /// chroma.
    pub fn new(file: &File, ifd: &Ifd, compression: Compression) -> Result<Self> {
        let count = ifd.first_number(SAMPLES).unwrap_or(1);
        let count = usize::try_from(count)
            .ok()
            .filter(|count| (1..=16).contains(count));
        let count = count.ok_or_else(|| file.unsupported("more than 16 samples for each pixel"))?;
        let bits = ifd.first_number(BITS).unwrap_or(1);
        let same = ifd
            .numbers(BITS)
            .is_none_or(|mut all| all.all(|other| other == bits));
        let number = match ifd.first_number(SAMPLE_FORMAT).unwrap_or(1) {
            2 => Number::Signed,
            3 => Number::Float,
            _ => Number::Unsigned,
        };
        let luma_and_chroma = ifd.first_number(PHOTOMETRIC) == Some(6);
        let color = match compression == Compression::Jpeg && luma_and_chroma {
            true => Color::Rgb,
            false => color(file, ifd)?,
        };
        let few = matches!(color, Color::Gray { .. } | Color::Palette) && count == 1;
        let known = match (bits, number) {
            (1 | 2 | 4, Number::Unsigned) => few,
            (12, Number::Unsigned) => few && color != Color::Palette,
            _ if color == Color::Lab => (bits, number, count) == (8, Number::Unsigned, 3),
            (8, Number::Unsigned | Number::Signed) | (16, Number::Unsigned) => true,
            (16 | 32, Number::Signed) | (32, _) => few && color != Color::Palette,
            _ => false,
        };
        if !same || !known || count < color.channels() {
            return Err(file.unsupported(format_args!("{count} samples of {bits} bits")));
        }
        if color == Color::Palette && ifd.data(COLOR_MAP).is_none() {
            return Err(file.ends_early());
        }
        Ok(Self {
            bits: bits as u8,
            number,
            color,
            luma_and_chroma,
            packed: compression != Compression::None,
            alpha: alpha(ifd, color, count),
            count,
            planar: count > 1 && ifd.first_number(PLANAR) == Some(2),
            big_endian: ifd.big_endian,
            palette: Box::new(palette(ifd, bits as u32)),
            lab: (color == Color::Lab).then(LabTable::new),
        })
    }

    /// Chunks that hold a pixel's samples.
    pub fn planes(&self) -> usize {
        if self.planar { self.count } else { 1 }
    }

    /// Samples of a pixel in a chunk.
    pub fn channels_of_chunk(&self) -> usize {
        if self.planar { 1 } else { self.count }
    }

    /// True for pixels whose chunks a JPEG can hold.
    pub fn can_be_jpeg(&self) -> bool {
        let planes_of_chroma = self.planar && self.luma_and_chroma;
        let count = self.channels_of_chunk();
        self.bits == 8 && matches!(count, 1..=4) && !planes_of_chroma && (count == 3 || !self.luma_and_chroma)
    }

    /// True where the file says that pixels are luma and chroma.
    pub fn are_luma_and_chroma(&self) -> bool {
        self.luma_and_chroma
    }

    pub fn bits_per_pixel(&self) -> u64 {
        u64::from(self.bits) * self.count as u64
    }

    /// Bytes of a row of a chunk.
    pub fn row_bytes(&self, width: usize) -> usize {
        let samples = if self.planar { 1 } else { self.count };
        (width * samples * usize::from(self.bits)).div_ceil(8)
    }

    /// The layout of what [`write_pixels`](Self::write_pixels) writes.
    pub fn layout(&self) -> PixelLayout {
        match (self.color, self.alpha) {
            (Color::Gray { .. }, Alpha::None) => PixelLayout::L8,
            (Color::Gray { .. }, _) => PixelLayout::La8,
            (Color::Palette, Alpha::None) => PixelLayout::Indexed(self.palette.clone()),
            (Color::Rgb | Color::Cmyk | Color::YCbCr | Color::Lab, Alpha::None) => PixelLayout::Rgb8,
            _ => PixelLayout::Rgba8,
        }
    }

    /// The shape of the samples of a chunk.
    pub fn shape(&self) -> SampleShape {
        SampleShape {
            stride: self.channels_of_chunk(),
            bytes: usize::from(self.bits / 8).max(1),
            float: self.number == Number::Float,
            big_endian: self.big_endian,
        }
    }

    /// Puts the samples of planes beside each other.
    pub fn interleave<'r>(&self, plane: impl Fn(usize) -> &'r [u8], width: usize, out: &mut Vec<u8>) {
        let bytes = usize::from(self.bits / 8);
        out.clear();
        out.resize(width * self.count * bytes, 0);
        for index in 0..self.count {
            let samples = plane(index).chunks_exact(bytes);
            let places = out.chunks_exact_mut(bytes).skip(index).step_by(self.count);
            places
                .zip(samples)
                .for_each(|(place, sample)| place.copy_from_slice(sample));
        }
    }

    /// The bytes of `width` pixels of an interleaved row.
    pub fn write_pixels(&self, row: &[u8], width: usize, out: &mut Vec<u8>) {
        if self.bits < 8 {
            return self.write_bits(row, width, out);
        }
        let mut pixel = [0; 16];
        for x in 0..width {
            for (index, byte) in pixel[..self.count].iter_mut().enumerate() {
                *byte = self.byte(row, x * self.count + index);
            }
            self.write_pixel(&pixel, out);
        }
    }

    fn write_bits(&self, row: &[u8], width: usize, out: &mut Vec<u8>) {
        let levels = (1u8 << self.bits) - 1;
        let each = usize::from(8 / self.bits);
        out.extend((0..width).map(|x| {
            let level = row[x / each] >> (8 - usize::from(self.bits) * (x % each + 1)) & levels;
            match self.color {
                Color::Gray { white_is_zero: true } => (levels - level) * (255 / levels),
                Color::Gray { .. } => level * (255 / levels),
                _ => level,
            }
        }));
    }

    /// Writes one pixel from the bytes of its samples.
    fn write_pixel(&self, pixel: &[u8; 16], out: &mut Vec<u8>) {
        let alpha = pixel[self.color.channels()];
        let straight = |channel: u8| match self.alpha {
            Alpha::Premultiplied if alpha != 0 => {
                (255 * u32::from(channel) / u32::from(alpha)).min(255) as u8
            }
            _ => channel,
        };
        match self.color {
            Color::Gray { white_is_zero } => {
                let inverted = white_is_zero && self.bits == 8;
                out.push(straight(if inverted { 255 - pixel[0] } else { pixel[0] }));
            }
            Color::Palette if self.alpha == Alpha::None => out.push(pixel[0]),
            Color::Palette => out.extend(self.palette[usize::from(pixel[0])]),
            Color::Rgb => out.extend([pixel[0], pixel[1], pixel[2]].map(straight)),
            Color::YCbCr if self.packed => {
                let rows = [&pixel[..1], &pixel[1..2], &pixel[2..3]];
                let mut rgb = [0; 3];
                ColorSpace::YCbCr.convert(&rows, &mut rgb);
                out.extend(rgb);
            }
            Color::YCbCr => out.extend(rgb_of_ycbcr([pixel[0], pixel[1], pixel[2]])),
            Color::Lab => out.extend(
                self.lab
                    .iter()
                    .flat_map(|table| table.rgb([pixel[0], pixel[1], pixel[2]])),
            ),
            Color::Cmyk => out.extend([0, 1, 2].map(|ink| without_ink(pixel[ink], pixel[3]))),
        }
        if self.alpha != Alpha::None {
            out.push(alpha);
        }
    }

    /// The byte of a sample of a row.
    fn byte(&self, row: &[u8], index: usize) -> u8 {
        let bytes = |count: usize| &row[index * count..][..count];
        let gray = matches!(self.color, Color::Gray { .. }) && self.count == 1;
        match (self.bits, self.number) {
            (8, _) => row[index],
            (12, _) => {
                let at = index * 3 / 2;
                let pair = u16::from_be_bytes([row[at], row.get(at + 1).copied().unwrap_or(0)]);
                let sample = if index.is_multiple_of(2) {
                    pair >> 4
                } else {
                    pair & 0xfff
                };
                sample.min(255) as u8
            }
            (16, Number::Signed) => (self.integer(bytes(2)) as i16).clamp(0, 255) as u8,
            (16, _) if gray => self.integer(bytes(2)).min(255) as u8,
            (16, _) => (self.integer(bytes(2)) >> 8) as u8,
            // Pillow takes those without a sign for signed ones too: the largest are black.
            (_, Number::Signed | Number::Unsigned) => (self.integer(bytes(4)) as i32).clamp(0, 255) as u8,
            (_, Number::Float) => f32::from_bits(self.integer(bytes(4))).clamp(0.0, 255.0) as u8,
        }
    }

    fn integer(&self, bytes: &[u8]) -> u32 {
        self.shape().number(bytes)
    }
}

/// Number, length and order of the bytes of samples in a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleShape {
    /// Samples of a pixel.
    pub stride: usize,
    /// Bytes of a sample.
    pub bytes: usize,
    /// Samples are floating-point numbers.
    pub float: bool,
    pub big_endian: bool,
}

impl SampleShape {
    /// The number that the bytes of a sample are.
    pub fn number(&self, bytes: &[u8]) -> u32 {
        let join = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
        if self.big_endian {
            bytes.iter().fold(0, join)
        } else {
            bytes.iter().rev().fold(0, join)
        }
    }

    /// The place of a sample's byte among them in the order from lowest to highest.
    pub fn place(&self, index: usize) -> usize {
        if self.big_endian {
            self.bytes - 1 - index
        } else {
            index
        }
    }
}

/// The colors that a file says its samples have.
fn color(file: &File, ifd: &Ifd) -> Result<Color> {
    Ok(match ifd.first_number(PHOTOMETRIC).unwrap_or(1) {
        0 => Color::Gray { white_is_zero: true },
        1 => Color::Gray { white_is_zero: false },
        2 => Color::Rgb,
        3 => Color::Palette,
        5 => Color::Cmyk,
        6 if ifd
            .numbers(SUBSAMPLING)
            .is_some_and(|mut factors| factors.all(|factor| factor == 1)) =>
        {
            Color::YCbCr
        }
        6 => return Err(file.unsupported("YCbCr colors of fewer pixels")),
        8 => Color::Lab,
        9 | 10 => return Err(file.unsupported("Lab colors of ICC or ITU")),
        other => return Err(file.unsupported(format_args!("photometric interpretation {other}"))),
    })
}

/// The meaning of a sample that a pixel has beside its colors.
fn alpha(ifd: &Ifd, color: Color, count: usize) -> Alpha {
    match ifd.first_number(EXTRA_SAMPLES) {
        _ if count == color.channels() || matches!(color, Color::Cmyk | Color::YCbCr) => Alpha::None,
        None if color == Color::Rgb => Alpha::Straight,
        Some(1) => Alpha::Premultiplied,
        Some(2 | 999) => Alpha::Straight,
        _ => Alpha::None,
    }
}

/// The color map: all reds, all greens, all blues, in 16 bits, of which the high byte counts.
fn palette(ifd: &Ifd, bits: u32) -> Palette {
    let mut palette = [[0; 3]; 256];
    let colors = 1usize << bits.min(8);
    if let Some(map) = ifd.numbers(COLOR_MAP) {
        for (index, value) in map.take(3 * colors).enumerate() {
            palette[index % colors][index / colors] = (value >> 8) as u8;
        }
    }
    palette
}

/// In the fixed-point steps of Pillow, of six bits. (It has libtiff convert what is compressed, in those of JPEG.)
fn rgb_of_ycbcr([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let times = |factor: f64, chroma: u8| (factor * f64::from(i32::from(chroma) - 128) * 64.0 + 0.5) as i32;
    let add = |sum: i32| (i32::from(luma) + (sum >> 6)).clamp(0, 255) as u8;
    [
        add(times(1.402, red)),
        add(times(-0.34414, blue) + times(-0.71414, red)),
        add(times(1.772, blue)),
    ]
}
