//! TGA (Truevision Targa), plain or run-length encoded, in colors, grays or with a palette.

use super::canvas::Canvas;
use super::file::File;
use crate::Result;
use crate::image::decoded::{DecodedImage, Orientation, Palette, PixelLayout};

const HEADER: usize = 18;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let header = file.bytes.get(..HEADER).ok_or_else(|| file.ends_early())?;
    let size = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let (comment, has_map, kind, depth) = (usize::from(header[0]), header[1] == 1, header[2], header[16]);
    let (width, height) = (size(12), size(14));
    let run_length = kind & 8 != 0;
    let pixel_bytes = usize::from(depth).div_ceil(8);
    file.check_size(width.into(), height.into(), |pixels| {
        // A run of 128 pixels is a byte and a pixel.
        if run_length {
            pixels / 128
        } else {
            pixels * u64::from(depth) / 8
        }
    })?;
    let (colors, body) = colors(file, header, comment, has_map)?;
    let mut canvas = Canvas::new(file, width.into(), height.into(), colors.layout(), 0)?;
    let (width, height) = (usize::from(width), usize::from(height));
    let row_bytes = if depth == 1 {
        width.div_ceil(8)
    } else {
        width * pixel_bytes
    };
    let mut packets = Packets {
        rest: body,
        pixel_bytes,
        pending: None,
    };
    let (from_right, from_top) = (header[17] & 0x10 != 0, header[17] & 0x20 != 0);
    let mut unpacked = vec![0; row_bytes];
    let mut pixels = Vec::new();
    for line in 0..height {
        let whole = if run_length {
            packets.unpack(&mut unpacked)
        } else {
            packets.copy(&mut unpacked)
        };
        whole.ok_or_else(|| file.ends_early())?;
        pixels.clear();
        colors.write_pixels(&unpacked, width, &mut pixels);
        if from_right {
            let bytes = canvas.bytes_per_pixel();
            pixels.reverse();
            pixels.chunks_exact_mut(bytes).for_each(<[u8]>::reverse);
        }
        canvas.write(0, if from_top { line } else { height - 1 - line }, 1, &pixels)?;
    }
    Ok(canvas.finish(Orientation::Upright))
}

/// Encoding of the pixels of a file of this header, and their bytes.
fn colors<'a>(file: &File<'a>, header: &[u8], comment: usize, has_map: bool) -> Result<(Colors, &'a [u8])> {
    let size = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let (kind, depth) = (header[2] & 7, header[16]);
    let map = Map {
        first: size(3),
        depth: header[7],
    };
    let map_bytes = if has_map { size(5) * map.entry_bytes() } else { 0 };
    let body = file.bytes.get(HEADER + comment..);
    let (map_data, body) = body
        .and_then(|body| body.split_at_checked(map_bytes))
        .ok_or_else(|| file.ends_early())?;
    let colors = match (kind, depth) {
        (1, 8) => Colors::Map(Box::new(map.palette(map_data))),
        (2, 15 | 16) => Colors::FiveBits,
        (2, 24) => Colors::Bgr,
        (2, 32) => Colors::Bgra,
        (3, 1) => Colors::Bits,
        (3, 8) => Colors::Gray,
        (3, 16) => Colors::GrayAlpha,
        _ => return Err(file.unsupported(format_args!("{depth} bits for each pixel of kind {kind}"))),
    };
    Ok((colors, body))
}

/// The palette's place among indices, and the bits of its entries.
struct Map {
    first: usize,
    depth: u8,
}

impl Map {
    fn entry_bytes(&self) -> usize {
        usize::from(self.depth).div_ceil(8)
    }

    fn palette(&self, data: &[u8]) -> Palette {
        let mut palette = [[0; 3]; 256];
        let entries = data.chunks_exact(self.entry_bytes().max(1));
        for (color, entry) in palette.iter_mut().skip(self.first).zip(entries) {
            // Pillow makes nothing of a palette's transparency.
            *color = match *entry {
                [low, high] => {
                    let [red, green, blue, _] = five_bits(low, high);
                    [red, green, blue]
                }
                [blue, green, red] | [blue, green, red, _] => [red, green, blue],
                _ => *color,
            };
        }
        palette
    }
}

