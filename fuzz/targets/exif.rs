//! EXIF data, in each place where a format keeps it.
#![no_main]

use cliplet_fuzz::image_files::{jpeg_with_exif, png_with_exif, webp_with_exif};
use cliplet_fuzz::preprocess;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&which, exif)) = data.split_first() else {
        return;
    };
    preprocess(&match which % 3 {
        0 => jpeg_with_exif(exif),
        1 => png_with_exif(exif),
        _ => webp_with_exif(exif),
    });
});
