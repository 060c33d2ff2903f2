//! A GGUF model file that arrives in chunks.
#![no_main]

use cliplet::weights::GgufStream;
use cliplet_fuzz::{Bound, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    check(Bound::of_model(data), || {
        let mut stream = GgufStream::new(Some(data.len() as u64), cliplet_fuzz::placement());
        // Chunks of many lengths, so that every field is cut somewhere.
        let mut rest = data;
        for length in (1..64).cycle() {
            let (chunk, after) = rest.split_at(rest.len().min(length));
            if chunk.is_empty() || stream.push(chunk).is_err() {
                break;
            }
            rest = after;
        }
        let _ = stream.finish();
    });
});
