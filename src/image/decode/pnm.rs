//! PNM: bitmaps, graymaps and pixmaps, as text or binary, PAM, and graymaps of floats (PFM).
//!
//! Samples of another maximum than 255 are scaled to bytes as in Pillow, but grays of more than 8 bits, which become
//! 16-bit there and saturate at 255.

use super::canvas::Canvas;
use super::file::File;
use crate::Result;
use crate::image::decoded::{DecodedImage, Orientation, PixelLayout};

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let mut tokens = Tokens {
        rest: &file.bytes[2..],
    };
    let kind = file.bytes[1];
    if kind == b'f' {
        return read_floats(file, &mut tokens);
    }
    let header = if kind == b'7' {
        pam_header(file, &mut tokens)?
    } else {
        header(file, kind, &mut tokens)?
    };
    let Header {
        width,
        height,
        channels,
        maximum,
    } = header;
    let plain = matches!(kind, b'1'..=b'3');
    let bitmap = matches!(kind, b'1' | b'4');
    let sample_bytes = if plain || maximum < 256 { 1 } else { 2 };
    file.check_size(width, height, |pixels| {
        let samples = pixels * channels as u64;
        if kind == b'4' {
            samples / 8
        } else {
            samples * sample_bytes as u64
        }
    })?;
    let layout = match channels {
        1 => PixelLayout::L8,
        2 => PixelLayout::La8,
        3 => PixelLayout::Rgb8,
        4 => PixelLayout::Rgba8,
        other => return Err(file.unsupported(format_args!("{other} channels"))),
    };
    let mut canvas = Canvas::new(file, width, height, layout, 0)?;
    let mut rows = Rows {
        file,
        tokens,
        plain,
        bitmap,
        maximum,
        sample_bytes,
        scale: Scale::new(maximum, channels),
    };
    let mut row = vec![0; width as usize * channels];
    for y in 0..height as usize {
        rows.read(&mut row)?;
        canvas.write(0, y, 1, &row)?;
    }
    Ok(canvas.finish(Orientation::Upright))
}

/// A graymap of floats, the lowest row first. Pillow makes bytes of those between 0 and 255, whatever the scale, whose
/// sign is that of the byte order.
fn read_floats(file: &File, tokens: &mut Tokens) -> Result<DecodedImage<'static>> {
    let (width, height) = (tokens.number(file)?, tokens.number(file)?);
    let scale = std::str::from_utf8(tokens.word(file)?).ok();
    let scale = scale.and_then(|scale| scale.parse::<f64>().ok());
    let scale = scale.filter(|scale| scale.is_finite() && *scale != 0.0);
    let is_little = scale.ok_or_else(|| file.damaged("its scale is no number"))? < 0.0;
    tokens.rest = tokens.rest.get(1..).unwrap_or_default();
    file.check_size(width, height, |pixels| 4 * pixels)?;
    let mut canvas = Canvas::new(file, width, height, PixelLayout::L8, 0)?;
    let mut row = vec![0; width as usize];
    for y in (0..height as usize).rev() {
        let bytes = tokens.bytes(file, 4 * row.len())?;
        for (byte, float) in row.iter_mut().zip(bytes.as_chunks().0) {
            let value = match is_little {
                true => f32::from_le_bytes(*float),
                false => f32::from_be_bytes(*float),
            };
            // As Rust does it too: toward zero, and to the nearest of those that a byte has.
            *byte = value as u8;
        }
        canvas.write(0, y, 1, &row)?;
    }
    Ok(canvas.finish(Orientation::Upright))
}

/// The samples behind a header, row by row.
struct Rows<'a, 'f> {
    file: &'a File<'f>,
    tokens: Tokens<'a>,
    /// Samples are written as text.
    plain: bool,
    /// A sample is one bit, and a set one is black.
    bitmap: bool,
    maximum: u32,
    sample_bytes: usize,
    scale: Scale,
}

impl Rows<'_, '_> {
    /// Reads the next row as one byte a sample.
    fn read(&mut self, row: &mut [u8]) -> Result<()> {
        let (file, tokens) = (self.file, &mut self.tokens);
        match (self.plain, self.bitmap) {
            (true, true) => {
                for byte in row {
                    *byte = 255 * (1 - tokens.bit(file)?);
                }
            }
            (true, false) => {
                for byte in row {
                    *byte = self.scale.byte(tokens.sample(file, self.maximum)?);
                }
            }
            (false, true) => {
                let bits = tokens.bytes(file, row.len().div_ceil(8))?;
                for (x, byte) in row.iter_mut().enumerate() {
                    *byte = 255 * (1 - (bits[x / 8] >> (7 - x % 8) & 1));
                }
            }
            (false, false) => {
                let bytes = tokens.bytes(file, row.len() * self.sample_bytes)?;
                for (byte, sample) in row.iter_mut().zip(bytes.chunks_exact(self.sample_bytes)) {
                    let value = sample.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
                    *byte = self.scale.byte(value);
                }
            }
        }
        Ok(())
    }
}

