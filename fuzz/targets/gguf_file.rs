//! A GGUF model file on disk, loaded as a model.
#![no_main]

use cliplet::clip::Clip;
use cliplet_fuzz::{Bound, check, with_file};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    with_file("model.gguf", data, |path| {
        check(Bound::of_model(data), || {
            let _ = Clip::open(path);
        });
    });
});
