//! The items of an AVIF file (ISO/IEC 23008-12): its image, the alpha channel of that, and how to show them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::boxes::{Meta, Reader, number};
use crate::Result;
use crate::image::decode::file::File;
use crate::image::decode::orientation;
use crate::image::decoded::Orientation;

/// Type of a property that marks an item as an alpha channel.
const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
];
/// Media type of XMP metadata.
const XMP: &[u8] = b"application/rdf+xml";

/// The images of a file and how to show them.
pub(super) struct Container<'a> {
    file: &'a File<'a>,
    meta: Meta<'a>,
    pub primary: Image,
    pub alpha: Option<Image>,
    /// True where colors are multiplied by alpha.
    pub premultiplied: bool,
    pub color: Option<Color>,
    pub orientation: Orientation,
}

/// An image: one tile, or several row by row.
pub(super) struct Image {
    pub width: u32,
    pub height: u32,
    pub columns: usize,
    /// Items that hold AV1 data.
    pub tiles: Vec<u32>,
}

/// A color description (ITU-T H.273). That of the container wins over that in the AV1 data.
#[derive(Clone, Copy)]
pub(super) struct Color {
    pub primaries: u16,
    pub matrix: u16,
    pub full_range: bool,
}

impl<'a> Container<'a> {
    pub fn read(file: &'a File<'a>) -> Result<Self> {
        let meta = Reader(file.bytes)
            .boxes()
            .find(|(kind, _)| *kind == b"meta")
            .ok_or_else(|| file.ends_early())?;
        let meta = Meta::read(meta.1).ok_or_else(|| file.damaged("its boxes are cut short"))?;
        let item = meta.primary;
        let primary = meta.image(file, item)?;
        let alpha_item = meta.alpha_of(item);
        let alpha = match alpha_item {
            Some(alpha) => Some(meta.image(file, alpha)?),
            None => meta.alpha_of_tiles(&primary),
        };
        let is_premultiplied = |alpha| meta.referring(b"prem", alpha).any(|from| from == item);
        Ok(Self {
            premultiplied: alpha_item.is_some_and(is_premultiplied),
            color: meta.color(),
            orientation: meta.orientation(file),
            file,
            meta,
            primary,
            alpha,
        })
    }

    /// The AV1 data of a tile.
    pub fn contents(&self, item: u32) -> Result<Cow<'a, [u8]>> {
        self.meta.contents(self.file, item)
    }
}

impl<'a> Meta<'a> {
    /// The item that is the alpha channel of another.
    fn alpha_of(&self, item: u32) -> Option<u32> {
        self.referring(b"auxl", item).find(|from| self.is_alpha(*from))
    }

    /// The alpha channel of an image each of whose tiles has its own.
    fn alpha_of_tiles(&self, image: &Image) -> Option<Image> {
        if image.tiles.len() < 2 {
            return None;
        }
        let mut alphas = HashMap::new();
        for reference in self
            .references
            .iter()
            .filter(|one| one.kind == b"auxl" && self.is_alpha(one.from))
        {
            for item in &reference.to {
                alphas.entry(*item).or_insert(reference.from);
            }
        }
        let tiles: Option<Vec<u32>> = image.tiles.iter().map(|tile| alphas.get(tile).copied()).collect();
        Some(Image {
            tiles: tiles?,
            ..*image
        })
    }

    fn is_alpha(&self, item: u32) -> bool {
        let kind = self
            .property(item, b"auxC")
            .and_then(|body| body.get(4..))
            .unwrap_or_default();
        let name = kind.split(|byte| *byte == 0).next().unwrap_or_default();
        ALPHA.contains(&name)
    }

    fn color(&self) -> Option<Color> {
        self.properties(self.primary).find_map(|(kind, body)| {
            let coded = body.strip_prefix(b"nclx").filter(|_| kind == b"colr")?;
            Some(Color {
                primaries: number(coded.get(..2)?) as u16,
                matrix: number(coded.get(4..6)?) as u16,
                full_range: coded.get(6)? & 0x80 != 0,
            })
        })
    }

