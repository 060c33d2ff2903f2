//! The `cliplet` command: one file a subcommand, none of which holds model logic. This file has the parts that
//! they share: the exit codes and the printing of errors. It is a library so that fuzz targets reach the readers.

mod batch;
mod bench;
mod classify;
mod convert;
mod dataset;
mod device;
mod embed;
mod eval;
mod hub;
mod image_fetcher;
mod images;
mod info;
mod labels;
mod left_out;
mod model;
mod output;
mod progress;
mod serve;
mod templates;
mod terminal;

#[cfg(feature = "fuzzing")]
pub use batch::fuzzing;

use std::process::ExitCode;

use std::path::Path;

use clap::{Parser, Subcommand};
use cliplet::Error;

/// The error of a `path` where nothing is, with a sentence that says so and what to give instead.
fn not_found(path: impl AsRef<Path>, reason: impl Into<String>) -> Error {
    Error::io(path)(std::io::Error::new(std::io::ErrorKind::NotFound, reason.into()))
}

/// CLIP where the image already is: zero-shot labels and embeddings of images and texts.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Rank labels for images.
    Classify(classify::Classify),
    /// Embed images and texts.
    Embed(embed::Embed),
    /// Classify or embed the rows of a file, of a folder or of standard input.
    Batch(batch::Batch),
    /// Turn a Hugging Face snapshot into one GGUF file.
    Convert(convert::Convert),
    /// Measure zero-shot accuracy on images sorted into classes.
    Eval(eval::Eval),
    /// Print name, size, quantization and configuration of a model.
    Info(info::Info),
    /// Measure images and texts a second.
    Bench(bench::Bench),
    /// Answer over HTTP: Azure ML's, OpenAI's and the Open Inference Protocol's endpoints, and the page.
    Serve(serve::Serve),
}

/// Exit code where something failed.
const FAILURE: u8 = 1;
/// Exit code where the command was misused, as clap gives it too.
const USAGE: u8 = 2;

/// The outcome of a subcommand.
type Outcome = Result<Status, Error>;

/// The result of a subcommand that ran to its end.
#[derive(Debug, PartialEq, Eq)]
enum Status {
    /// Everything succeeded.
    Success,
    /// Some of it failed, as was reported on standard error.
    Partial,
}

/// Parses the command line, runs the subcommand and gives the exit code.
pub fn run() -> ExitCode {
    let outcome = match Command::parse().task {
        Task::Classify(task) => task.run(),
        Task::Embed(task) => task.run(),
        Task::Batch(task) => task.run(),
        Task::Convert(task) => task.run(),
        Task::Eval(task) => task.run(),
        Task::Info(task) => task.run(),
        Task::Bench(task) => task.run(),
        Task::Serve(task) => task.run(),
    };
    match outcome {
        Ok(Status::Success) => ExitCode::SUCCESS,
        Ok(Status::Partial) => ExitCode::from(FAILURE),
        Err(error) => {
            terminal::message(&error);
            ExitCode::from(if matches!(error, Error::Input(_)) {
                USAGE
            } else {
                FAILURE
            })
        }
    }
}