/// Meaning of a pixel's bytes.
enum Colors {
    Map(Box<Palette>),
    /// Five bits of blue, green and red each, and one of transparency.
    FiveBits,
    Bgr,
    Bgra,
    Bits,
    Gray,
    GrayAlpha,
}

impl Colors {
    fn layout(&self) -> PixelLayout {
        match self {
            Self::Map(palette) => PixelLayout::Indexed(palette.clone()),
            Self::FiveBits | Self::Bgra => PixelLayout::Rgba8,
            Self::Bgr => PixelLayout::Rgb8,
            Self::Bits | Self::Gray => PixelLayout::L8,
            Self::GrayAlpha => PixelLayout::La8,
        }
    }

    fn write_pixels(&self, stored: &[u8], width: usize, out: &mut Vec<u8>) {
        match self {
            Self::Map(_) | Self::Gray | Self::GrayAlpha => out.extend(stored),
            Self::FiveBits => out.extend(
                stored
                    .as_chunks()
                    .0
                    .iter()
                    .flat_map(|[low, high]| five_bits(*low, *high)),
            ),
            Self::Bgr => out.extend(stored.as_chunks().0.iter().flat_map(|[b, g, r]| [*r, *g, *b])),
            Self::Bgra => out.extend(
                stored
                    .as_chunks()
                    .0
                    .iter()
                    .flat_map(|[b, g, r, a]| [*r, *g, *b, *a]),
            ),
            Self::Bits => out.extend((0..width).map(|x| 255 * (stored[x / 8] >> (7 - x % 8) & 1))),
        }
    }
}

/// Red, green, blue and alpha of a 16-bit pixel, whose highest bit says that it is transparent.
fn five_bits(low: u8, high: u8) -> [u8; 4] {
    let pixel = u16::from_le_bytes([low, high]);
    let channel = |shift: u16| ((pixel >> shift & 31) * 255 / 31) as u8;
    [
        channel(10),
        channel(5),
        channel(0),
        if pixel >> 15 == 0 { 255 } else { 0 },
    ]
}

/// Stored pixels, in packets of up to 128 where they are run-length encoded.
struct Packets<'a> {
    rest: &'a [u8],
    pixel_bytes: usize,
    /// Pixels that the last packet still has, and the pixel that it repeats if it does.
    pending: Option<(usize, Option<&'a [u8]>)>,
}

impl<'a> Packets<'a> {
    /// Fills `out` with stored bytes; none where there are too few.
    fn copy(&mut self, out: &mut [u8]) -> Option<()> {
        let (bytes, rest) = self.rest.split_at_checked(out.len())?;
        out.copy_from_slice(bytes);
        self.rest = rest;
        Some(())
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    /// Fills `out` with the pixels of packets, which may go on into the next row.
    fn unpack(&mut self, mut out: &mut [u8]) -> Option<()> {
        while !out.is_empty() {
            let (count, repeated) = match self.pending.take() {
                Some(pending) => pending,
                None => {
                    let head = self.take(1)?[0];
                    let repeated = if head & 0x80 != 0 {
                        Some(self.take(self.pixel_bytes)?)
                    } else {
                        None
                    };
                    (usize::from(head & 0x7f) + 1, repeated)
                }
            };
            let fits = count.min(out.len() / self.pixel_bytes);
            let (now, later) = out.split_at_mut(fits * self.pixel_bytes);
            match repeated {
                Some(pixel) => now
                    .chunks_exact_mut(self.pixel_bytes)
                    .for_each(|place| place.copy_from_slice(pixel)),
                None => now.copy_from_slice(self.take(now.len())?),
            }
            if count > fits {
                self.pending = Some((count - fits, repeated));
            }
            out = later;
        }
        Some(())
    }
}
