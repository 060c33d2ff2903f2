//! A file of any image format, recognized by its content.
#![no_main]

use cliplet_fuzz::preprocess;

libfuzzer_sys::fuzz_target!(|data: &[u8]| preprocess(data));
