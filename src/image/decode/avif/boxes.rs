//! The boxes of an AVIF file (ISO/IEC 14496-12 and 23008-12) that say where its images lie and how to show them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::Result;
use crate::image::decode::file::File;
use crate::image::decoded::Orientation;

/// Most properties and items that are looked at, and most tiles of an image.
const MAX_ENTRIES: usize = 4096;
/// Type of a property that marks an item as an alpha channel.
const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
];

/// The images of a file and how to show them.
pub(super) struct Container<'a> {
    pub width: u32,
    pub height: u32,
    pub primary: Image<'a>,
    pub alpha: Option<Image<'a>>,
    /// True where colors are multiplied by alpha.
    pub premultiplied: bool,
    pub color: Option<Color>,
    pub orientation: Orientation,
}

/// AV1 data of an image: one tile, or several row by row.
pub(super) struct Image<'a> {
    pub tiles: Vec<Cow<'a, [u8]>>,
    pub columns: usize,
}

/// The color description of the container (ITU-T H.273), which wins over that in the AV1 data.
#[derive(Clone, Copy)]
pub(super) struct Color {
    pub matrix: u16,
    pub full_range: bool,
}

/// Where the bytes of an item lie.
struct Place {
    /// 0 in the file, 1 in the `idat` box.
    method: u8,
    /// Start and length of each piece.
    extents: Vec<(u64, u64)>,
}

/// A reference of an item to others.
struct Reference<'a> {
    kind: &'a [u8],
    from: u32,
    to: Vec<u32>,
}

/// The contents of the `meta` box.
#[derive(Default)]
struct Meta<'a> {
    primary: u32,
    /// Type of each item.
    types: HashMap<u32, &'a [u8]>,
    places: HashMap<u32, Place>,
    properties: Vec<(&'a [u8], &'a [u8])>,
    /// Indices into the properties, from 1 on, by item.
    of_item: HashMap<u32, Vec<usize>>,
    references: Vec<Reference<'a>>,
    data: &'a [u8],
}

impl<'a> Container<'a> {
    pub fn read(file: &File<'a>) -> Result<Self> {
        let meta = Reader(file.bytes)
            .boxes()
            .find(|(kind, _)| *kind == b"meta")
            .ok_or_else(|| file.ends_early())?;
        let meta = Meta::read(meta.1).ok_or_else(|| file.damaged("its boxes are cut short"))?;
        let size = meta.property(meta.primary, b"ispe");
        let size = size.and_then(|body| Some((number(body.get(4..8)?), number(body.get(8..12)?))));
        let (width, height) = size.ok_or_else(|| file.damaged("no box tells its size"))?;
        let is_alpha = |one: &&Reference| {
            one.kind == b"auxl" && one.to.contains(&meta.primary) && meta.is_alpha(one.from)
        };
        let alpha = meta.references.iter().find(is_alpha).map(|one| one.from);
        let is_premultiplied = |one: &Reference| {
            one.kind == b"prem" && one.from == meta.primary && one.to.iter().any(|to| Some(*to) == alpha)
        };
        Ok(Self {
            width: width as u32,
            height: height as u32,
            primary: meta.image(file, meta.primary)?,
            alpha: alpha.map(|item| meta.image(file, item)).transpose()?,
            premultiplied: meta.references.iter().any(is_premultiplied),
            color: meta.color(),
            orientation: meta.orientation(),
        })
    }
}

