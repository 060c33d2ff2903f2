//! Reads files of weights in memory as a browser reads them: the list of tensors first, then what is wanted.

use cliplet::Result;
use cliplet::clip::SnapshotLoader;
use cliplet::weights::{IndexReader, WeightIndex};

/// The list of the tensors of a file.
pub fn index(name: &str, bytes: &[u8], length: Option<u64>) -> Result<WeightIndex> {
    let mut reader = IndexReader::new(name, length)?;
    while let Some((start, length)) = reader.wanted() {
        let start = bytes.len().min(start as usize);
        let end = bytes.len().min(start + length as usize);
        reader.push(bytes[start..end].to_vec())?;
    }
    reader.finish()
}

/// Gives the loader chunks of at most `chunk` bytes of `files` until it wants no more, or the file is at its end, and
/// calls `taken` after each.
#[allow(dead_code, reason = "not every test reads values")]
pub fn feed(
    loader: &mut SnapshotLoader,
    files: &[&[u8]],
    chunk: usize,
    mut taken: impl FnMut(&mut SnapshotLoader),
) -> Result<()> {
    while let Some((file, position)) = loader.wanted() {
        let rest = files[file].get(position as usize..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        loader.push(file, position, &rest[..rest.len().min(chunk)])?;
        taken(loader);
    }
    Ok(())
}
