//! Base64 and data URIs.
#![no_main]

use cliplet::image::decode_base64;
use cliplet_fuzz::{Bound, check};

libfuzzer_sys::fuzz_target!(|text: &str| {
    check(Bound::of_text(text.as_bytes()), || {
        if let Ok(bytes) = decode_base64(text) {
            assert!(bytes.len() <= text.len());
        }
    });
});
