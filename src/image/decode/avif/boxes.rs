//! The boxes of an AVIF file (ISO/IEC 14496-12 and 23008-12) that list its items, their properties and their places.

use std::collections::HashMap;

/// Most properties, items and pieces of items that are looked at.
const MAX_ENTRIES: usize = 4096;

/// Where the bytes of an item lie.
pub(super) struct Place {
    /// 0 in the file, 1 in the `idat` box.
    pub method: u8,
    /// Start and length of each piece.
    pub extents: Vec<(u64, u64)>,
}

/// An item by its type.
pub(super) struct Item<'a> {
    pub kind: &'a [u8],
    /// The media type of an item of type `mime`.
    pub content_type: &'a [u8],
}

/// A reference of an item to others.
pub(super) struct Reference<'a> {
    pub kind: &'a [u8],
    pub from: u32,
    pub to: Vec<u32>,
}

/// The contents of the `meta` box.
#[derive(Default)]
pub(super) struct Meta<'a> {
    pub primary: u32,
    pub items: HashMap<u32, Item<'a>>,
    pub places: HashMap<u32, Place>,
    properties: Vec<(&'a [u8], &'a [u8])>,
    /// Indices into the properties, from 1 on, by item.
    of_item: HashMap<u32, Vec<usize>>,
    pub references: Vec<Reference<'a>>,
    /// The body of the `idat` box.
    pub data: &'a [u8],
}

impl<'a> Meta<'a> {
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let mut meta = Self::default();
        for (kind, body) in Reader(body.get(4..)?).boxes() {
            let mut reader = Reader(body);
            match kind {
                b"pitm" => meta.primary = reader.id_by_version()?,
                b"iinf" => meta.items = items(reader)?,
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

    /// Kinds and bodies of an item's properties.
    pub fn properties(&self, item: u32) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let indices = self.of_item.get(&item).map_or(&[][..], |indices| indices);
        indices
            .iter()
            .filter_map(|index| self.properties.get(index.checked_sub(1)?).copied())
    }

    /// The body of the first property of this kind that an item has.
    pub fn property(&self, item: u32, kind: &[u8]) -> Option<&'a [u8]> {
        let mut found = self.properties(item).filter(|(other, _)| *other == kind);
        found.next().map(|(_, body)| body)
    }

    /// The items that refer to `item` in this way.
    pub fn referring(&self, kind: &'static [u8], item: u32) -> impl Iterator<Item = u32> {
        let refers = move |one: &&Reference| one.kind == kind && one.to.contains(&item);
        self.references.iter().filter(refers).map(|one| one.from)
    }
}

/// The items of an `iinf` box.
fn items(mut reader: Reader<'_>) -> Option<HashMap<u32, Item<'_>>> {
    let version = reader.version()?;
    reader.take(if version == 0 { 2 } else { 4 })?;
    let mut items = HashMap::new();
    for (kind, body) in reader.boxes().take(MAX_ENTRIES) {
        let mut entry = Reader(body);
        let version = entry.version()?;
        if kind == b"infe" && version >= 2 {
            let id = number(entry.take(if version == 2 { 2 } else { 4 })?) as u32;
            entry.take(2)?;
            let kind = entry.take(4)?;
            // A name, then the media type, each ended by a zero.
            let content_type = entry.0.split(|byte| *byte == 0).nth(1).unwrap_or_default();
            items.insert(id, Item { kind, content_type });
        }
    }
    Some(items)
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
    let mut pieces = 0;
    for _ in 0..count.min(MAX_ENTRIES) {
        let id = number(reader.take(if version < 2 { 2 } else { 4 })?) as u32;
        let method = match version {
            0 => 0,
            _ => reader.take(2)?[1] & 15,
        };
        reader.take(2)?;
        let base = number(reader.take(base_size)?);
        let extents = number(reader.take(2)?) as usize;
        // Fields may be of no bytes, so that the length of the file does not bound their number.
        pieces += extents;
        if pieces > MAX_ENTRIES {
            return None;
        }
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
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
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
    pub fn boxes(mut self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
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
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_items_are_bounded_whatever_the_length_of_the_box() {
        // Offsets and lengths of no bytes: an item takes six, and claims this many pieces.
        let places_of = |items: u16, pieces: u16| {
            let item = [&[0, 1, 0, 0][..], &pieces.to_be_bytes()].concat();
            let body = [
                &[0; 6][..],
                &items.to_be_bytes(),
                &item.repeat(usize::from(items)),
            ]
            .concat();
            places(Reader(&body)).map(|places| places[&1].extents.len())
        };
        assert_eq!(places_of(3, 2), Some(2));
        assert_eq!(places_of(1, MAX_ENTRIES as u16), Some(MAX_ENTRIES));
        assert_eq!(places_of(2, MAX_ENTRIES as u16), None);
        assert_eq!(places_of(1000, u16::MAX), None);
    }

    #[test]
    fn items_are_known_by_their_type_and_media_type() {
        let entry = |id: u8, kind: &[u8], rest: &[u8]| {
            let body = [&[2, 0, 0, 0, 0, id, 0, 0], kind, rest].concat();
            [&(8 + body.len() as u32).to_be_bytes(), &b"infe"[..], &body].concat()
        };
        let xmp = entry(2, b"mime", b"a name\0application/rdf+xml\0");
        let body = [&[0, 0, 0, 0, 0, 2][..], &entry(1, b"av01", b"\0"), &xmp].concat();
        let items = items(Reader(&body)).expect("two items");
        assert_eq!((items[&1].kind, items[&1].content_type), (&b"av01"[..], &b""[..]));
        assert_eq!(
            (items[&2].kind, items[&2].content_type),
            (&b"mime"[..], &b"application/rdf+xml"[..])
        );
    }
}
