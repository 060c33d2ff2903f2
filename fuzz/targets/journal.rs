//! The journal of a run of `cliplet batch` that was interrupted.
#![no_main]

use cliplet_fuzz::{Bound, check, with_file};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    with_file("answers.jsonl.partial", data, |path| {
        let output = path.with_extension("");
        check(Bound::of_rows(data), || {
            cliplet_cli::fuzzing::read_journal(&output)
        });
    });
});
