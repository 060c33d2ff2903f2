//! The `cliplet` command.

use std::process::ExitCode;

/// Weights and activations begin at cache lines.
#[global_allocator]
static ALLOCATOR: cliplet_kernels::LineAligned = cliplet_kernels::LineAligned;

fn main() -> ExitCode {
    cliplet_kernels::reuse_freed_memory();
    cliplet_cli::run()
}
