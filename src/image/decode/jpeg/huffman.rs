//! Huffman tables: as a file defines them, as the decoder looks codes up, and the standard's own, which
//! motion JPEG frames leave out.

use super::error::{Result, damaged};

/// Codes of up to so many bits are looked up at once.
pub(super) const LOOKUP_BITS: u32 = 9;

/// A table as a DHT marker defines it.
#[derive(Debug, Clone)]
pub(super) struct HuffmanSpec {
    /// Number of codes of 1 to 16 bits.
    pub counts: [u8; 16],
    /// The symbols by length of their code, then by code; zeros behind the last.
    pub symbols: [u8; 256],
}

/// A table ready for decoding.
#[derive(Debug, Clone)]
pub(super) struct HuffmanTable {
    /// For each value of the next [`LOOKUP_BITS`] bits, the code's length (0 where it is longer) in
    /// the high byte and the symbol in the low one.
    lookup: [u16; 1 << LOOKUP_BITS],
    /// The highest code of each length, -1 where there is none.
    highest: [i32; 17],
    /// Number that is added to a code of each length for the index of its symbol.
    offset: [i32; 17],
    symbols: [u8; 256],
}

impl HuffmanTable {
    /// Prepares a table; `dc` tables hold sizes of up to 15 bits only.
    pub fn new(spec: &HuffmanSpec, dc: bool) -> Result<Self> {
        let mut table = Self {
            lookup: [0; 1 << LOOKUP_BITS],
            highest: [-1; 17],
            offset: [0; 17],
            symbols: spec.symbols,
        };
        let (mut code, mut index) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(&spec.counts) {
            let count = usize::from(count);
            if index + count > 256 {
                return Err(damaged("a Huffman table has more than 256 symbols"));
            }
            if count > 0 {
                table.offset[length as usize] = index as i32 - code as i32;
                for symbol in &spec.symbols[index..index + count] {
                    if length <= LOOKUP_BITS {
                        table.enter(code, length, *symbol);
                    }
                    code += 1;
                }
                index += count;
                table.highest[length as usize] = code as i32 - 1;
                // No code is all ones, so there is always a code after the last.
                if code >= 1 << length {
                    return Err(damaged("a Huffman table has more codes than there is room for"));
                }
            }
            code <<= 1;
        }
        if dc && spec.symbols[..index].iter().any(|&size| size > 15) {
            return Err(damaged(
                "a Huffman table for DC values has a size of over 15 bits",
            ));
        }
        Ok(table)
    }

    fn enter(&mut self, code: u32, length: u32, symbol: u8) {
        let free = LOOKUP_BITS - length;
        let first = (code as usize) << free;
        // A table with too many codes is refused by the caller right after.
        if let Some(entries) = self.lookup.get_mut(first..first + (1 << free)) {
            entries.fill((length as u16) << 8 | u16::from(symbol));
        }
    }

    /// Length (0 for unknown) and symbol of the code that the next [`LOOKUP_BITS`] bits begin with.
    #[inline(always)]
    pub fn lookup(&self, bits: usize) -> (u32, u8) {
        let entry = self.lookup[bits & ((1 << LOOKUP_BITS) - 1)];
        (u32::from(entry >> 8), entry as u8)
    }

    /// The symbol of the code `code` of `length` bits, if that is one.
    pub fn symbol(&self, code: u32, length: u32) -> Option<u8> {
        let length = length as usize;
        if length > 16 || code as i32 > self.highest[length] {
            return None;
        }
        Some(self.symbols[(code as i32 + self.offset[length]) as usize & 0xff])
    }
}

/// The standard's tables (T.81, annex K.3): for DC and AC values, of luminance and chrominance.
pub(super) fn standard(dc: bool, chroma: bool) -> HuffmanSpec {
    let (counts, listed): ([u8; 16], &[u8]) = match (dc, chroma) {
        (true, false) => ([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &DC_SIZES),
        (true, true) => ([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &DC_SIZES),
        (false, false) => ([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125], &AC_LUMA),
        (false, true) => ([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119], &AC_CHROMA),
    };
    let mut symbols = [0; 256];
    symbols[..listed.len()].copy_from_slice(listed);
    HuffmanSpec { counts, symbols }
}

const DC_SIZES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

#[rustfmt::skip]
const AC_LUMA: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
    0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
    0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
    0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
    0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
    0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
    0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];

#[rustfmt::skip]
const AC_CHROMA: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
    0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
    0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
    0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
    0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
    0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
    0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
    0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes by the definition: codes of one length count up, and a longer one doubles them.
    fn naive(spec: &HuffmanSpec) -> Vec<(u32, u32, u8)> {
        let (mut code, mut index, mut codes) = (0, 0, Vec::new());
        for (length, &count) in (1..).zip(&spec.counts) {
            for _ in 0..count {
                codes.push((code, length, spec.symbols[index]));
                (code, index) = (code + 1, index + 1);
            }
            code <<= 1;
        }
        codes
    }

    #[test]
    fn every_code_of_the_standard_tables_is_found() {
        for (dc, chroma) in [(true, false), (true, true), (false, false), (false, true)] {
            let spec = standard(dc, chroma);
            let table = HuffmanTable::new(&spec, dc).unwrap();
            let codes = naive(&spec);
            assert_eq!(codes.len(), if dc { 12 } else { 162 });
            for (code, length, symbol) in codes {
                assert_eq!(table.symbol(code, length), Some(symbol));
                if length <= LOOKUP_BITS {
                    let bits =
                        ((code << (LOOKUP_BITS - length)) | ((1 << (LOOKUP_BITS - length)) - 1)) as usize;
                    assert_eq!(table.lookup(bits), (length, symbol));
                }
            }
            assert_eq!(table.lookup((1 << LOOKUP_BITS) - 1).0, 0);
        }
    }

    #[test]
    fn impossible_tables_are_refused() {
        let mut spec = standard(true, false);
        spec.counts[0] = 3;
        assert!(HuffmanTable::new(&spec, true).is_err());
        spec.counts = [0; 16];
        spec.counts[0] = 2;
        assert!(HuffmanTable::new(&spec, true).is_err(), "a code of all ones");
        spec.counts[0] = 1;
        spec.symbols[0] = 16;
        assert!(HuffmanTable::new(&spec, true).is_err());
        assert!(HuffmanTable::new(&spec, false).is_ok());
        spec.counts = [255; 16];
        assert!(HuffmanTable::new(&spec, false).is_err());
    }
}
