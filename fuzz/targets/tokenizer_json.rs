//! A `tokenizer.json`, and a text that it encodes.
#![no_main]

use cliplet::tokenizer::Tokenizer;
use cliplet_fuzz::{Bound, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    check(Bound::of_json(data), || {
        if let Ok(tokenizer) = Tokenizer::from_json(data, 77) {
            let ids = tokenizer.encode("A photo of a naïve cat 🐈, 2 dogs.");
            assert!(ids.is_err() || ids.is_ok_and(|ids| ids.len() <= 77));
        }
    });
});
