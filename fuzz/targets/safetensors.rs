//! The weights of a Hugging Face snapshot as a stream, in either container.
#![no_main]

use cliplet::weights::{IndexReader, Quant, SnapshotMetadata, SnapshotStream};
use cliplet_fuzz::{Bound, SMALL_CONFIG, TOKENIZER, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    check(Bound::of_model(data), || {
        let _ = load(data);
    });
});

fn load(data: &[u8]) -> cliplet::Result<()> {
    let name = match data.starts_with(b"PK") {
        true => "pytorch_model.bin",
        false => "model.safetensors",
    };
    let slice = |start: u64, length: u64| {
        let start = data.len().min(start as usize);
        &data[start..data.len().min(start.saturating_add(length as usize))]
    };
    let mut reader = IndexReader::new(name, Some(data.len() as u64))?;
    while let Some((start, length)) = reader.wanted() {
        reader.push(slice(start, length).to_vec())?;
    }
    let texts = SnapshotMetadata::new("fuzz", SMALL_CONFIG.into(), TOKENIZER.into(), None, None)?;
    let files = [reader.finish()?];
    let mut stream = SnapshotStream::new(texts, Quant::Q8, &files, &[], cliplet_fuzz::placement())?;
    while let Some((_, position)) = stream.wanted() {
        let chunk = slice(position, 37);
        if chunk.is_empty() {
            break;
        }
        stream.push(0, position, chunk)?;
    }
    stream.finish().map(drop)
}
