//! A GIF's first frame on its canvas, by the `gif` crate, with Pillow's choice of the color around and beneath it:
//! the transparent color of the palette if there is one, else its first.

use super::file::{CancelReader, File};
use crate::image::decoded::{DecodedImage, Orientation, Palette, PixelLayout};
use crate::{Error, Result};
use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, MemoryLimit};
use std::io::{Chain, Cursor, Read};
use std::num::NonZeroU64;

/// Bytes before the global palette.
const HEADER: usize = 13;
/// The flag in the header's byte 10 that a global palette follows; its size is in the three lowest bits.
const HAS_PALETTE: u8 = 0x80;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // One byte a pixel; the canvas is checked below, before it is made.
    options.set_memory_limit(
        NonZeroU64::new(file.limits.max_pixels).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    let mut decoder = options
        .read_info(with_palette(file))
        .map_err(|error| failed(file, &error))?;
    let (width, height) = (decoder.width(), decoder.height());
    // LZW's longest code stands for at most so many pixels, and is 12 bits.
    let shortest = |pixels: u64| pixels / 4096;
    file.check_size(width.max(1).into(), height.max(1).into(), shortest)?;
    let frame = decoder.next_frame_info().map_err(|error| failed(file, &error))?;
    let Some(frame) = frame else {
        return Err(file.ends_early());
    };
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (frame_width, frame_height) = (usize::from(frame.width), usize::from(frame.height));
    let transparent = frame.transparent;

    // A frame that sticks out widens the canvas.
    let width = usize::from(width).max(left + frame_width);
    let height = usize::from(height).max(top + frame_height);
    let (columns, rows) = (width as u32, height as u32);
    file.check_size(columns, rows, shortest)?;
    file.check_size(frame_width as u32, frame_height as u32, shortest)?;
    let whole = (frame_width, frame_height) == (width, height);
    let frame_bytes = (frame_width * frame_height) as u64;
    let mut data = file.reserve(columns, rows, 1, if whole { 0 } else { frame_bytes })?;
    let layout = PixelLayout::Indexed(Box::new(palette(&decoder, transparent)));
    if whole {
        data.resize(width * height, 0);
        read_pixels(file, &mut decoder, &mut data)?;
    } else {
        let mut indices = vec![0; frame_width * frame_height];
        read_pixels(file, &mut decoder, &mut indices)?;
        data.resize(width * height, transparent.unwrap_or(0));
        for (y, row) in indices.chunks_exact(frame_width).enumerate() {
            let start = (top + y) * width + left;
            data[start..start + frame_width].copy_from_slice(row);
        }
    }
    Ok(DecodedImage::new(
        columns,
        rows,
        layout,
        Orientation::Upright,
        data.into(),
    ))
}

type Source<'a> = Chain<Cursor<Vec<u8>>, CancelReader<'a>>;

/// The file; one without a global palette is given a ramp of grays, which Pillow uses where a frame has none either.
fn with_palette<'a>(file: &File<'a>) -> Source<'a> {
    let header = &file.bytes[..HEADER.min(file.bytes.len())];
    let mut start = header.to_vec();
    if let Some(flags) = start.get_mut(10)
        && *flags & HAS_PALETTE == 0
        && header.len() == HEADER
    {
        *flags |= HAS_PALETTE | 7;
        start.extend((0..=255).flat_map(|level| [level; 3]));
    }
    Cursor::new(start).chain(file.reader(&file.bytes[header.len()..]))
}

fn read_pixels(file: &File, decoder: &mut Decoder<Source>, indices: &mut [u8]) -> Result<()> {
    decoder
        .read_into_buffer(indices)
        .map_err(|error| failed(file, &error))
}

fn failed(file: &File, error: &DecodingError) -> Error {
    match error {
        DecodingError::UnexpectedEof => file.ends_early(),
        error => file.failed(error),
    }
}

/// The frame's colors, the transparent one on white.
fn palette(decoder: &Decoder<Source>, transparent: Option<u8>) -> Palette {
    let mut palette: Palette = std::array::from_fn(|index| [index as u8; 3]);
    let colors = decoder.palette().unwrap_or_default();
    for (entry, color) in palette.iter_mut().zip(colors.as_chunks().0) {
        *entry = *color;
    }
    if let Some(index) = transparent {
        palette[usize::from(index)] = [255; 3];
    }
    palette
}
