//! Pages of a Parquet file, checked before they are decoded.
//!
//! The library takes memory for as many bytes as the header of a page claims, for as many as its gzipped data become,
//! and for as many lengths as the delta encodings of texts claim, of which a few bytes may claim billions. Columns are
//! therefore read through readers that refuse such pages.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::{Compression, Encoding};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use super::parquet_delta::Values;
use super::parquet_file::ParquetFile;
use super::parquet_metadata::{FALSE, Field, INT32, STRUCTURE, TRUE, walk};

/// Unpacked bytes that any page may claim, or for each of its packed bytes, if that is more. Images hardly compress.
const PAGE_BYTES: u64 = 64 << 20;
const PAGE_BYTES_PER_BYTE: u64 = 256;
/// Fields of the header of a page, and the type of a page that is refused: readers disagree about what to pass over.
const PAGE_TYPE: (i16, i16) = (0, 1);
const UNPACKED_BYTES: (i16, i16) = (0, 2);
const PACKED_BYTES: (i16, i16) = (0, 3);
/// Lengths of the two lists of levels before the data of a page of the second kind, which are never packed.
const LEVELS: [(i16, i16); 2] = [(8, 5), (8, 6)];
const INDEX_PAGE: i32 = 1;

/// A file whose pages are checked.
pub struct CheckedFile<R> {
    reader: R,
    file: Arc<ParquetFile>,
}

impl<R: FileReader> CheckedFile<R> {
    /// The `reader` of a file, and that file once more.
    pub fn new(reader: R, file: ParquetFile) -> Self {
        let file = Arc::new(file);
        Self { reader, file }
    }
}

impl<R: FileReader> FileReader for CheckedFile<R> {
    fn metadata(&self) -> &ParquetMetaData {
        self.reader.metadata()
    }

    fn num_row_groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    fn get_row_group(&self, i: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        Ok(Box::new(CheckedGroup {
            group: self.reader.get_row_group(i)?,
            file: Arc::clone(&self.file),
        }))
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_file(projection, self)
    }
}

struct CheckedGroup<'a> {
    group: Box<dyn RowGroupReader + 'a>,
    file: Arc<ParquetFile>,
}

impl RowGroupReader for CheckedGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.group.metadata()
    }

    fn num_columns(&self) -> usize {
        self.group.num_columns()
    }

    fn get_column_page_reader(&self, i: usize) -> Result<Box<dyn PageReader>> {
        let chunk = self.metadata().column(i);
        let column = chunk.column_descr();
        let (start, length) = chunk.byte_range();
        Ok(Box::new(CheckedPages {
            pages: self.group.get_column_page_reader(i)?,
            file: Arc::clone(&self.file),
            gzipped: matches!(chunk.compression(), Compression::GZIP(_)),
            next: start,
            end: start.saturating_add(length),
            levels: [column.max_rep_level(), column.max_def_level()],
        }))
    }

    fn get_column_bloom_filter(&self, i: usize) -> Option<&Sbbf> {
        self.group.get_column_bloom_filter(i)
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

struct CheckedPages {
    pages: Box<dyn PageReader>,
    file: Arc<ParquetFile>,
    gzipped: bool,
    /// Place in the file of the next page, and of the end of the column.
    next: u64,
    end: u64,
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
        self.next = self.check_next()?;
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
        self.check_next()?;
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.next = self.check_next()?;
        self.pages.skip_next_page()
    }
}

