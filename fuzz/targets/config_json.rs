//! A model's `config.json`.
#![no_main]

use cliplet::weights::ClipConfig;
use cliplet_fuzz::{Bound, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(json) = std::str::from_utf8(data) else {
        return;
    };
    check(Bound::of_json(data), || {
        let _ = ClipConfig::from_json(json);
    });
});
