//! AVIF: still images in AV1, the first image of a sequence too.
//!
//! The container is read here ([`boxes`]), AV1 by the crate `re_rav1d`, dav1d in Rust, without assembly. The planes that
//! it gives become RGB as in libavif ([`planes`]), which Pillow uses: chroma of fewer pixels is interpolated, and 10 and
//! 12 bits become 8.

mod boxes;
mod planes;

use std::panic::{AssertUnwindSafe, catch_unwind};

use re_rav1d::{Decoder, Picture, Settings};

use super::canvas::Canvas;
use super::file::File;
use crate::Result;
use crate::image::decoded::{DecodedImage, PixelLayout};
use boxes::{Container, Image};
use planes::{Gray, Rgb};

/// Memory that the decoder takes for a pixel, in bytes: the image, what its filters read of it, and their state.
const BYTES_PER_PIXEL: u64 = 16;
/// Memory that it takes in any case.
const BYTES: u64 = 24 << 20;
/// No byte of AV1 stands for more pixels: a block of 64 x 64 that is as its neighbors takes some bits.
const PIXELS_PER_BYTE: u64 = 1 << 16;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let container = Container::read(file)?;
    let (width, height) = (container.width, container.height);
    file.check_size(width, height, |pixels| pixels / PIXELS_PER_BYTE)?;
    let working = BYTES + BYTES_PER_PIXEL * container.primary.tile_pixels(width, height);
    let layout = match container.alpha {
        Some(_) => PixelLayout::Rgba8,
        None => PixelLayout::Rgb8,
    };
    let mut canvas = Canvas::new(file, width, height, layout, working)?;
    let (primary, alpha) = (&container.primary, container.alpha.as_ref());
    if alpha.is_some_and(|alpha| (alpha.columns, alpha.tiles.len()) != (primary.columns, primary.tiles.len()))
    {
        return Err(file.unsupported("an alpha channel in other tiles than the colors"));
    }
    let mut place = (0, 0);
    for (index, tile) in primary.tiles.iter().enumerate() {
        let colors = decode(file, tile, (width, height))?;
        let colors = Rgb::new(file, &colors, container.color)?;
        let alpha = alpha.map(|alpha| decode(file, &alpha.tiles[index], (width, height)));
        let alpha = alpha.transpose()?;
        let alpha = alpha
            .as_ref()
            .map(|picture| Gray::new(file, picture))
            .transpose()?;
        let size = colors.size();
        if alpha.as_ref().is_some_and(|alpha| alpha.size() != size) {
            return Err(file.damaged("its alpha channel has another size"));
        }
        write(
            &mut canvas,
            place,
            &colors,
            alpha.as_ref(),
            container.premultiplied,
        )?;
        place = match (index + 1) % primary.columns {
            0 => (0, place.1 + size.1),
            _ => (place.0 + size.0, place.1),
        };
    }
    Ok(canvas.finish(container.orientation))
}

/// Writes a tile whose first pixel lies at `place`.
fn write(
    canvas: &mut Canvas,
    (left, top): (usize, usize),
    colors: &Rgb,
    alpha: Option<&Gray>,
    premultiplied: bool,
) -> Result<()> {
    let (width, height) = colors.size();
    let mut rgb = vec![[0; 3]; width];
    let mut opacity = vec![255; width];
    let mut pixels = Vec::new();
    for y in 0..height {
        colors.row(y, &mut rgb);
        match alpha {
            None => canvas.write(left, top + y, 1, rgb.as_flattened())?,
            Some(alpha) => {
                alpha.row(y, &mut opacity);
                pixels.clear();
                for (pixel, &opacity) in rgb.iter().zip(&opacity) {
                    let straight = |channel: u8| match (premultiplied, opacity) {
                        (true, 1..) => (255 * u32::from(channel) / u32::from(opacity)).min(255) as u8,
                        _ => channel,
                    };
                    pixels.extend(pixel.map(straight));
                    pixels.push(opacity);
                }
                canvas.write(left, top + y, 1, &pixels)?;
            }
        }
    }
    Ok(())
}

/// The first picture of AV1 data.
fn decode(file: &File, data: &[u8], (width, height): (u32, u32)) -> Result<Picture> {
    file.check_cancelled()?;
    let mut owned = Vec::new();
    if owned.try_reserve_exact(data.len()).is_err() {
        return Err(file.damaged("there is no memory for its data"));
    }
    owned.extend_from_slice(data);
    // A tile may be larger than the image that it is cut to.
    let limit = u64::from(width.next_multiple_of(64)) * u64::from(height.next_multiple_of(64));
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(u32::try_from(limit).unwrap_or(u32::MAX));
    let work = || {
        let mut decoder = Decoder::with_settings(&settings)?;
        match decoder.send_data(owned, None, None, None) {
            Err(error) if !error.is_again() => return Err(error),
            _ => {}
        }
        decoder.get_picture()
    };
    // The decoder checks its input with assertions too.
    let decoded = catch_unwind(AssertUnwindSafe(work));
    let failed = |reason: &dyn std::fmt::Display| file.damaged(reason);
    let picture = match decoded {
        Err(_) => Err(failed(&"its AV1 data is malformed")),
        Ok(Err(error)) if error.is_again() => Err(file.ends_early()),
        Ok(Err(error)) => Err(failed(&format_args!("its AV1 data: {error}"))),
        Ok(Ok(picture)) => Ok(picture),
    };
    file.check_cancelled()?;
    picture
}

impl Image<'_> {
    /// Pixels of the largest tile.
    fn tile_pixels(&self, width: u32, height: u32) -> u64 {
        let side = |side: u32, count: usize| u64::from(side).div_ceil(count.max(1) as u64);
        let rows = self.tiles.len().div_ceil(self.columns);
        side(width, self.columns).max(64) * side(height, rows).max(64)
    }
}
