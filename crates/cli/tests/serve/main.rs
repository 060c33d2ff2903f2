//! `cliplet serve` as a process of its own, over loopback.

mod batching;
mod command;
mod docs;
mod options;
#[path = "../../../server/tests/http/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the router")]
mod support;
