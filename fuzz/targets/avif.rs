//! A file that the AVIF decoder reads.
#![no_main]

use cliplet_fuzz::preprocess;

libfuzzer_sys::fuzz_target!(|data: &[u8]| preprocess(data));
