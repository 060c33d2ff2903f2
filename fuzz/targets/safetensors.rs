//! The weights of a Hugging Face snapshot, whole and as a stream.
#![no_main]

use cliplet::weights::{Quant, SafetensorsStream, SnapshotMetadata};
use cliplet_fuzz::{Bound, SMALL_CONFIG, TOKENIZER, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    check(Bound::of_model(data), || {
        let texts = SnapshotMetadata::new("fuzz", SMALL_CONFIG.into(), TOKENIZER.into(), None, None);
        let Ok(texts) = texts else { return };
        let mut stream =
            SafetensorsStream::new(texts, Quant::Q8, Some(data.len() as u64), cliplet_fuzz::placement());
        for chunk in data.chunks(37) {
            if stream.push(chunk).is_err() {
                return;
            }
        }
        let _ = stream.finish();
    });
});
