//! Pages of a Parquet file, checked before they are decoded.
//!
//! The library takes memory for as many lengths as the delta encodings of texts claim, of which a few bytes may claim
//! billions. Columns are therefore read through readers that refuse such pages.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

/// Values that a byte of a page stands for at most. Encoders write five bytes or more for 128 equal lengths.
const VALUES_PER_BYTE: u64 = 128;

/// A file whose pages are checked.
pub struct CheckedFile<R>(pub R);

impl<R: FileReader> FileReader for CheckedFile<R> {
    fn metadata(&self) -> &ParquetMetaData {
        self.0.metadata()
    }

    fn num_row_groups(&self) -> usize {
        self.0.num_row_groups()
    }

    fn get_row_group(&self, i: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        Ok(Box::new(CheckedGroup(self.0.get_row_group(i)?)))
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_file(projection, self)
    }
}

struct CheckedGroup<'a>(Box<dyn RowGroupReader + 'a>);

impl RowGroupReader for CheckedGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.0.metadata()
    }

    fn num_columns(&self) -> usize {
        self.0.num_columns()
    }

    fn get_column_page_reader(&self, i: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata().column(i).column_descr();
        Ok(Box::new(CheckedPages {
            pages: self.0.get_column_page_reader(i)?,
            levels: [column.max_rep_level(), column.max_def_level()],
        }))
    }

    fn get_column_bloom_filter(&self, i: usize) -> Option<&Sbbf> {
        self.0.get_column_bloom_filter(i)
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

struct CheckedPages {
    pages: Box<dyn PageReader>,
    /// The largest repetition and definition levels.
    levels: [i16; 2],
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        let sound = page.as_ref().is_none_or(|page| self.is_sound(page));
        match sound {
            true => Ok(page),
            false => Err(ParquetError::General(
                "a page claims more values than it can hold".into(),
            )),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

impl CheckedPages {
    fn is_sound(&self, page: &Page) -> bool {
        let lists = match page.encoding() {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            Encoding::DELTA_BYTE_ARRAY => 2,
            _ => return true,
        };
        let mut values = self.values(page).map(Values);
        (0..lists).all(|_| values.as_mut().and_then(Values::skip_list).is_some())
    }

    /// The bytes of a data page behind its levels; none where they are not there.
    fn values<'p>(&self, page: &'p Page) -> Option<&'p [u8]> {
        match page {
            Page::DataPage { buf, .. } => {
                let mut rest: &[u8] = buf;
                for _ in self.levels.iter().filter(|level| **level > 0) {
                    let (length, behind) = rest.split_first_chunk()?;
                    rest = behind.get(u32::from_le_bytes(*length) as usize..)?;
                }
                Some(rest)
            }
            Page::DataPageV2 {
                buf,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let levels = def_levels_byte_len.checked_add(*rep_levels_byte_len)?;
                <Bytes as AsRef<[u8]>>::as_ref(buf).get(levels as usize..)
            }
            Page::DictionaryPage { .. } => None,
        }
    }
}

/// Values that are encoded as differences (DELTA_BINARY_PACKED), and what follows them.
struct Values<'p>(&'p [u8]);

impl Values<'_> {
    /// Passes over a list of integers; none where it is cut short or claims more than it can hold.
    fn skip_list(&mut self) -> Option<()> {
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

    /// A number of seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
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