    /// As Pillow's `exif_transpose` sees it: by the properties that turn the image, else by XMP metadata, unless EXIF
    /// metadata have an orientation, which a reader of AVIF has to pass over.
    fn orientation(&self, file: &File) -> Orientation {
        let turned = self.turned();
        if turned != Orientation::Upright {
            return turned;
        }
        let metadata = |kind: &[u8], content_type: Option<&[u8]>| {
            let items = self.references.iter().filter(|one| one.kind == b"cdsc");
            let mut items = items
                .filter(|one| one.to.contains(&self.primary))
                .map(|one| one.from);
            let is_wanted = |item: &u32| {
                self.items.get(item).is_some_and(|item| {
                    item.kind == kind && content_type.is_none_or(|wanted| item.content_type == wanted)
                })
            };
            self.contents(file, items.find(is_wanted)?).ok()
        };
        let exif = metadata(b"Exif", None);
        // The first four bytes say how many more there are before EXIF's header, which are none.
        let exif = exif.as_deref().and_then(|exif| exif.get(4..));
        match exif.and_then(orientation::from_exif) {
            Some(_) => Orientation::Upright,
            None => orientation::find(None, metadata(b"mime", Some(XMP)).as_deref()),
        }
    }

    /// Turned against the clock by quarters, then mirrored; as EXIF numbers what has to be undone.
    fn turned(&self) -> Orientation {
        let first = |kind| self.property(self.primary, kind).and_then(|body| body.first());
        let quarters = first(b"irot").map_or(0, |byte| byte & 3);
        let exif = match (quarters, first(b"imir").map(|byte| byte & 1)) {
            (0, None) => 1,
            (1, None) => 8,
            (2, None) => 3,
            (_, None) => 6,
            (0, Some(1)) | (2, Some(0)) => 2,
            (0 | 2, _) => 4,
            (1, Some(1)) | (3, Some(0)) => 7,
            _ => 5,
        };
        Orientation::from_exif(exif)
    }

    /// The tiles of an item: itself, or those that it is put together of.
    fn image(&self, file: &File<'a>, item: u32) -> Result<Image> {
        let size = self.property(item, b"ispe");
        let size = size.and_then(|body| Some((number(body.get(4..8)?), number(body.get(8..12)?))));
        let (width, height) = size.ok_or_else(|| file.damaged("no box tells its size"))?;
        let (width, height) = (width as u32, height as u32);
        match self.items.get(&item).map(|item| item.kind) {
            Some(b"av01") => Ok(Image {
                width,
                height,
                columns: 1,
                tiles: vec![item],
            }),
            Some(b"grid") => {
                let grid = self.contents(file, item)?;
                let &[_, _, rows, columns, ..] = grid.as_ref() else {
                    return Err(file.ends_early());
                };
                let (rows, columns) = (usize::from(rows) + 1, usize::from(columns) + 1);
                let tiles = self
                    .references
                    .iter()
                    .find(|one| one.kind == b"dimg" && one.from == item);
                let tiles = tiles.map(|one| one.to.as_slice()).unwrap_or_default();
                let is_coded = |tile: &u32| self.items.get(tile).is_some_and(|item| item.kind == b"av01");
                if tiles.len() != rows * columns || !tiles.iter().all(is_coded) {
                    return Err(file.damaged("its tiles are missing"));
                }
                Ok(Image {
                    width,
                    height,
                    columns,
                    tiles: tiles.to_vec(),
                })
            }
            Some(other) => {
                let kind = String::from_utf8_lossy(other);
                Err(file.unsupported(format_args!("an image of type {kind:?}")))
            }
            None => Err(file.damaged("its image is missing")),
        }
    }

    /// The bytes of an item.
    fn contents(&self, file: &File<'a>, item: u32) -> Result<Cow<'a, [u8]>> {
        let place = self
            .places
            .get(&item)
            .ok_or_else(|| file.damaged("its data is missing"))?;
        let source = match place.method {
            0 => file.bytes,
            1 => self.data,
            _ => return Err(file.unsupported("data within other items")),
        };
        let bytes = |(start, length): &(u64, u64)| {
            let rest = source.get(usize::try_from(*start).ok()?..)?;
            match *length {
                0 => Some(rest),
                length => rest.get(..usize::try_from(length).ok()?),
            }
        };
        let pieces: Option<Vec<&[u8]>> = place.extents.iter().map(bytes).collect();
        let pieces = pieces.ok_or_else(|| file.ends_early())?;
        match &pieces[..] {
            [] => Err(file.ends_early()),
            [only] => Ok(Cow::Borrowed(only)),
            // Extents that overlap could add up to more bytes than the file has.
            several
                if several.iter().map(|piece| piece.len() as u64).sum::<u64>() > file.bytes.len() as u64 =>
            {
                Err(file.damaged("its data overlaps"))
            }
            several => Ok(Cow::Owned(several.concat())),
        }
    }
}
