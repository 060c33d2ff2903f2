//! AVIF: still images in AV1, the first image of a sequence too.
//!
//! The container is read here ([`boxes`], [`container`]), AV1 by the crate `re_rav1d`, dav1d in Rust, without assembly.
//! The [`planes`] that it gives become RGB as in Pillow ([`color`]).

mod boxes;
mod color;
mod container;
mod planes;

use std::panic::{AssertUnwindSafe, catch_unwind};

use re_rav1d::{Decoder, Picture, Settings};

use super::canvas::Canvas;
use super::file::File;
use crate::Result;
use crate::image::decoded::{DecodedImage, PixelLayout};
use color::{Alpha, ChromaRow, Rgb, straight};
use container::{Container, Image};
use planes::Planes;

/// Memory that the decoder takes for a pixel of a tile, in bytes: the image, what its filters read of it, and their
/// state.
const BYTES_PER_PIXEL: u64 = 16;
/// Memory for the planes of an image, of luma and chroma of two bytes each, and of its alpha channel.
const PLANES_PER_PIXEL: u64 = 8;
/// Memory that is taken in any case.
const BYTES: u64 = 24 << 20;
/// No byte of AV1 stands for more pixels: a block of 64 x 64 that is as its neighbors takes some bits.
const PIXELS_PER_BYTE: u64 = 1 << 16;

pub(super) fn read(file: &File) -> Result<DecodedImage<'static>> {
    let container = Container::read(file)?;
    let Image { width, height, .. } = container.primary;
    file.check_size(width, height, |pixels| pixels / PIXELS_PER_BYTE)?;
    let working = BYTES
        + BYTES_PER_PIXEL * container.primary.tile_pixels()
        + PLANES_PER_PIXEL * u64::from(width) * u64::from(height);
    let layout = match container.alpha {
        Some(_) => PixelLayout::Rgba8,
        None => PixelLayout::Rgb8,
    };
    let mut canvas = Canvas::new(file, width, height, layout, working)?;
    let planes = |image: &Image| {
        Planes::read(file, image, |index, limit| {
            decode(file, &container.contents(image.tiles[index])?, limit)
        })
    };
    let colors = planes(&container.primary)?;
    let color = container.color.unwrap_or(colors.color);
    let colors = Rgb::new(file, colors, color, container.alpha.is_some())?;
    let alpha = match &container.alpha {
        Some(alpha) if (alpha.width, alpha.height) != (width, height) => {
            return Err(file.damaged("its alpha channel has another size"));
        }
        Some(alpha) => Some(Alpha::new(planes(alpha)?, colors.alpha_rounding())),
        None => None,
    };
    write(&mut canvas, &colors, alpha.as_ref(), container.premultiplied)?;
    Ok(canvas.finish(container.orientation))
}

fn write(canvas: &mut Canvas, colors: &Rgb, alpha: Option<&Alpha>, premultiplied: bool) -> Result<()> {
    let (width, height) = colors.size();
    let mut rgb = vec![[0; 3]; width];
    let mut chroma = ChromaRow::default();
    let mut opacity = vec![255; width];
    let mut pixels = Vec::new();
    for y in 0..height {
        colors.row(y, &mut chroma, &mut rgb);
        let Some(alpha) = alpha else {
            canvas.write(0, y, 1, rgb.as_flattened())?;
            continue;
        };
        alpha.row(y, &mut opacity);
        pixels.clear();
        for (pixel, &opacity) in rgb.iter().zip(&opacity) {
            pixels.extend(pixel.map(|channel| match premultiplied {
                true => straight(channel, opacity),
                false => channel,
            }));
            pixels.push(opacity);
        }
        canvas.write(0, y, 1, &pixels)?;
    }
    Ok(())
}

/// The first picture of AV1 data, of at most `limit` pixels.
fn decode(file: &File, data: &[u8], limit: u64) -> Result<Picture> {
    file.check_cancelled()?;
    let mut owned = Vec::new();
    if owned.try_reserve_exact(data.len()).is_err() {
        return Err(file.damaged("there is no memory for its data"));
    }
    owned.extend_from_slice(data);
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

impl Image {
    /// Pixels of a tile, if all are alike.
    fn tile_pixels(&self) -> u64 {
        let side = |side: u32, count: usize| u64::from(side).div_ceil(count.max(1) as u64);
        let rows = self.tiles.len().div_ceil(self.columns);
        side(self.width, self.columns).max(64) * side(self.height, rows).max(64)
    }
}
