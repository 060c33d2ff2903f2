//! Colour: the space that a file's components are in, by its markers, and from there to RGB, in the
//! fixed-point steps of libjpeg (`jdcolor.c`) and, for ink, of Pillow.

use super::marker::Markers;

/// Meaning of a file's components, which decides how red, green and blue are computed of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorSpace {
    Gray,
    Rgb,
    /// Luminance and two colour differences.
    YCbCr,
    /// Ink, stored as light: 255 is none of it.
    Cmyk,
    /// Inverted cyan, magenta, yellow and black, the first three as luminance and differences.
    Ycck,
    /// Known to the container of the file: components are put out as they are.
    Stored,
}

impl ColorSpace {
    /// The space of a file's `ids.len()` components (1, 3 or 4), as libjpeg guesses it: JFIF's marker
    /// counts before Adobe's, and that before the components' numbers.
    pub(super) fn of(markers: &Markers, ids: &[u8]) -> Self {
        match (ids.len(), markers.adobe) {
            (1, _) => Self::Gray,
            (3, _) if markers.jfif => Self::YCbCr,
            (3, Some(0)) => Self::Rgb,
            (3, None) if ids == b"RGB" => Self::Rgb,
            (3, _) => Self::YCbCr,
            (_, None | Some(0)) => Self::Cmyk,
            (_, Some(_)) => Self::Ycck,
        }
    }

    /// Converts one row of each component to interleaved pixels: grey, or red, green and blue, or as they are.
    pub fn convert(self, rows: &[&[u8]], output: &mut [u8]) {
        match (self, rows) {
            (Self::Gray | Self::Stored, [gray]) => output.copy_from_slice(&gray[..output.len()]),
            (Self::YCbCr, [y, cb, cr]) => ycc(y, cb, cr, output),
            (Self::Rgb | Self::Stored, [red, green, blue]) => interleave(red, green, blue, output),
            (Self::Cmyk, [cyan, magenta, yellow, black]) => {
                interleave(cyan, magenta, yellow, output);
                under_black(black, output);
            }
            (Self::Ycck, [y, cb, cr, black]) => {
                ycc(y, cb, cr, output);
                // The differences describe the ink that is there, not the light that it leaves.
                output.iter_mut().for_each(|value| *value = 255 - *value);
                under_black(black, output);
            }
            (Self::Stored, rows) => {
                for (index, pixel) in output.chunks_exact_mut(rows.len()).enumerate() {
                    pixel
                        .iter_mut()
                        .zip(rows)
                        .for_each(|(sample, row)| *sample = row[index]);
                }
            }
            _ => {}
        }
    }
}

fn interleave(red: &[u8], green: &[u8], blue: &[u8], output: &mut [u8]) {
    let (pixels, _) = output.as_chunks_mut::<3>();
    for (((pixel, &red), &green), &blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
        *pixel = [red, green, blue];
    }
}

/// Pixels of a stretch, small enough that its colours stay in the nearest cache.
const STRETCH: usize = 64;

/// YCbCr to RGB: 1.402 Cr; -0.34414 Cb - 0.71414 Cr; 1.772 Cb, with 16 bits below the point.
///
/// Each factor is split into a whole number and a rest that fits 16 bits.
fn ycc(y: &[u8], cb: &[u8], cr: &[u8], output: &mut [u8]) {
    let mut planes = [[0u8; STRETCH]; 3];
    for (at, pixels) in output.chunks_mut(3 * STRETCH).enumerate() {
        let count = pixels.len() / 3;
        let range = at * STRETCH..at * STRETCH + count;
        let samples = y[range.clone()].iter().zip(&cb[range.clone()]).zip(&cr[range]);
        let [red, green, blue] = &mut planes;
        let colors = red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut());
        for (((red, green), blue), ((&y, &cb), &cr)) in colors.zip(samples) {
            let (y, cb, cr) = (i16::from(y), i16::from(cb) - 128, i16::from(cr) - 128);
            let (wide_cb, wide_cr) = (i32::from(cb), i32::from(cr));
            *red = clamp(y + cr + scaled(26_345 * wide_cr));
            *green = clamp(y - cr + scaled(18_734 * wide_cr - 22_554 * wide_cb));
            *blue = clamp(y + 2 * cb + scaled(-14_942 * wide_cb));
        }
        interleave(red, green, blue, pixels);
    }
}

#[inline(always)]
fn scaled(product: i32) -> i16 {
    ((product + 0x8000) >> 16) as i16
}

#[inline(always)]
fn clamp(value: i16) -> u8 {
    value.clamp(0, 255) as u8
}

/// Takes the light away that black ink leaves none of, as Pillow's conversion from CMYK rounds it.
fn under_black(black: &[u8], output: &mut [u8]) {
    let (pixels, _) = output.as_chunks_mut::<3>();
    for (pixel, &light) in pixels.iter_mut().zip(black) {
        let light = u32::from(light);
        for color in pixel {
            let product = u32::from(255 - *color) * light + 128;
            *color = (light - (((product >> 8) + product) >> 8)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libjpeg's tables are made: one rounded product for each of 256 values.
    fn by_tables(y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let fix = |factor: f64| (factor * 65536.0 + 0.5) as i64;
        let (y, cb, cr) = (i64::from(y), i64::from(cb) - 128, i64::from(cr) - 128);
        let red = y + ((fix(1.402) * cr + 32768) >> 16);
        let green = y + ((-fix(0.34414) * cb + 32768 - fix(0.71414) * cr) >> 16);
        let blue = y + ((fix(1.772) * cb + 32768) >> 16);
        [red, green, blue].map(|value| value.clamp(0, 255) as u8)
    }

    #[test]
    fn every_pair_of_differences_is_as_by_tables() {
        for cb in 0..=255 {
            let cr: Vec<u8> = (0..=255).collect();
            for y in [0, 77, 128, 255] {
                let mut output = [0; 768];
                ColorSpace::YCbCr.convert(&[&[y; 256], &[cb; 256], &cr], &mut output);
                for (pixel, &cr) in output.chunks(3).zip(&cr) {
                    assert_eq!(pixel, by_tables(y, cb, cr), "{y} {cb} {cr}");
                }
            }
        }
    }

    #[test]
    fn spaces_follow_the_markers() {
        let space = |jfif, adobe, ids: &[u8]| {
            let mut markers = Markers::default();
            (markers.jfif, markers.adobe) = (jfif, adobe);
            ColorSpace::of(&markers, ids)
        };
        assert_eq!(space(false, Some(0), &[1]), ColorSpace::Gray);
        assert_eq!(space(true, Some(0), &[1, 2, 3]), ColorSpace::YCbCr);
        assert_eq!(space(false, Some(0), &[1, 2, 3]), ColorSpace::Rgb);
        assert_eq!(space(false, Some(1), b"RGB"), ColorSpace::YCbCr);
        assert_eq!(space(false, None, b"RGB"), ColorSpace::Rgb);
        assert_eq!(space(false, None, &[7, 8, 9]), ColorSpace::YCbCr);
        assert_eq!(space(true, None, &[1, 2, 3, 4]), ColorSpace::Cmyk);
        assert_eq!(space(false, Some(0), &[1, 2, 3, 4]), ColorSpace::Cmyk);
        assert_eq!(space(false, Some(2), &[1, 2, 3, 4]), ColorSpace::Ycck);
    }

    #[test]
    fn black_ink_takes_light_away() {
        let mut pixels = [255, 128, 0, 255, 128, 0];
        under_black(&[255, 0], &mut pixels);
        assert_eq!(pixels, [255, 128, 0, 0, 0, 0]);
    }
}