impl<'a> Meta<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let mut meta = Self::default();
        for (kind, body) in Reader(body.get(4..)?).boxes() {
            let mut reader = Reader(body);
            match kind {
                b"pitm" => meta.primary = reader.id_by_version()?,
                b"iinf" => meta.types = types(reader)?,
                b"iloc" => meta.places = places(reader)?,
                b"iprp" => {
                    for (kind, body) in reader.boxes() {
                        match kind {
                            b"ipco" => meta.properties = Reader(body).boxes().take(MAX_ENTRIES).collect(),
                            b"ipma" => meta.of_item.extend(associations(Reader(body))?),
                            _ => {}
                        }
                    }
                }
                b"iref" => meta.references = references(reader)?,
                b"idat" => meta.data = body,
                _ => {}
            }
        }
        Some(meta)
    }

    /// The body of an item's property.
    fn property(&self, item: u32, kind: &[u8]) -> Option<&'a [u8]> {
        let indices = self.of_item.get(&item)?;
        let mut found = indices
            .iter()
            .filter_map(|index| self.properties.get(index.checked_sub(1)?));
        found.find(|(other, _)| *other == kind).map(|(_, body)| *body)
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
        let indices = self.of_item.get(&self.primary)?;
        let mut all = indices
            .iter()
            .filter_map(|index| self.properties.get(index.checked_sub(1)?));
        all.find_map(|(kind, body)| {
            let coded = body.strip_prefix(b"nclx").filter(|_| *kind == b"colr")?;
            Some(Color {
                matrix: number(coded.get(4..6)?) as u16,
                full_range: coded.get(6)? & 0x80 != 0,
            })
        })
    }

    /// Turned against the clock by quarters, then mirrored; as EXIF numbers what has to be undone.
    fn orientation(&self) -> Orientation {
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

    /// The AV1 data of an item, or of the tiles that it is put together of.
    fn image(&self, file: &File<'a>, item: u32) -> Result<Image<'a>> {
        match self.types.get(&item).copied() {
            Some(b"av01") => Ok(Image {
                tiles: vec![self.contents(file, item)?],
                columns: 1,
            }),
            Some(b"grid") => {
                let grid = self.contents(file, item)?;
                let columns = usize::from(*grid.get(3).ok_or_else(|| file.ends_early())?) + 1;
                let is_grid = |one: &&Reference| one.kind == b"dimg" && one.from == item;
                let tiles = self.references.iter().find(is_grid);
                let tiles = tiles.map(|one| one.to.as_slice()).unwrap_or_default();
                let rows = usize::from(grid[2]) + 1;
                if tiles.len() != rows * columns
                    || tiles
                        .iter()
                        .any(|tile| self.types.get(tile) != Some(&&b"av01"[..]))
                {
                    return Err(file.damaged("its tiles are missing"));
                }
                let tiles = tiles.iter().map(|tile| self.contents(file, *tile));
                Ok(Image {
                    tiles: tiles.collect::<Result<_>>()?,
                    columns,
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
            // Extents that overlap could stand for more than the file holds.
            several if several.iter().map(|piece| piece.len()).sum::<usize>() > file.bytes.len() => {
                Err(file.damaged("its data overlaps"))
            }
            several => Ok(Cow::Owned(several.concat())),
        }
    }
}

/// Types of the items of an `iinf` box.
fn types(mut reader: Reader<'_>) -> Option<HashMap<u32, &[u8]>> {
    let version = reader.version()?;
    reader.take(if version == 0 { 2 } else { 4 })?;
    let mut types = HashMap::new();
    for (kind, body) in reader.boxes().take(MAX_ENTRIES) {
        let mut entry = Reader(body);
        let version = entry.version()?;
        if kind == b"infe" && version >= 2 {
            let id = number(entry.take(if version == 2 { 2 } else { 4 })?) as u32;
            entry.take(2)?;
            types.insert(id, entry.take(4)?);
        }
    }
    Some(types)
}

/// Places of the items of an `iloc` box.
fn places(mut reader: Reader) -> Option<HashMap<u32, Place>> {
    let version = reader.version()?;
    let sizes = number(reader.take(2)?);
    let size = |shift: u32| (sizes >> shift & 15) as usize;
    let (offset_size, length_size, base_size) = (size(12), size(8), size(4));
    let index_size = if version > 0 { size(0) } else { 0 };
    let count = number(reader.take(if version < 2 { 2 } else { 4 })?) as usize;
    let mut places = HashMap::new();
    for _ in 0..count.min(MAX_ENTRIES) {
        let id = number(reader.take(if version < 2 { 2 } else { 4 })?) as u32;
        let method = match version {
            0 => 0,
            _ => reader.take(2)?[1] & 15,
        };
        reader.take(2)?;
        let base = number(reader.take(base_size)?);
        let extents = number(reader.take(2)?);
        let mut found = Vec::new();
        for _ in 0..extents {
            reader.take(index_size)?;
            let offset = number(reader.take(offset_size)?);
            let length = number(reader.take(length_size)?);
            found.push((base.checked_add(offset)?, length));
        }
        let place = Place {
            method,
            extents: found,
        };
        places.insert(id, place);
    }
    Some(places)
}

/// Properties of items, by an `ipma` box.
fn associations(mut reader: Reader) -> Option<HashMap<u32, Vec<usize>>> {
    let head = number(reader.take(4)?);
    let (version, wide) = (head >> 24, head & 1 == 1);
    let count = number(reader.take(4)?) as usize;
    let mut found = HashMap::new();
    for _ in 0..count.min(MAX_ENTRIES) {
        let id = number(reader.take(if version == 0 { 2 } else { 4 })?) as u32;
        let properties = reader.take(1)?[0];
        let index = |reader: &mut Reader| {
            let bytes = reader.take(if wide { 2 } else { 1 })?;
            // The highest bit says that the property must be understood.
            Some(number(bytes) as usize & if wide { 0x7fff } else { 0x7f })
        };
        let indices: Option<Vec<usize>> = (0..properties).map(|_| index(&mut reader)).collect();
        found.insert(id, indices?);
    }
    Some(found)
}

/// References between items, by an `iref` box.
fn references<'a>(mut reader: Reader<'a>) -> Option<Vec<Reference<'a>>> {
    let size = if reader.version()? == 0 { 2 } else { 4 };
    let mut found = Vec::new();
    for (kind, body) in reader.boxes().take(MAX_ENTRIES) {
        let mut reader = Reader(body);
        let from = number(reader.take(size)?) as u32;
        let count = number(reader.take(2)?);
        let to: Option<Vec<u32>> = (0..count)
            .map(|_| Some(number(reader.take(size)?) as u32))
            .collect();
        found.push(Reference { kind, from, to: to? });
    }
    Some(found)
}

/// Bytes that are read from the front.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The version of a box that has one; its flags are passed over.
    fn version(&mut self) -> Option<u8> {
        Some(self.take(4)?[0])
    }

    /// An item's number, of two bytes in version 0 and else of four.
    fn id_by_version(&mut self) -> Option<u32> {
        let size = if self.version()? == 0 { 2 } else { 4 };
        Some(number(self.take(size)?) as u32)
    }

    /// Types and bodies of the boxes that follow each other; the last may be cut short.
    fn boxes(mut self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        std::iter::from_fn(move || {
            let head = self.take(8)?;
            let (size, kind) = (number(&head[..4]), &head[4..]);
            let length = match size {
                0 => self.0.len() as u64,
                1 => number(self.take(8)?).checked_sub(16)?,
                size => size.checked_sub(8)?,
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let body = self.take(length.min(self.0.len()))?;
            Some((kind, body))
        })
    }
}

/// A number of up to eight bytes, the highest first.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
