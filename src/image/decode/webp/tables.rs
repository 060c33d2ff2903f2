//! The memory of a lossless bitstream's Huffman tables, found out before the decoder makes them.
//!
//! A bitstream may have 65,536 groups of five codes, and `image`'s decoder makes a table of up to 4 KiB for each code,
//! of which the file holds a hundredth. This module therefore reads the bitstream (RFC 9649, section 3) up to its last
//! code, without keeping any pixels, and adds up the tables. Encoders make at most a few thousand groups.

use std::iter;

/// Lengths of the codes that code lengths are written in, in the order of the file.
const LENGTH_CODE_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Symbols of the codes of a group: green with the lengths of copies, red, blue, alpha, distances of copies.
const ALPHABETS: [usize; 5] = [256 + LENGTH_SYMBOLS, 256, 256, 256, 40];
const LENGTH_SYMBOLS: usize = 24;
/// Bits of the longest code.
const LONGEST_CODE: usize = 15;
/// Bits of a code that the decoder looks up at once; what is longer goes on through a tree.
const TABLE_BITS: usize = 10;
/// Bytes of a group of codes in the decoder beside their tables, in a list that grows by doubling.
const GROUP_BYTES: u64 = 3 * 280;

/// Bytes that the tables of a bitstream take in the decoder; the count ends where it is over `most`. An alpha channel's
/// bitstream has no header, its `size` is the image's. Where the bitstream is broken, the tables before that count.
pub(super) fn table_bytes(bitstream: &[u8], size: Option<(u32, u32)>, most: u64) -> u64 {
    let mut reader = Reader {
        bits: Bits::new(bitstream),
        bytes: 0,
        most,
    };
    // The decoder says what is wrong with a broken bitstream.
    let _ = reader.read(size);
    reader.bytes
}

struct Reader<'a> {
    bits: Bits<'a>,
    bytes: u64,
    most: u64,
}

