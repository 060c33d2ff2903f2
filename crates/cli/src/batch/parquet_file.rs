//! A Parquet file as its reader wants it, within its length.
//!
//! The library's own access to files answers a read at the end with no bytes and no error, whereupon a header that
//! claims billions of values is read for hours; and it takes memory for as many bytes as a file claims.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::parquet_metadata::walk;

/// Bytes of the length of the metadata and of the file's mark, which are last.
const FOOTER: u64 = 8;

/// An open file of known length.
pub struct ParquetFile {
    file: File,
    length: u64,
}

impl ParquetFile {
    /// # Errors
    /// Those of asking for the length.
    pub fn new(file: File) -> std::io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    /// The same file once more.
    ///
    /// # Errors
    /// Those of the system.
    pub fn try_clone(&self) -> std::io::Result<Self> {
        let file = self.file.try_clone()?;
        Ok(Self { file, ..*self })
    }

    /// Walks over the metadata at the end of the file, if there are any.
    ///
    /// # Errors
    /// Those of [`walk`].
    pub fn check_metadata(&self) -> Result<()> {
        let Some(end) = self.length.checked_sub(FOOTER) else {
            return Ok(());
        };
        let mut length = [0; 4];
        self.get_read(end)?.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        if let Some(start) = end.checked_sub(length) {
            walk(self.get_read(start)?.take(length), |_| Ok(()))?;
        }
        Ok(())
    }
}

impl Length for ParquetFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for ParquetFile {
    type T = UntilEnd;

    fn get_read(&self, start: u64) -> Result<UntilEnd> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(UntilEnd(BufReader::new(file)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let left = self.length.saturating_sub(start);
        if length as u64 > left {
            return Err(ParquetError::EOF(format!(
                "{length} bytes from byte {start} on are more than the file has"
            )));
        }
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Bytes of a file, whose end is an error to whoever wants more.
pub struct UntilEnd(BufReader<File>);

impl Read for UntilEnd {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(out)? {
            0 if !out.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn metadata_are_walked_over() {
        // A list of two bytes; of as many truth values as there are numbers of 31 bits.
        let sound = [0x19, 0x23, 1, 2, 0];
        let forged = [0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 7, 0];
        for (metadata, length, passes) in [
            (&sound[..], 5, true),
            (&sound, 4, false),
            (&forged, 8, false),
            (&sound, 100, true),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            let length = u32::to_le_bytes(length);
            file.write_all(&[metadata, &length, b"PAR1"].concat()).unwrap();
            let checked = ParquetFile::new(file).unwrap().check_metadata();
            assert_eq!(checked.is_ok(), passes, "{metadata:?}, {length:?}");
        }
    }

    #[test]
    fn nothing_is_read_behind_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        std::fs::write(&path, b"PAR1 and 12 more").unwrap();
        let file = ParquetFile::new(File::open(path).unwrap()).unwrap();
        assert_eq!(file.len(), 16);

        let mut out = [0; 10];
        let mut reader = file.get_read(13).unwrap();
        assert_eq!(reader.read(&mut out).unwrap(), 3);
        assert_eq!(
            reader.read(&mut out).unwrap_err().kind(),
            ErrorKind::UnexpectedEof
        );
        assert_eq!(reader.read(&mut []).unwrap(), 0);

        assert_eq!(&file.get_bytes(9, 7).unwrap()[..], b"12 more");
        for (start, length) in [(9, 8), (17, 1), (0, usize::MAX), (u64::MAX, 1)] {
            assert!(
                matches!(file.get_bytes(start, length), Err(ParquetError::EOF(_))),
                "{length} bytes from {start} on"
            );
        }
    }
}
