//! Where a TIFF's strips and tiles lie, in the file and in the image.

use super::samples::Samples;
use super::unpack::Unpacker;
use crate::Result;
use crate::image::decode::canvas::Canvas;
use crate::image::decode::file::File;
use crate::image::decode::ifd::Ifd;

const STRIP_OFFSETS: u16 = 273;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_LENGTHS: u16 = 279;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_LENGTHS: u16 = 325;

/// The chunks (strips or tiles) that cover an image.
pub(super) struct Grid<'f> {
    file: &'f File<'f>,
    width: usize,
    height: usize,
    chunk_width: usize,
    chunk_height: usize,
    /// One, or as many as there are samples where each of those has its own chunks.
    planes: usize,
    row_bytes: usize,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

/// Where a chunk of all planes lies in the image: its column and row in pixels, and its number in a plane.
pub(super) struct Place {
    x: usize,
    y: usize,
    index: usize,
}

impl<'f> Grid<'f> {
    pub fn new(
        file: &'f File<'f>,
        ifd: &Ifd,
        (width, height): (usize, usize),
        samples: &Samples,
    ) -> Result<Self> {
        let side = |tag| {
            let side = ifd.first_number(tag).unwrap_or(0);
            usize::try_from(side).ok().filter(|side| *side <= 1 << 24)
        };
        let tiled = ifd.data(TILE_OFFSETS).is_some();
        let (chunk_width, chunk_height) = if tiled {
            (side(TILE_WIDTH).unwrap_or(0), side(TILE_HEIGHT).unwrap_or(0))
        } else {
            let rows = side(ROWS_PER_STRIP).filter(|rows| *rows > 0).unwrap_or(height);
            (width, rows.min(height))
        };
        if chunk_width == 0 || chunk_height == 0 {
            return Err(file.damaged("its tiles have no size"));
        }
        let (offsets, lengths) = if tiled {
            (TILE_OFFSETS, TILE_LENGTHS)
        } else {
            (STRIP_OFFSETS, STRIP_LENGTHS)
        };
        let mut grid = Self {
            file,
            width,
            height,
            chunk_width,
            chunk_height,
            planes: samples.planes(),
            row_bytes: samples.row_bytes(chunk_width),
            offsets: Vec::new(),
            lengths: Vec::new(),
        };
        let count = grid.across() * grid.down() * grid.planes;
        let list = |tag| {
            ifd.numbers(tag)
                .map(|numbers| numbers.take(count).collect::<Vec<_>>())
                .unwrap_or_default()
        };
        (grid.offsets, grid.lengths) = (list(offsets), list(lengths));
        if grid.offsets.len() < count {
            return Err(file.ends_early());
        }
        Ok(grid)
    }

    fn across(&self) -> usize {
        self.width.div_ceil(self.chunk_width)
    }

    fn down(&self) -> usize {
        self.height.div_ceil(self.chunk_height)
    }

    /// Rows of a chunk that are within the image.
    fn rows_at(&self, y: usize) -> usize {
        self.chunk_height.min(self.height - y)
    }

    /// Bytes and pixels of a row of a chunk.
    pub fn row(&self) -> (usize, usize) {
        (self.row_bytes, self.chunk_width)
    }

    /// Width and height of a chunk in pixels.
    pub fn chunk_size(&self) -> (usize, usize) {
        (self.chunk_width, self.chunk_height)
    }

    /// Bytes of all planes of a chunk.
    pub fn unpacked_bytes(&self) -> usize {
        self.row_bytes
            .saturating_mul(self.rows_at(0))
            .saturating_mul(self.planes)
    }

    pub fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let (across, down) = (self.across(), self.down());
        let (wide, tall) = (self.chunk_width, self.chunk_height);
        (0..across * down).map(move |index| Place {
            x: index % across * wide,
            y: index / across * tall,
            index,
        })
    }

    /// Unpacks the rows of a chunk that are within the image, plane by plane.
    pub fn rows<'u>(&self, place: &Place, samples: &Samples, unpacker: &'u mut Unpacker) -> Result<Rows<'u>> {
        let count = self.rows_at(place.y);
        let plane_bytes = self.row_bytes * count;
        unpacker.bytes.clear();
        for plane in 0..self.planes {
            self.file.check_cancelled()?;
            let packed = self.packed(plane * self.across() * self.down() + place.index)?;
            unpacker.append(self.file, packed, plane_bytes)?;
            let rows = &mut unpacker.bytes[plane * plane_bytes..];
            unpacker.predictor.undo(rows, self.row_bytes, samples.shape());
        }
        Ok(Rows {
            bytes: &unpacker.bytes,
            count,
            row_bytes: self.row_bytes,
            width: self.chunk_width.min(self.width - place.x),
        })
    }

    /// The bytes of a chunk, as far as the file has them.
    fn packed(&self, index: usize) -> Result<&'f [u8]> {
        let start = usize::try_from(self.offsets[index]).ok();
        let rest = start.and_then(|start| self.file.bytes.get(start..));
        let rest = rest.ok_or_else(|| self.file.ends_early())?;
        let length = self.lengths.get(index).copied().filter(|length| *length > 0);
        let length = length.and_then(|length| usize::try_from(length).ok());
        Ok(&rest[..length.unwrap_or(rest.len()).min(rest.len())])
    }
}

/// Unpacked rows of a chunk, of all its planes.
pub(super) struct Rows<'u> {
    bytes: &'u [u8],
    count: usize,
    row_bytes: usize,
    /// Pixels of a row that are within the image.
    width: usize,
}

impl Rows<'_> {
    pub fn write(&self, place: &Place, samples: &Samples, canvas: &mut Canvas) -> Result<()> {
        let mut together = Vec::new();
        let mut pixels = Vec::new();
        for row in 0..self.count {
            let of_plane =
                |plane: usize| &self.bytes[(plane * self.count + row) * self.row_bytes..][..self.row_bytes];
            pixels.clear();
            if samples.planes() == 1 {
                samples.write_pixels(of_plane(0), self.width, &mut pixels);
            } else {
                samples.interleave(of_plane, self.width, &mut together);
                samples.write_pixels(&together, self.width, &mut pixels);
            }
            canvas.write(place.x, place.y + row, 1, &pixels)?;
        }
        Ok(())
    }
}
