//! A `preprocessor_config.json`, and an image that it prepares.
#![no_main]

use cliplet::image::ImageProcessor;
use cliplet_fuzz::{Bound, check};

/// Side of the largest output that is tried, in pixels: the file may ask for any size.
const LARGEST: usize = 512;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(json) = std::str::from_utf8(data) else {
        return;
    };
    let bound = Bound::of_json(data).and_pixels((LARGEST * LARGEST) as u64);
    check(bound, || {
        if let Ok(processor) = ImageProcessor::from_json(json)
            && processor.size().is_none_or(|size| size <= LARGEST)
        {
            let _ = processor.preprocess_rgba(3, 5, &[7; 60]);
        }
    });
});
