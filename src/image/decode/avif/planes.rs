//! Planes of luma and chroma of a whole image, put together from its tiles.

use re_rav1d::{Picture, PixelLayout, PlanarImageComponent};

use super::container::{Color, Image};
use crate::Result;
use crate::image::decode::file::File;

const COMPONENTS: [PlanarImageComponent; 3] = [
    PlanarImageComponent::Y,
    PlanarImageComponent::U,
    PlanarImageComponent::V,
];

/// One plane of samples, row by row.
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    samples: Vec<u16>,
}

impl Plane {
    fn new(file: &File, width: usize, height: usize) -> Result<Self> {
        let mut samples = Vec::new();
        if samples.try_reserve_exact(width * height).is_err() {
            return Err(file.damaged(format_args!("there is no memory for {width}x{height} samples")));
        }
        samples.resize(width * height, 0);
        Ok(Self {
            width,
            height,
            samples,
        })
    }

    pub fn row(&self, y: usize) -> &[u16] {
        &self.samples[y * self.width..][..self.width]
    }

    /// Replaces each sample.
    pub fn map(&mut self, replace: impl Fn(u16) -> u16) {
        for sample in &mut self.samples {
            *sample = replace(*sample);
        }
    }

    /// Copies a plane of a tile of this width to column `left` and row `top`; the rest of it is cut off.
    fn write(&mut self, tile: &Picture, component: PlanarImageComponent, at: (usize, usize), width: usize) {
        let (plane, stride) = (tile.plane(component), tile.stride(component) as usize);
        let bytes = if tile.bit_depth() > 8 { 2 } else { 1 };
        let (left, top) = at;
        let width = width.min(self.width - left);
        for (y, row) in plane.chunks(stride).take(self.height - top).enumerate() {
            let Some(row) = row.get(..width * bytes) else {
                return;
            };
            let out = &mut self.samples[(top + y) * self.width + left..][..width];
            if bytes == 1 {
                for (sample, byte) in out.iter_mut().zip(row) {
                    *sample = u16::from(*byte);
                }
            } else {
                for (sample, bytes) in out.iter_mut().zip(row.as_chunks().0) {
                    *sample = u16::from_le_bytes(*bytes);
                }
            }
        }
    }
}

/// All planes of an image.
pub(super) struct Planes {
    pub layout: PixelLayout,
    pub bits: usize,
    pub color: Color,
    pub luma: Plane,
    pub chroma: Option<[Plane; 2]>,
}

impl Planes {
    /// Decodes each tile by `decode`, which gets its index and the most pixels that it may have.
    pub fn read(file: &File, image: &Image, decode: impl Fn(usize, u64) -> Result<Picture>) -> Result<Self> {
        // A tile may be larger than the image that it is cut to.
        let padded = |side: u32| u64::from(side.next_multiple_of(64));
        let first = decode(0, padded(image.width) * padded(image.height))?;
        let (wide, tall) = (first.width() as usize, first.height() as usize);
        let (width, height) = (image.width as usize, image.height as usize);
        let rows = image.tiles.len() / image.columns;
        let covers = |tile: usize, tiles: usize, whole: usize| match tiles {
            1 => tile == whole,
            // The last one may be cut.
            _ => tile * tiles >= whole && tile * (tiles - 1) < whole,
        };
        if !covers(wide, image.columns, width) || !covers(tall, rows, height) {
            return Err(file.damaged(format_args!(
                "tiles of {wide}x{tall} pixels do not make an image of {width}x{height}"
            )));
        }
        let mut planes = Self::new(file, &first, width, height)?;
        planes.write(&first, (0, 0));
        for index in 1..image.tiles.len() {
            let tile = decode(index, (wide * tall) as u64)?;
            let is_alike = (tile.width(), tile.height()) == (first.width(), first.height())
                && tile.pixel_layout() == first.pixel_layout()
                && tile.bit_depth() == first.bit_depth();
            if !is_alike {
                return Err(file.damaged("its tiles are not alike"));
            }
            planes.write(
                &tile,
                (index % image.columns * wide, index / image.columns * tall),
            );
        }
        Ok(planes)
    }

    fn new(file: &File, tile: &Picture, width: usize, height: usize) -> Result<Self> {
        let layout = tile.pixel_layout();
        let chroma_size = match layout {
            PixelLayout::I400 | PixelLayout::I444 => (width, height),
            PixelLayout::I422 => (width.div_ceil(2), height),
            PixelLayout::I420 => (width.div_ceil(2), height.div_ceil(2)),
        };
        let chroma = || Plane::new(file, chroma_size.0, chroma_size.1);
        Ok(Self {
            layout,
            bits: tile.bit_depth(),
            color: Color {
                primaries: tile.color_primaries() as u16,
                matrix: tile.matrix_coefficients() as u16,
                full_range: tile.color_range() == re_rav1d::pixel::YUVRange::Full,
            },
            luma: Plane::new(file, width, height)?,
            chroma: match layout {
                PixelLayout::I400 => None,
                _ => Some([chroma()?, chroma()?]),
            },
        })
    }

    /// Copies a tile whose first pixel lies at this column and row.
    fn write(&mut self, tile: &Picture, (left, top): (usize, usize)) {
        let width = tile.width() as usize;
        self.luma.write(tile, COMPONENTS[0], (left, top), width);
        let halve = |side: usize, halved| if halved { side.div_ceil(2) } else { side };
        let across = matches!(self.layout, PixelLayout::I420 | PixelLayout::I422);
        let down = self.layout == PixelLayout::I420;
        let at = (halve(left, across), halve(top, down));
        let planes = self.chroma.iter_mut().flatten();
        for (plane, component) in planes.zip(&COMPONENTS[1..]) {
            plane.write(tile, *component, at, halve(width, across));
        }
    }
}
