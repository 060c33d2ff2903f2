//! A Parquet file as its reader wants it, within its length.
//!
//! The library's own access to files answers a read at the end with no bytes and no error, whereupon a header that
//! claims billions of values is read for hours; and it takes memory for as many bytes as a file claims.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

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
