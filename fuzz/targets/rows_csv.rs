//! Rows of `cliplet batch` from a file named rows.csv.
#![no_main]

use cliplet_fuzz::{Bound, check, with_file};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    with_file("rows.csv", data, |path| {
        check(Bound::of_rows(data), || cliplet_cli::fuzzing::read_rows(path));
    });
});