impl Reader<'_> {
    /// Reads everything up to the last code; `None` where the bitstream ends, is broken, or has too large tables.
    fn read(&mut self, size: Option<(u32, u32)>) -> Option<()> {
        let (mut width, height) = match size {
            Some(size) => size,
            None => {
                self.bits.take(8)?;
                let size = (self.bits.take(14)? + 1, self.bits.take(14)? + 1);
                self.bits.take(4)?;
                size
            }
        };
        // Each of the four transforms occurs once at most.
        for _ in 0..=4 {
            if self.bits.take(1)? == 0 {
                return self.read_groups(width, height);
            }
            match self.bits.take(2)? {
                // Predictors, and color transforms.
                0 | 1 => {
                    let block = self.bits.take(3)? + 2;
                    self.read_small_image(subsampled(width, block), subsampled(height, block))?;
                }
                2 => {}
                _ => {
                    let colors = self.bits.take(8)? + 1;
                    self.read_small_image(colors, 1)?;
                    // Pixels of few colors share bytes.
                    let shared = match colors {
                        0..=2 => 3,
                        3..=4 => 2,
                        5..=16 => 1,
                        _ => 0,
                    };
                    width = subsampled(width, shared);
                }
            }
        }
        None
    }

    /// Reads all codes of the image itself.
    fn read_groups(&mut self, width: u32, height: u32) -> Option<()> {
        let colors = self.read_cache_size()?;
        let mut groups = 1;
        if self.bits.take(1)? == 1 {
            let block = self.bits.take(3)? + 2;
            groups += self.read_small_image(subsampled(width, block), subsampled(height, block))?;
        }
        (0..groups).try_for_each(|_| self.read_group(colors).map(drop))
    }

    /// Reads an image with one group of codes, and returns the largest number in its red and green bytes.
    ///
    /// Copies and colors from the cache repeat pixels that came before, so that only pixels that are written out count.
    fn read_small_image(&mut self, width: u32, height: u32) -> Option<u32> {
        let colors = self.read_cache_size()?;
        let [green, red, blue, alpha, distance] = self.read_group(colors)?;
        let mut left = u64::from(width) * u64::from(height);
        let mut largest = 0;
        while left > 0 {
            let symbol = green.take(&mut self.bits)?;
            let count = match symbol.checked_sub(256) {
                None => {
                    let high = red.take(&mut self.bits)?;
                    blue.take(&mut self.bits)?;
                    alpha.take(&mut self.bits)?;
                    largest = largest.max((high as u32) << 8 | symbol as u32);
                    let constant = [&green, &red, &blue, &alpha].iter().all(|code| code.is_empty());
                    if constant { left } else { 1 }
                }
                Some(length) if length < LENGTH_SYMBOLS => {
                    let count = self.bits.take_length(length)?;
                    let distance = distance.take(&mut self.bits)?;
                    self.bits.take_length(distance)?;
                    count
                }
                Some(_) => 1,
            };
            left = left.checked_sub(count)?;
        }
        Some(largest)
    }

    /// The colors that a cache holds; none where there is no cache.
    fn read_cache_size(&mut self) -> Option<usize> {
        match self.bits.take(1)? {
            0 => Some(0),
            _ => Some(1 << self.bits.take(4)?).filter(|colors| (2..=2048).contains(colors)),
        }
    }

    fn read_group(&mut self, colors: usize) -> Option<[Code; 5]> {
        self.count(GROUP_BYTES)?;
        let mut codes = [const { Code::new() }; 5];
        for (index, code) in codes.iter_mut().enumerate() {
            let symbols = ALPHABETS[index] + if index == 0 { colors } else { 0 };
            *code = self.read_code(symbols)?;
            self.count(code.table_bytes())?;
        }
        Some(codes)
    }

    fn count(&mut self, bytes: u64) -> Option<()> {
        self.bytes += bytes;
        (self.bytes <= self.most).then_some(())
    }

    fn read_code(&mut self, symbols: usize) -> Option<Code> {
        if self.bits.take(1)? == 1 {
            let two = self.bits.take(1)? == 1;
            let bits = if self.bits.take(1)? == 1 { 8 } else { 1 };
            let first = self.bits.take(bits)? as usize;
            let second = if two {
                Some(self.bits.take(8)? as usize)
            } else {
                None
            };
            if first.max(second.unwrap_or(0)) >= symbols {
                return None;
            }
            return Some(Code::of_few(first, second));
        }
        let mut lengths = [0; LENGTH_CODE_ORDER.len()];
        let count = 4 + self.bits.take(4)? as usize;
        for &symbol in &LENGTH_CODE_ORDER[..count] {
            lengths[symbol] = self.bits.take(3)? as u8;
        }
        let code = Code::of_lengths(&lengths)?;
        let lengths = self.read_lengths(&code, symbols)?;
        Code::of_lengths(&lengths)
    }

    fn read_lengths(&mut self, code: &Code, symbols: usize) -> Option<Vec<u8>> {
        let mut written = symbols;
        if self.bits.take(1)? == 1 {
            let bits = 2 + 2 * self.bits.take(3)?;
            written = 2 + self.bits.take(bits)? as usize;
        }
        let mut lengths = Vec::with_capacity(symbols);
        let mut last = 8;
        while lengths.len() < symbols && written > 0 {
            written -= 1;
            let (length, count) = match code.take(&mut self.bits)? {
                16 => (last, 3 + self.bits.take(2)?),
                17 => (0, 3 + self.bits.take(3)?),
                18 => (0, 11 + self.bits.take(7)?),
                length => (length as u8, 1),
            };
            lengths.extend(iter::repeat_n(length, count as usize));
            if length != 0 {
                last = length;
            }
        }
        (lengths.len() <= symbols).then_some(lengths)
    }
}

fn subsampled(side: u32, bits: u32) -> u32 {
    (side + (1 << bits) - 1) >> bits
}

/// A canonical Huffman code.
struct Code {
    /// Codes of each length in bits.
    counts: [u16; LONGEST_CODE + 1],
    /// Symbols by the lengths of their codes, then by their number. One symbol alone takes no bits.
    symbols: Vec<u16>,
}

impl Code {
    const fn new() -> Self {
        Self {
            counts: [0; LONGEST_CODE + 1],
            symbols: Vec::new(),
        }
    }

    /// The code of one symbol, or of two with a bit each.
    fn of_few(first: usize, second: Option<usize>) -> Self {
        let mut code = Self::new();
        code.symbols.push(first as u16);
        if let Some(second) = second {
            code.symbols.push(second as u16);
            code.counts[1] = 2;
        }
        code
    }

    /// The code with these lengths, if they make one.
    fn of_lengths(lengths: &[u8]) -> Option<Self> {
        let mut code = Self::new();
        for &length in lengths.iter().filter(|length| **length > 0) {
            code.counts[usize::from(length)] += 1;
        }
        let mut symbols: Vec<u16> = (0..lengths.len() as u16)
            .filter(|symbol| lengths[usize::from(*symbol)] > 0)
            .collect();
        symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        code.symbols = symbols;
        if code.symbols.len() <= 1 {
            code.counts = [0; LONGEST_CODE + 1];
            return (!code.symbols.is_empty()).then_some(code);
        }
        let taken: u32 = (1..=LONGEST_CODE)
            .map(|bits| u32::from(code.counts[bits]) << (LONGEST_CODE - bits))
            .sum();
        (taken == 1 << LONGEST_CODE).then_some(code)
    }

    /// Returns true where a symbol takes no bits.
    fn is_empty(&self) -> bool {
        self.symbols.len() == 1
    }

