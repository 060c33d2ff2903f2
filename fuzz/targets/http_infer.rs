//! The body of a request to the server's `infer` endpoint, up to the work that it asks for.
#![no_main]

use cliplet_fuzz::{Bound, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    check(Bound::of_json(data), || cliplet_server::fuzzing::read_infer(data));
});
