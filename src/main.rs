//! The `cliplet` command: the crate's core from a shell.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
