//! Writes a model file: space for the header, the tensors one after the other, then the header.

use std::io::{Seek, SeekFrom, Write};

use xxhash_rust::xxh3::xxh3_64;

use super::compose::{TensorDecl, components, declare, header};
use super::{ALIGNMENT, Metadata, align};
use crate::weights::layout::TensorSpec;
use crate::weights::quantize::Encoding;
use crate::weights::values::Values;

/// A file being written to `out`. Every tensor is declared before the first is written.
pub struct GgufWriter<W> {
    out: W,
    metadata: Metadata,
    tensors: Vec<TensorDecl>,
    checksums: Vec<u64>,
    position: u64,
}

impl<W: Write + Seek> GgufWriter<W> {
    /// A file with this metadata that will hold `parts`, encoded as named, in this order.
    pub fn new(mut out: W, metadata: Metadata, parts: &[(TensorSpec, Encoding)]) -> std::io::Result<Self> {
        let tensors: Vec<TensorDecl> = parts
            .iter()
            .flat_map(|(part, encoding)| declare(part, *encoding))
            .collect();
        let blank = vec![0; tensors.len()];
        let (header, _) = header(&metadata, &tensors, &blank);
        let position = align(header.len() as u64, ALIGNMENT as u64);
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&vec![0; position as usize])?;
        Ok(Self {
            out,
            metadata,
            tensors,
            checksums: Vec::new(),
            position,
        })
    }

    /// Writes the values of the next part.
    pub fn write(&mut self, values: &Values, encoding: Encoding) -> std::io::Result<()> {
        components(values, encoding)
            .iter()
            .try_for_each(|component| self.tensor(component))
    }

    fn tensor(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        debug_assert_eq!(self.tensors[self.checksums.len()].bytes(), bytes.len() as u64);
        let gap = align(self.position, ALIGNMENT as u64) - self.position;
        self.out.write_all(&[0; ALIGNMENT][..gap as usize])?;
        self.out.write_all(bytes)?;
        self.position += gap + bytes.len() as u64;
        self.checksums.push(xxh3_64(bytes));
        Ok(())
    }

    /// Writes the header, once every tensor is there, and gives the file's size in bytes.
    pub fn finish(mut self) -> std::io::Result<u64> {
        debug_assert_eq!(self.tensors.len(), self.checksums.len());
        let (header, _) = header(&self.metadata, &self.tensors, &self.checksums);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        Ok(self.position)
    }
}
