//! The `cliplet` command: the crate's core from a shell.

#[cfg(not(target_family = "wasm"))]
mod cli;

#[cfg(not(target_family = "wasm"))]
#[global_allocator]
static ALLOCATOR: cliplet::kernels::LineAligned = cliplet::kernels::LineAligned;

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    cli::run()
}

/// A browser has no shell: there the crate is its library alone.
#[cfg(target_family = "wasm")]
fn main() {}
