//! The tiny snapshot, and an allocator that counts, for tests of malformed files.

use std::path::{Path, PathBuf};

pub use cliplet_kernels::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The tiny snapshot.
#[allow(dead_code, reason = "not every test reads it")]
pub fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/tiny")
}
