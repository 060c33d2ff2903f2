//! PNG by the `png` crate, row by row.
//!
//! The decoder is given only the header and the compressed pixels: profiles and texts, which a small file may claim
//! to be large, and checksums, which a slightly damaged file has wrong, play no part. Samples become bytes as in
//! Pillow: 16-bit gray saturates at 255, of other 16-bit samples the high byte counts, and the transparent color is
//! compared with those bytes.

use super::canvas::Canvas;
use super::file::File;
use super::orientation;
use crate::image::decoded::{DecodedImage, Orientation, Palette, PixelLayout, on_white};
use crate::{Error, Result};
use png::{ColorType, DecodeOptions, Decoder, DecodingError, Limits, Transformations};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Most bytes of a compressed text that are looked at for an orientation.
const LONGEST_TEXT: usize = 1 << 20;
/// First column and row of each pass of an interlaced image, and the distance to the next ones.
const ADAM7: [[usize; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let transparency = chunk(file.bytes, b"tRNS").unwrap_or_default();
    read_as(file, transparency, orientation_of(file.bytes))
}

/// Reads a PNG as Pillow reads those of icons: without a transparent color and upright.
pub(super) fn read_bare(file: &File) -> Result<DecodedImage<'static>> {
    read_as(file, &[], Orientation::Upright)
}

/// Reads the pixels; `transparency` is the data of `tRNS`.
fn read_as(file: &File, transparency: &[u8], orientation: Orientation) -> Result<DecodedImage<'static>> {
    let (pixels, complete) = pixel_chunks(file)?;
    let failed = |error: DecodingError| incomplete(file, complete, &error);
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(true);
    let mut decoder = Decoder::new_with_options(file.reader(&pixels), options);
    decoder.set_transformations(Transformations::IDENTITY);
    let header = decoder.read_header_info().map_err(failed)?;
    let (width, height) = (header.width, header.height);
    let (color, bits, interlaced) = (header.color_type, header.bit_depth as u8, header.interlaced);
    // Deflate's longest match is 258 bytes for 2 bits.
    let bits_per_pixel = header.bits_per_pixel() as u64;
    file.check_size(width, height, |pixels| pixels * bits_per_pixel / 8 / 1032)?;
    // The decoder holds some rows at a time.
    let working = 4 * header.raw_row_length() as u64 + (1 << 18);
    decoder.set_limits(Limits {
        bytes: usize::try_from(working).unwrap_or(usize::MAX),
    });

    let samples = Samples {
        color,
        bits,
        colors: chunk(file.bytes, b"PLTE").unwrap_or_default(),
        transparency,
    };
    let mut canvas = Canvas::new(file, width, height, samples.layout(), working)?;
    let mut reader = decoder.read_info().map_err(failed)?;
    let (width, height) = (width as usize, height as usize);
    let mut bytes = Vec::new();
    for [left, top, right, down] in passes(interlaced) {
        let count = width.saturating_sub(*left).div_ceil(*right);
        if count == 0 {
            continue;
        }
        for y in (*top..height).step_by(*down) {
            let row = reader.next_row().map_err(failed)?;
            let Some(row) = row else {
                return Err(file.ends_early());
            };
            bytes.clear();
            samples.write_bytes(row.data(), count, &mut bytes);
            canvas.write(*left, y, *right, &bytes)?;
        }
    }
    Ok(canvas.finish(orientation))
}

fn passes(interlaced: bool) -> &'static [[usize; 4]] {
    if interlaced { &ADAM7 } else { &[[0, 0, 1, 1]] }
}

/// The decoder's error, or that the file ends early where it does.
fn incomplete(file: &File, complete: bool, error: &DecodingError) -> Error {
    match error {
        DecodingError::IoError(source) => file.failed(source),
        _ if file.limits.cancel.is_cancelled() => Error::Cancelled,
        _ if complete => file.failed(error),
        _ => file.ends_early(),
    }
}

/// Name and data of each chunk; the last one may be cut short.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (head, data) = rest.split_at_checked(8)?;
        let (length, name) = head.split_at(4);
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        let end = length.min(data.len());
        // Four bytes of checksum follow.
        rest = data.get(length.saturating_add(4)..).unwrap_or_default();
        Some((name, &data[..end]))
    })
}

/// The data of the first chunk of this name.
fn chunk<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    chunks(bytes)
        .find(|(other, _)| other == name)
        .map(|(_, data)| data)
}

/// A PNG of the header and the compressed pixels alone, and whether the file has an end.
fn pixel_chunks(file: &File) -> Result<(Vec<u8>, bool)> {
    let compressed = || chunks(file.bytes).filter(|(name, _)| *name == b"IDAT");
    let length: usize = compressed().map(|(_, data)| data.len()).sum();
    let header = chunk(file.bytes, b"IHDR").ok_or_else(|| file.ends_early())?;
    let complete = chunk(file.bytes, b"IEND").is_some();
    let mut png = Vec::new();
    let fits = u32::try_from(length).is_ok_and(|length| length < 1 << 31);
    if !fits || png.try_reserve_exact(length + 64).is_err() {
        return Err(file.damaged(format_args!("{length} bytes of pixels are more than can be read")));
    }
    let begin = |png: &mut Vec<u8>, name: &[u8], length: usize| {
        png.extend((length as u32).to_be_bytes());
        png.extend(name);
    };
    png.extend(SIGNATURE);
    begin(&mut png, b"IHDR", header.len());
    png.extend(header);
    png.extend([0; 4]);
    begin(&mut png, b"IDAT", length);
    compressed().for_each(|(_, data)| png.extend(data));
    png.extend([0; 4]);
    begin(&mut png, b"IEND", 0);
    png.extend([0; 4]);
    Ok((png, complete))
}

