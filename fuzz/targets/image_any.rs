//! A file of any image format, told by its content.
#![no_main]

use cliplet_fuzz::preprocess;

libfuzzer_sys::fuzz_target!(|data: &[u8]| preprocess(data));
