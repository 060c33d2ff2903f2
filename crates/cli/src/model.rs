//! The model that a subcommand runs.

use std::path::PathBuf;

use clap::Args;
use cliplet::Error;
use cliplet::clip::{Clip, LoadOptions, Loader};

use super::device::Place;
use super::progress;

/// The small model that the binary carries.
const EMBEDDED: &[u8] = include_bytes!("../../../models/cliplet-everyday.gguf");
const EMBEDDED_NAME: &str = "cliplet-everyday.gguf (embedded)";

/// Which model.
#[derive(Args)]
pub struct Model {
    /// A GGUF file, or a Hugging Face snapshot directory (run in float32); the embedded small model by default.
    #[arg(long, value_name = "PATH", env = "CLIPLET_MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    pub place: Place,
}

impl Model {
    /// Loads it.
    pub fn load(&self) -> Result<Clip, Error> {
        let device = self.place.open()?;
        let bar = progress::bytes("Loading");
        let moving = progress::moving(&bar);
        let options = LoadOptions::default()
            .device(device)
            .dtype(self.place.dtype())
            .progress(Some(&moving));
        let clip = match &self.model {
            Some(path) => Clip::open_with(path, &options),
            None => embedded(&options),
        };
        bar.finish_and_clear();
        let clip = clip?;
        warn(&clip.info().warnings);
        Ok(clip)
    }
}

/// Says on standard error which defaults stand in for files that a model lacks.
pub fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}

/// The model that the binary carries.
fn embedded(options: &LoadOptions) -> Result<Clip, Error> {
    let mut loader = Loader::with_options(Some(EMBEDDED.len() as u64), options).named(EMBEDDED_NAME);
    loader.push(EMBEDDED)?;
    loader.finish()
}