struct Header {
    width: u32,
    height: u32,
    channels: usize,
    /// The largest value of a sample; 1 for bitmaps.
    maximum: u32,
}

fn header(file: &File, kind: u8, tokens: &mut Tokens) -> Result<Header> {
    let width = tokens.number(file)?;
    let height = tokens.number(file)?;
    let bitmap = matches!(kind, b'1' | b'4');
    let maximum = if bitmap { 1 } else { tokens.number(file)? };
    // One white space ends the header.
    tokens.rest = tokens.rest.get(1..).unwrap_or_default();
    check_maximum(file, maximum)?;
    Ok(Header {
        width,
        height,
        channels: if matches!(kind, b'3' | b'6') { 3 } else { 1 },
        maximum,
    })
}

fn pam_header(file: &File, tokens: &mut Tokens) -> Result<Header> {
    let mut header = Header {
        width: 0,
        height: 0,
        channels: 0,
        maximum: 0,
    };
    loop {
        match tokens.word(file)? {
            b"ENDHDR" => break,
            b"WIDTH" => header.width = tokens.number(file)?,
            b"HEIGHT" => header.height = tokens.number(file)?,
            b"DEPTH" => header.channels = tokens.number(file)? as usize,
            b"MAXVAL" => header.maximum = tokens.number(file)?,
            b"TUPLTYPE" => tokens.skip_line(),
            _ => return Err(file.damaged("its header has a line that is not PAM's")),
        }
    }
    tokens.rest = tokens.rest.get(1..).unwrap_or_default();
    check_maximum(file, header.maximum)?;
    Ok(header)
}

fn check_maximum(file: &File, maximum: u32) -> Result<()> {
    match maximum {
        1..=65535 => Ok(()),
        _ => Err(file.damaged(format_args!("its largest sample is {maximum}, not 1 to 65535"))),
    }
}

/// From samples to bytes.
struct Scale {
    maximum: u32,
    /// Value that the maximum becomes.
    to: u32,
}

impl Scale {
    fn new(maximum: u32, channels: usize) -> Self {
        let deep_gray = channels == 1 && maximum > 255;
        Self {
            maximum,
            to: if deep_gray { 65535 } else { 255 },
        }
    }

    fn byte(&self, sample: u32) -> u8 {
        // As Python rounds: to the nearest, halves to the even one.
        let scaled = (f64::from(sample) / f64::from(self.maximum) * f64::from(self.to)).round_ties_even();
        scaled.min(255.0) as u8
    }
}

/// The text of a header or of plain samples: words between white space and comments.
struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    fn skip_line(&mut self) {
        let end = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
    }

    fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_ascii_start();
            if self.rest.first() != Some(&b'#') {
                return;
            }
            self.skip_line();
        }
    }

    fn word(&mut self, file: &File) -> Result<&'a [u8]> {
        self.skip_space();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'#';
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(file.ends_early());
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word)
    }

    fn number(&mut self, file: &File) -> Result<u32> {
        let word = self.word(file)?;
        std::str::from_utf8(word)
            .ok()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| file.damaged("it has a word where a number should be"))
    }

    /// A plain sample.
    fn sample(&mut self, file: &File, maximum: u32) -> Result<u32> {
        let sample = self.number(file)?;
        if sample > maximum {
            return Err(file.damaged(format_args!("a sample is {sample}, over {maximum}")));
        }
        Ok(sample)
    }

    /// A plain bit, which needs no space around it.
    fn bit(&mut self, file: &File) -> Result<u8> {
        self.skip_space();
        let (bit, rest) = self.rest.split_first().ok_or_else(|| file.ends_early())?;
        self.rest = rest;
        match bit {
            b'0' | b'1' => Ok(bit - b'0'),
            _ => Err(file.damaged("a bit is neither 0 nor 1")),
        }
    }

    fn bytes(&mut self, file: &File, count: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| file.ends_early())?;
        self.rest = rest;
        Ok(bytes)
    }
}