impl CheckedPages {
    /// Checks the header of the next page that is read, and returns the place behind that page.
    fn check_next(&self) -> Result<u64> {
        if self.next >= self.end {
            return Ok(self.next);
        }
        let (mut kind, mut unpacked, mut packed, mut levels) = (0, 0, 0, 0u64);
        let header = walk(self.file.get_read(self.next)?, |field| {
            check_type(field)?;
            match (field.outer, field.id) {
                PAGE_TYPE => kind = field.number,
                UNPACKED_BYTES => unpacked = bytes(field.number)?,
                PACKED_BYTES => packed = bytes(field.number)?,
                id if LEVELS.contains(&id) => levels += bytes(field.number)?,
                _ => {}
            }
            Ok(())
        })?;
        if kind == INDEX_PAGE {
            return Err(unsound(format_args!("to be an index")));
        }
        if unpacked > PAGE_BYTES.max(PAGE_BYTES_PER_BYTE.saturating_mul(packed)) {
            return Err(unsound(format_args!("{unpacked} bytes in {packed}")));
        }
        let data = self.next.saturating_add(header);
        if self.gzipped {
            let gzip = self.file.get_read(data.saturating_add(levels))?;
            let gzip = MultiGzDecoder::new(gzip.take(packed.saturating_sub(levels)));
            // Broken data are left to the library, which stops at the same place.
            let passed = std::io::copy(&mut gzip.take(unpacked + 1), &mut std::io::sink());
            if passed.is_ok_and(|passed| passed > unpacked) {
                return Err(unsound(format_args!("{unpacked} bytes, but holds more")));
            }
        }
        Ok(data.saturating_add(packed))
    }

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

/// Refuses a field of the header of a page that has another type than the format gives it: the library looks at its id
/// alone, and would see other fields behind it than were checked.
fn check_type(field: Field) -> std::io::Result<()> {
    let types: &[u8] = match (field.outer, field.id) {
        (0, 1..=4) | (5, 1..=4) | (7, 1..=2) | (8, 1..=6) => &[INT32],
        (0, 5..=8) | (5, 5) | (8, 8) => &[STRUCTURE],
        (7, 3) | (8, 7) => &[TRUE, FALSE],
        _ => return Ok(()),
    };
    match types.contains(&field.kind) {
        true => Ok(()),
        false => Err(std::io::Error::other(format!(
            "field {} of a page's header has type {}",
            field.id, field.kind
        ))),
    }
}

/// A number of bytes.
fn bytes(number: i32) -> std::io::Result<u64> {
    u64::try_from(number).map_err(|_| std::io::Error::other(format!("a page claims {number} bytes")))
}

fn unsound(claim: std::fmt::Arguments) -> ParquetError {
    ParquetError::General(format!("a page claims {claim}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Write;

    use flate2::{Compression as Level, write::GzEncoder};
    use parquet::file::reader::Length;

    /// No pages: those of the tests are not decoded.
    struct NoPages;

    impl Iterator for NoPages {
        type Item = Result<Page>;

        fn next(&mut self) -> Option<Result<Page>> {
            None
        }
    }

    impl PageReader for NoPages {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            Ok(None)
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            Ok(None)
        }

        fn skip_next_page(&mut self) -> Result<()> {
            Ok(())
        }
    }

    /// A number as Thrift has it, its sign in the lowest bit.
    fn number(number: i64) -> Vec<u8> {
        let mut rest = ((number << 1) ^ (number >> 63)) as u64;
        let mut bytes = Vec::new();
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes
    }

    /// A page of a type: the size that it claims, unpacked levels, and what it holds packed.
    fn page(kind: i64, unpacked: i64, levels: &[u8], packed: &[u8]) -> Vec<u8> {
        let length = (levels.len() + packed.len()) as i64;
        let sizes = [
            &[0x15][..],
            &number(kind),
            &[0x15],
            &number(unpacked),
            &[0x15],
            &number(length),
        ]
        .concat();
        let of_levels = match levels.len() {
            0 => vec![],
            length => [&[0x5c, 0x55][..], &number(length as i64), &[0x15, 0, 0]].concat(),
        };
        [&sizes, &of_levels, &[0][..], levels, packed].concat()
    }

    /// The places behind the pages that are sound, until one is not.
    fn sound(gzipped: bool, pages: &[Vec<u8>]) -> Vec<u64> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&pages.concat()).expect("it can be written");
        let file = Arc::new(ParquetFile::new(file).expect("its length is known"));
        let mut checked = CheckedPages {
            pages: Box::new(NoPages),
            gzipped,
            next: 0,
            end: file.len(),
            file,
            levels: [0, 0],
        };
        let mut places = Vec::new();
        while checked.next < checked.end && checked.get_next_page().is_ok() {
            places.push(checked.next);
        }
        places
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Level::fast());
        gzip.write_all(bytes).expect("memory takes it");
        gzip.finish().expect("memory takes it")
    }

    #[test]
    fn a_page_claims_no_more_than_its_bytes_justify() {
        let sized = |unpacked| page(0, unpacked, &[], &[7; 1000]);
        let length = sized(1000).len() as u64;
        assert_eq!(sound(false, &[sized(1000), sized(500)]), [length, 2 * length]);
        let small = page(0, 64 << 20, &[], &[7; 1000]);
        assert_eq!(sound(false, std::slice::from_ref(&small)), [small.len() as u64]);
        for claim in [(64 << 20) + 1, 2_000_000_000, -1] {
            assert_eq!(sound(false, &[sized(1000), sized(claim)]), [length], "{claim}");
        }
        // Readers disagree about what belongs to an index.
        assert_eq!(
            sound(
                false,
                &[sized(900), page(i64::from(INDEX_PAGE), 10, &[], &[7; 10])]
            ),
            [length]
        );
    }

    #[test]
    fn a_header_that_the_library_reads_otherwise_is_refused() {
        let whole = page(0, 1000, &[], &[7; 1000]);
        let length = whole.len() as u64;
        let header = [0x15, 0, 0x15, 0xd0, 0x0f, 0x15, 0xd0, 0x0f, 0];
        assert_eq!(sound(false, &[[&header[..], &[7; 1000]].concat()]).len(), 1);
        // Packed bytes of more than 32 bits, an id of more than 16, and unpacked bytes of 64 bits or a boolean.
        let others: [&[u8]; 4] = [
            &[0x15, 0, 0x15, 0xd0, 0x0f, 0x15, 0xd0, 0x8f, 0x80, 0x80, 0x20, 0],
            &[0x15, 0, 0x05, 0x84, 0x80, 0x08, 0xd0, 0x0f, 0x15, 0xd0, 0x0f, 0],
            &[0x15, 0, 0x16, 0xd0, 0x0f, 0x15, 0xd0, 0x0f, 0],
            &[0x15, 0, 0x11, 0x15, 0xd0, 0x0f, 0],
        ];
        for other in others {
            let pages = [whole.clone(), [other, &[7; 1000]].concat()];
            assert_eq!(sound(false, &pages), [length], "{other:?}");
        }
    }

    #[test]
    fn gzipped_data_become_no_more_than_the_page_claims() {
        let packed = gzip(&[0; 100_000]);
        for levels in [&[][..], &[1, 2, 3]] {
            let claims = |unpacked| page(3, unpacked, levels, &packed);
            assert_eq!(sound(true, &[claims(100_000)]).len(), 1, "{levels:?}");
            assert!(sound(true, &[claims(90_000)]).is_empty(), "{levels:?}");
        }
    }
}