/// Kind of a row's samples.
struct Samples<'a> {
    color: ColorType,
    bits: u8,
    /// The data of `PLTE`.
    colors: &'a [u8],
    /// The data of `tRNS`.
    transparency: &'a [u8],
}

impl Samples<'_> {
    /// The layout of the bytes that [`write_bytes`](Self::write_bytes) writes.
    fn layout(&self) -> PixelLayout {
        match self.color {
            ColorType::Grayscale => match self.transparent_levels() {
                None => PixelLayout::L8,
                Some(level) => {
                    let mut palette: Palette = std::array::from_fn(|index| [index as u8; 3]);
                    palette[usize::from(level)] = [255; 3];
                    PixelLayout::Indexed(Box::new(palette))
                }
            },
            ColorType::GrayscaleAlpha => PixelLayout::La8,
            ColorType::Rgb => PixelLayout::Rgb8,
            ColorType::Rgba => PixelLayout::Rgba8,
            ColorType::Indexed => PixelLayout::Indexed(Box::new(self.palette())),
        }
    }

    /// The gray that is transparent, of which Pillow takes the low byte.
    fn transparent_levels(&self) -> Option<u8> {
        match *self.transparency {
            [high, low, ..] if self.bits == 1 => Some(if high | low == 0 { 0 } else { 255 }),
            [_, low, ..] => Some(low),
            _ => None,
        }
    }

    /// The low bytes of the red, green and blue that are transparent.
    fn transparent_color(&self) -> Option<[u8; 3]> {
        match *self.transparency {
            [_, red, _, green, _, blue, ..] => Some([red, green, blue]),
            _ => None,
        }
    }

    fn palette(&self) -> Palette {
        let mut palette = [[0; 3]; 256];
        for (entry, color) in palette.iter_mut().zip(self.colors.as_chunks().0) {
            *entry = *color;
        }
        for (entry, alpha) in palette.iter_mut().zip(self.transparency) {
            *entry = entry.map(|channel| on_white(channel, *alpha));
        }
        palette
    }

    /// The bytes of a row of `count` pixels.
    fn write_bytes(&self, row: &[u8], count: usize, out: &mut Vec<u8>) {
        match (self.bits, self.color) {
            (16, ColorType::Grayscale) => {
                let saturated = |sample: &[u8; 2]| u16::from_be_bytes(*sample).min(255) as u8;
                out.extend(row.as_chunks().0.iter().map(saturated));
            }
            (16, _) => out.extend(row.as_chunks::<2>().0.iter().map(|sample| sample[0])),
            (8, _) => out.extend(row),
            (bits, color) => {
                let levels = (1u8 << bits) - 1;
                let scale = if color == ColorType::Grayscale {
                    255 / levels
                } else {
                    1
                };
                let each = usize::from(8 / bits);
                out.extend((0..count.min(row.len() * each)).map(|x| {
                    let shift = 8 - bits as usize * (x % each + 1);
                    (row[x / each] >> shift & levels) * scale
                }));
            }
        }
        if self.color == ColorType::Rgb
            && let Some(transparent) = self.transparent_color()
        {
            for pixel in out.as_chunks_mut().0 {
                if *pixel == transparent {
                    *pixel = [255; 3];
                }
            }
        }
    }
}

/// By the chunk for EXIF, else by EXIF that ImageMagick wrote into a text, else by XMP.
fn orientation_of(bytes: &[u8]) -> Orientation {
    let exif = match chunk(bytes, b"eXIf") {
        Some(exif) => Some(exif.to_vec()),
        None => ["exif", "APP1"]
            .into_iter()
            .find_map(|kind| raw_profile(bytes, kind)),
    };
    let xmp = text(bytes, "XML:com.adobe.xmp");
    orientation::find(exif.as_deref(), xmp.as_deref())
}

/// The bytes of a text `Raw profile type KIND`: a line break, the kind, the length, then hexadecimal digits.
fn raw_profile(bytes: &[u8], kind: &str) -> Option<Vec<u8>> {
    let text = text(bytes, &format!("Raw profile type {kind}"))?;
    let lines = text.split(|byte| *byte == b'\n');
    let digits: Vec<u8> = lines
        .skip(3)
        .flatten()
        .filter_map(|digit| char::from(*digit).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    Some(
        digits
            .as_chunks()
            .0
            .iter()
            .map(|[high, low]| high << 4 | low)
            .collect(),
    )
}

/// The first text of this keyword, in any kind of text chunk, if it is of sensible length.
fn text(bytes: &[u8], keyword: &str) -> Option<Vec<u8>> {
    let (name, rest) = chunks(bytes).find_map(|(name, data)| {
        let rest = data.strip_prefix(keyword.as_bytes())?.strip_prefix(b"\0")?;
        matches!(name, b"tEXt" | b"zTXt" | b"iTXt").then_some((name, rest))
    })?;
    match (name, rest) {
        (b"tEXt", text) => Some(text.to_vec()),
        (b"zTXt", [0, compressed @ ..]) => inflate(compressed),
        // A flag and a method of compression, the language, the translated keyword.
        (b"iTXt", [compressed, 0, rest @ ..]) => {
            let text = rest.splitn(3, |byte| *byte == 0).nth(2)?;
            if *compressed == 1 {
                inflate(text)
            } else {
                Some(text.to_vec())
            }
        }
        _ => None,
    }
}

fn inflate(compressed: &[u8]) -> Option<Vec<u8>> {
    fdeflate::decompress_to_vec_bounded(compressed, LONGEST_TEXT).ok()
}
