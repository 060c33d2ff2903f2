//! Bits of Huffman-coded data: stuffed zeros taken out, zeros given after a marker, and a file that
//! stops distinguished from a segment that stops.

use super::huffman::{HuffmanTable, LOOKUP_BITS};
use super::input::Input;

/// As many bits as the longest code and the longest value behind it have together.
const CODE_AND_VALUE: u32 = 32;
/// Bits that are there after every successful fill.
const FILLED: u32 = 57;
/// A file that stops with fewer bits than this before a code ends early. libjpeg looks ahead for 8 bits or
/// more, depending on what it has looked at before; a file without its end marker rarely gets by.
const LOOK_AHEAD: u32 = 12;

/// A register of bits ahead of the place that has been decoded.
#[derive(Debug, Default)]
pub(super) struct BitReader {
    /// The next bit is the highest; below the `left` valid bits stand zeros or the bits that follow.
    register: u64,
    left: u32,
    /// A marker came before the data that was asked for: zeros were given instead. libjpeg's
    /// `insufficient_data`.
    pub exhausted: bool,
    /// The file ended before the data that was asked for.
    pub ended: bool,
}

impl BitReader {
    /// Forgets the bits that are left, at the start of a scan or after a restart marker.
    pub fn clear(&mut self) {
        (self.register, self.left) = (0, 0);
    }

    /// The next symbol, and the register filled for up to 15 bits of [`bits`](Self::bits) after it.
    #[inline(always)]
    pub fn symbol(&mut self, input: &mut Input, table: &HuffmanTable) -> u8 {
        if self.left < CODE_AND_VALUE {
            self.fill(input);
            if self.left < CODE_AND_VALUE {
                return self.symbol_near_end(input, table);
            }
        }
        let (length, symbol) = table.lookup((self.register >> (64 - LOOKUP_BITS)) as usize);
        if length != 0 {
            self.drop_bits(length);
            return symbol;
        }
        self.long_symbol(table)
    }

    /// The next `count` bits, 1 to 15 of them, as a number.
    #[inline(always)]
    pub fn bits(&mut self, input: &mut Input, count: u32) -> u32 {
        if self.left < count {
            self.require(input, count);
        }
        let value = (self.register >> (64 - count)) as u32;
        self.drop_bits(count);
        value
    }

    /// A value of `size` bits (1 to 15) whose upper half is positive and lower half negative.
    #[inline(always)]
    pub fn signed(&mut self, input: &mut Input, size: u32) -> i32 {
        let value = self.bits(input, size) as i32;
        if value < 1 << (size - 1) {
            value - (1 << size) + 1
        } else {
            value
        }
    }

    #[inline(always)]
    fn drop_bits(&mut self, count: u32) {
        self.register <<= count;
        self.left -= count;
    }

    /// A code longer than the look-up table knows; 17 bits that are no code at all count as symbol 0.
    #[cold]
    fn long_symbol(&mut self, table: &HuffmanTable) -> u8 {
        let mut length = LOOKUP_BITS + 1;
        loop {
            let code = (self.register >> (64 - length)) as u32;
            if let Some(symbol) = table.symbol(code, length) {
                self.drop_bits(length);
                return symbol;
            }
            if length == 17 {
                self.drop_bits(17);
                return 0;
            }
            length += 1;
        }
    }

    /// Bit by bit where the data is about to end, so that no more is asked for than the code needs.
    #[cold]
    fn symbol_near_end(&mut self, input: &mut Input, table: &HuffmanTable) -> u8 {
        if self.left < LOOK_AHEAD && input.pending.is_none() {
            self.ended = true;
        }
        let mut code = 0;
        for length in 1..=17 {
            code = code << 1 | self.bits(input, 1);
            if let Some(symbol) = table.symbol(code, length) {
                return symbol;
            }
        }
        0
    }

    /// Makes `count` bits valid: of the data, or zeros after its end.
    #[cold]
    fn require(&mut self, input: &mut Input, count: u32) {
        self.fill(input);
        if self.left < count {
            match input.pending {
                Some(_) => self.exhausted = true,
                None => self.ended = true,
            }
            self.left = FILLED;
        }
    }

    /// Fills the register up to 57 bits or more, or up to the next marker or the end of the file.
    #[inline]
    fn fill(&mut self, input: &mut Input) {
        if input.pending.is_some() {
            return;
        }
        if let Some(eight) = input.rest().first_chunk::<8>() {
            let word = u64::from_be_bytes(*eight);
            if !has_ff(word) {
                // Bits below the whole bytes are written again by the next fill, with the same value.
                self.register |= word >> self.left;
                let bytes = (64 - self.left) / 8;
                input.advance(bytes as usize);
                self.left += bytes * 8;
                return;
            }
        }
        self.fill_by_bytes(input);
    }

    fn fill_by_bytes(&mut self, input: &mut Input) {
        while self.left < FILLED {
            let Ok(mut byte) = input.byte() else {
                return;
            };
            if byte == 0xff {
                let mut code = 0xff;
                while code == 0xff {
                    let Ok(next) = input.byte() else {
                        return;
                    };
                    code = next;
                }
                if code != 0 {
                    input.pending = Some(code);
                    return;
                }
                byte = 0xff;
            }
            self.register |= u64::from(byte) << (56 - self.left);
            self.left += 8;
        }
    }
}

/// Reports whether one of the eight bytes is 0xff.
#[inline(always)]
fn has_ff(word: u64) -> bool {
    (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_zeros_are_taken_out_and_markers_stop() {
        let bytes = [0x12, 0xff, 0x00, 0x34, 0xff, 0xff, 0x00, 0x56, 0xff, 0xd0, 9];
        let mut input = Input::new(&bytes);
        let mut reader = BitReader::default();
        let read: Vec<u32> = (0..5).map(|_| reader.bits(&mut input, 8)).collect();
        assert_eq!(read, [0x12, 0xff, 0x34, 0xff, 0x56]);
        assert!(!reader.exhausted);
        assert_eq!(reader.bits(&mut input, 8), 0);
        assert!(reader.exhausted && !reader.ended);
        assert_eq!((input.pending, input.rest()), (Some(0xd0), &[9][..]));
    }

    #[test]
    fn the_end_of_the_file_is_noticed() {
        let mut input = Input::new(&[0xab]);
        let mut reader = BitReader::default();
        assert_eq!(reader.bits(&mut input, 8), 0xab);
        assert!(!reader.ended);
        reader.bits(&mut input, 1);
        assert!(reader.ended);
    }

    #[test]
    fn bits_agree_with_a_string_of_digits_at_every_width() {
        let bytes: Vec<u8> = (0..200u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0xfe)
            .collect();
        let digits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        for width in 1..=15 {
            let mut input = Input::new(&bytes);
            let mut reader = BitReader::default();
            for at in (0..digits.len() - 15).step_by(width) {
                let expected = u32::from_str_radix(&digits[at..at + width], 2).unwrap();
                assert_eq!(
                    reader.bits(&mut input, width as u32),
                    expected,
                    "width {width} at {at}"
                );
            }
        }
    }

    #[test]
    fn has_ff_finds_every_place() {
        for place in 0..8 {
            assert!(has_ff(0xff << (8 * place)));
            assert!(has_ff(0xff << (8 * place) | 0x0123_4567_89ab_cdef));
        }
        for word in [
            0,
            0x7f80_fe01_7ffe_8001,
            0xfefe_fefe_fefe_fefe,
            u64::from_be_bytes(*b"abcdefgh"),
        ] {
            assert!(!has_ff(word));
        }
    }
}
