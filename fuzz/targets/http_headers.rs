//! The headers by which the server tells hosts, origins and clients.
#![no_main]

use cliplet_fuzz::{Bound, check};

libfuzzer_sys::fuzz_target!(|headers: (&str, &str, &str)| {
    let length = headers.0.len() + headers.1.len() + headers.2.len();
    check(Bound::of_text(&vec![0; length]), || {
        cliplet_server::fuzzing::read_headers(headers.0, headers.1, headers.2);
    });
});
