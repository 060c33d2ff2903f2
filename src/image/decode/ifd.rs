//! TIFF's image file directories, which EXIF metadata use too: numbers by tag, in either byte order, of any type.

/// Types of values, by TIFF's numbers.
pub(super) const BYTE: u64 = 1;
pub(super) const ASCII: u64 = 2;
pub(super) const UNDEFINED: u64 = 7;

/// The first directory of TIFF bytes.
pub(super) struct Ifd<'a> {
    bytes: &'a [u8],
    pub big_endian: bool,
    /// True where offsets have 64 bits (BigTIFF).
    wide: bool,
    /// Of the entries, twelve bytes each, or twenty in BigTIFF.
    entries: &'a [u8],
}

impl<'a> Ifd<'a> {
    /// The first directory, or none where `bytes` do not begin as TIFF or do not hold it. A directory that is cut
    /// short has the entries that are there.
    pub fn first(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let header = Self {
            bytes,
            big_endian,
            wide: false,
            entries: &[],
        };
        let wide = match header.number(bytes.get(2..4)?) {
            42 | 0x2a00 => false,
            43 => true,
            _ => return None,
        };
        let (offset, count_bytes, entry_bytes) = if wide {
            (bytes.get(8..16)?, 8, 20)
        } else {
            (bytes.get(4..8)?, 2, 12)
        };
        let directory = bytes.get(usize::try_from(header.number(offset)).ok()?..)?;
        let count = usize::try_from(header.number(directory.get(..count_bytes)?)).ok()?;
        let there = &directory[count_bytes..];
        let entries = &there[..count.saturating_mul(entry_bytes).min(there.len())];
        Some(Self {
            wide,
            entries,
            ..header
        })
    }

    /// Type, count and bytes of a tag's values.
    fn entry(&self, tag: u16) -> Option<(u64, &'a [u8])> {
        let (entry_bytes, offset_bytes) = if self.wide { (20, 8) } else { (12, 4) };
        let entry = self
            .entries
            .chunks_exact(entry_bytes)
            .find(|entry| self.number(&entry[..2]) == u64::from(tag))?;
        let kind = self.number(&entry[2..4]);
        let count = self.number(&entry[4..4 + offset_bytes]);
        let length = usize::try_from(count.checked_mul(type_length(kind)? as u64)?).ok()?;
        let value = &entry[4 + offset_bytes..];
        if length <= offset_bytes {
            return Some((kind, &value[..length]));
        }
        let start = usize::try_from(self.number(value)).ok()?;
        Some((kind, self.bytes.get(start..start.checked_add(length)?)?))
    }

    /// The values of a tag as whole numbers; fractions are rounded down, negative ones are zero.
    pub fn numbers(&self, tag: u16) -> Option<impl Iterator<Item = u64> + use<'_, 'a>> {
        let (kind, bytes) = self.entry(tag)?;
        Some(
            bytes
                .chunks_exact(type_length(kind)?)
                .map(move |value| self.value(kind, value)),
        )
    }

    /// The type of a tag's values.
    pub fn type_of(&self, tag: u16) -> Option<u64> {
        Some(self.entry(tag)?.0)
    }

    /// The first value of a tag.
    pub fn first_number(&self, tag: u16) -> Option<u64> {
        self.numbers(tag)?.next()
    }

    /// The bytes of a tag's values.
    pub fn data(&self, tag: u16) -> Option<&'a [u8]> {
        Some(self.entry(tag)?.1)
    }

    fn value(&self, kind: u64, bytes: &[u8]) -> u64 {
        match kind {
            5 | 10 => self
                .number(&bytes[..4])
                .checked_div(self.number(&bytes[4..]))
                .unwrap_or(0),
            11 => f32::from_bits(self.number(bytes) as u32) as u64,
            12 => f64::from_bits(self.number(bytes)) as u64,
            _ => self.number(bytes),
        }
    }

    /// An unsigned number of up to eight bytes.
    fn number(&self, bytes: &[u8]) -> u64 {
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.big_endian {
            bytes.iter().fold(0, join)
        } else {
            bytes.iter().rev().fold(0, join)
        }
    }
}

/// Bytes of a value of TIFF's types.
fn type_length(kind: u64) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}
