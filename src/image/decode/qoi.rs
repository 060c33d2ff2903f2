//! QOI, the "Quite OK Image Format" (<https://qoiformat.org/qoi-specification.pdf>).

use super::canvas::Canvas;
use super::file::File;
use crate::Result;
use crate::image::decoded::{DecodedImage, Orientation, PixelLayout};

const HEADER: usize = 14;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let header = file.bytes.get(..HEADER).ok_or_else(|| file.ends_early())?;
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (width, height) = (word(4), word(8));
    // A byte stands for 62 pixels at most.
    file.check_size(width, height, |pixels| pixels / 62)?;
    let (layout, channels) = match header[12] {
        3 => (PixelLayout::Rgb8, 3),
        4 => (PixelLayout::Rgba8, 4),
        other => return Err(file.damaged(format_args!("its header says {other} channels"))),
    };
    let mut canvas = Canvas::new(file, width, height, layout, 0)?;
    let mut pixels = Pixels::new(&file.bytes[HEADER..]);
    let mut row = vec![0; width as usize * channels];
    for y in 0..height as usize {
        for pixel in row.chunks_exact_mut(channels) {
            let rgba = pixels.next().ok_or_else(|| file.ends_early())?;
            pixel.copy_from_slice(&rgba[..channels]);
        }
        canvas.write(0, y, 1, &row)?;
    }
    Ok(canvas.finish(Orientation::Upright))
}

/// The state of the decoder between two pixels.
struct Pixels<'a> {
    bytes: &'a [u8],
    previous: [u8; 4],
    /// Pixels seen before, by their hash.
    seen: [[u8; 4]; 64],
    /// Number of times that the previous pixel is still repeated.
    run: u8,
}

impl<'a> Pixels<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            previous: [0, 0, 0, 255],
            seen: [[0; 4]; 64],
            run: 0,
        }
    }

    fn take<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (taken, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*taken)
    }

    /// The next pixel; none where the bytes end.
    fn next(&mut self) -> Option<[u8; 4]> {
        if self.run > 0 {
            self.run -= 1;
            return Some(self.previous);
        }
        let [red, green, blue, alpha] = self.previous;
        let [tag] = self.take()?;
        let add = |channel: u8, difference: u8, bias: u8| channel.wrapping_add(difference).wrapping_sub(bias);
        let pixel = match (tag >> 6, tag & 63) {
            (3, 62) => {
                let [red, green, blue] = self.take()?;
                [red, green, blue, alpha]
            }
            (3, 63) => self.take()?,
            (3, run) => {
                self.run = run;
                self.previous
            }
            (0, index) => self.seen[usize::from(index)],
            (1, differences) => [
                add(red, differences >> 4, 2),
                add(green, differences >> 2 & 3, 2),
                add(blue, differences & 3, 2),
                alpha,
            ],
            (_, difference) => {
                let [others] = self.take()?;
                let common = difference.wrapping_sub(32);
                [
                    add(red, common.wrapping_add(others >> 4), 8),
                    green.wrapping_add(common),
                    add(blue, common.wrapping_add(others & 15), 8),
                    alpha,
                ]
            }
        };
        let [r, g, b, a] = pixel.map(usize::from);
        self.seen[(r * 3 + g * 5 + b * 7 + a * 11) % 64] = pixel;
        self.previous = pixel;
        Some(pixel)
    }
}