    fn take(&self, bits: &mut Bits) -> Option<usize> {
        if self.is_empty() {
            return Some(self.symbols[0].into());
        }
        let (mut code, mut first, mut index) = (0u32, 0u32, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            let count = u32::from(*count);
            if code - first < count {
                return self
                    .symbols
                    .get(index + (code - first) as usize)
                    .map(|symbol| usize::from(*symbol));
            }
            index += count as usize;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }

    /// Bytes of the decoder's table and tree for this code.
    fn table_bytes(&self) -> u64 {
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        if longest == 0 {
            return 0;
        }
        let deep: u64 = self.counts[longest.min(TABLE_BITS) + 1..]
            .iter()
            .map(|count| u64::from(*count))
            .sum();
        (4 << longest.min(TABLE_BITS)) + 2 * 16 * deep.max(2)
    }
}

/// The bits of a bitstream, the lowest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits that were taken.
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A number of up to 16 bits; `None` at the end.
    fn take(&mut self, count: u32) -> Option<u32> {
        let byte = |index: usize| self.bytes.get(index).copied().unwrap_or(0);
        if self.at + count as usize > 8 * self.bytes.len() {
            return None;
        }
        let start = self.at / 8;
        let three = u32::from_le_bytes([byte(start), byte(start + 1), byte(start + 2), 0]);
        let value = three >> (self.at % 8) & ((1 << count) - 1);
        self.at += count as usize;
        Some(value)
    }

    /// A length or distance, of which `symbol` tells the magnitude.
    fn take_length(&mut self, symbol: usize) -> Option<u64> {
        if symbol < 4 {
            return Some(symbol as u64 + 1);
        }
        let extra = (symbol as u32 - 2) >> 1;
        let base = (2 + (symbol as u64 & 1)) << extra;
        let low = self.take(extra.min(16))?;
        let high = self.take(extra.saturating_sub(16))?;
        Some(base + (u64::from(high) << 16) + u64::from(low) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::decode::webp::{HEADER, data_of};

    fn reader(bitstream: &[u8]) -> Reader<'_> {
        Reader {
            bits: Bits::new(bitstream),
            bytes: 0,
            most: 1 << 20,
        }
    }

    #[test]
    fn every_code_of_an_encoders_file_is_read() {
        let files: [&[u8]; 2] = [
            include_bytes!("../../../../tests/golden/images/lossless.webp"),
            include_bytes!("../../../../tests/golden/images/lossless-alpha.webp"),
        ];
        for file in files {
            let bitstream = data_of(&file[HEADER..], b"VP8L").unwrap();
            let mut reader = reader(bitstream);
            assert_eq!(reader.read(None), Some(()));
            assert!(reader.bits.at < 8 * bitstream.len());
            assert!((GROUP_BYTES..1 << 20).contains(&reader.bytes), "{}", reader.bytes);
            for length in 0..bitstream.len() {
                table_bytes(&bitstream[..length], None, 1 << 20);
            }
        }
        let file = include_bytes!("../../../../tests/golden/images/lossy-alpha.webp");
        let alpha = data_of(&file[HEADER..], b"ALPH").unwrap();
        let lossy = data_of(&file[HEADER..], b"VP8 ").unwrap();
        let side = |at: usize| u32::from(u16::from_le_bytes([lossy[at], lossy[at + 1]]) & 0x3fff);
        assert_eq!(alpha[0] & 3, 1, "the alpha channel is lossless");
        let mut reader = reader(&alpha[1..]);
        assert_eq!(reader.read(Some((side(6), side(8)))), Some(()));
        assert!(reader.bytes > 0);
    }

    #[test]
    fn symbols_outside_of_an_alphabet_end_the_count() {
        // A code of two symbols, 1 and 200, of which the alphabet of distances has none.
        let bitstream = [0b1000_1011, 0b0000_1100];
        assert!(reader(&bitstream).read_code(201).is_some());
        assert!(reader(&bitstream).read_code(40).is_none());
    }

    #[test]
    fn codes_are_canonical() {
        let code = Code::of_lengths(&[2, 1, 3, 3]).unwrap();
        // Their bits in the order of the file: 1 is 0, 0 is 10, 2 is 110, 3 is 111.
        let mut bits = Bits::new(&[0b1101_1010, 0b0000_0001]);
        let symbols: Vec<_> = iter::from_fn(|| code.take(&mut bits)).take(5).collect();
        assert_eq!(symbols, [1, 0, 2, 3, 1]);
        for broken in [&[1, 1, 1][..], &[1, 2], &[0, 0], &[]] {
            assert!(Code::of_lengths(broken).is_none(), "{broken:?}");
        }
        assert!(Code::of_lengths(&[0, 7]).is_some_and(|code| code.is_empty()));
    }
}
