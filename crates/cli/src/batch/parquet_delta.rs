//! Lists of integers in Parquet's delta encoding (DELTA_BINARY_PACKED), as lengths of texts are stored.

use super::varint;

/// Values that a byte of a page stands for at most. Encoders write five bytes or more for 128 equal lengths.
const VALUES_PER_BYTE: u64 = 128;

/// Values that are encoded as differences (DELTA_BINARY_PACKED), and what follows them.
pub struct Values<'p>(pub &'p [u8]);

impl Values<'_> {
    /// Passes over a list of integers; none where it is cut short or claims more than it can hold.
    pub fn skip_list(&mut self) -> Option<()> {
        let most = VALUES_PER_BYTE * self.0.len() as u64;
        let (block, miniblocks, count) = (self.number()?, self.number()?, self.number()?);
        self.number()?;
        if count > most || miniblocks == 0 || block % miniblocks != 0 {
            return None;
        }
        let in_miniblock = block / miniblocks;
        let mut left = count.saturating_sub(1);
        while left > 0 {
            self.number()?;
            let (widths, rest) = self.0.split_at_checked(usize::try_from(miniblocks).ok()?)?;
            self.0 = rest;
            for width in widths {
                if left == 0 {
                    break;
                }
                let bytes = in_miniblock.checked_mul(u64::from(*width))? / 8;
                self.0 = self.0.get(usize::try_from(bytes).ok()?..)?;
                left = left.saturating_sub(in_miniblock.max(1));
            }
        }
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        varint::read(|| {
            let (byte, rest) = self.0.split_first().ok_or(())?;
            self.0 = rest;
            Ok::<_, ()>(*byte)
        })
        .ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_passed_over_and_claims_refused() {
        // Blocks of 128 values in four miniblocks; three values, the first 5, the others 2 more each.
        let list = [0x80, 1, 4, 3, 10, 4, 0, 0, 0, 0];
        let mut values = Values(&list);
        assert_eq!((values.skip_list(), values.0), (Some(()), &[][..]));
        // Two bits for each of the 32 values of the first miniblock.
        let wide = [&[0x80, 1, 4, 3, 10, 4, 2, 0, 0, 0][..], &[0; 8], b"rest"].concat();
        let mut values = Values(&wide);
        assert_eq!((values.skip_list(), values.0), (Some(()), &b"rest"[..]));
        let claim = [0x80, 1, 4, 0xff, 0xff, 0xff, 0xff, 15, 10, 4, 0, 0, 0, 0];
        let no_miniblocks = [0x80, 1, 0, 3, 10, 4];
        for broken in [&claim[..], &no_miniblocks, &list[..7], &wide[..15], &[]] {
            assert_eq!(Values(broken).skip_list(), None, "{broken:?}");
        }
    }
}
