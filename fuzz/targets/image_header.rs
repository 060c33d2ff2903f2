//! Image files whose headers and chunks claim sizes that their data do not have. The file is put together from
//! parts, so that the fuzzer spends its time on claims, not on magic numbers and checksums.
#![no_main]

use cliplet_fuzz::image_files::Claims;
use cliplet_fuzz::preprocess_claimed;

libfuzzer_sys::fuzz_target!(|claims: Claims| {
    preprocess_claimed(&claims.file(), claims.pixels());
});
