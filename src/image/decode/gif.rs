//! A GIF's first frame on its canvas, with Pillow's choice of what lies around and beneath it: the
//! transparent colour of the palette if there is one, else its first.

use super::File;
use crate::Result;
use crate::image::picture::{Layout, Orientation, Picture};
use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use std::num::NonZeroU64;

pub(super) fn read(file: &File) -> Result<Picture<'static>> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // One byte a pixel; the canvas is checked below, before it is made.
    options.set_memory_limit(
        NonZeroU64::new(file.pixel_limit).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    let mut decoder = options
        .read_info(file.bytes)
        .map_err(|error| file.damaged(error))?;
    let (width, height) = (decoder.width(), decoder.height());
    file.check_size(width.max(1).into(), height.max(1).into())?;
    let frame = decoder.next_frame_info().map_err(|error| file.damaged(error))?;
    let Some(frame) = frame else {
        return Err(file.damaged("it has no frame"));
    };
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (frame_width, frame_height) = (usize::from(frame.width), usize::from(frame.height));
    let beneath = frame.transparent.unwrap_or(0);

    // A frame that sticks out widens the canvas.
    let width = usize::from(width).max(left + frame_width);
    let height = usize::from(height).max(top + frame_height);
    file.check_size(width as u32, height as u32)?;
    file.check_size(frame_width as u32, frame_height as u32)?;
    let mut palette: [[u8; 3]; 256] = std::array::from_fn(|index| [index as u8; 3]);
    for (entry, colour) in palette
        .iter_mut()
        .zip(decoder.palette().unwrap_or_default().chunks_exact(3))
    {
        entry.copy_from_slice(colour);
    }
    let mut indices = vec![0; frame_width * frame_height];
    decoder
        .read_into_buffer(&mut indices)
        .map_err(|error| file.damaged(error))?;

    let mut data = palette[usize::from(beneath)].repeat(width * height);
    for (y, row) in indices.chunks_exact(frame_width).enumerate() {
        let start = ((top + y) * width + left) * 3;
        for (pixel, index) in data[start..start + frame_width * 3].chunks_exact_mut(3).zip(row) {
            pixel.copy_from_slice(&palette[usize::from(*index)]);
        }
    }
    Ok(Picture::new(
        width as u32,
        height as u32,
        Layout::Rgb8,
        Orientation::Upright,
        data.into(),
    ))
}
