//! The model that a subcommand runs.

use std::path::{Path, PathBuf};

use clap::Args;
use cliplet::Error;
use cliplet::clip::{Clip, LoadOptions, Loader};

use super::device::DeviceOptions;
use super::{hub, progress, terminal};

/// The small model within the binary.
const EMBEDDED: &[u8] = include_bytes!("../../../models/cliplet-everyday.gguf");
const EMBEDDED_NAME: &str = "cliplet-everyday.gguf (embedded)";

/// The options that choose a model and its device.
#[derive(Args)]
pub struct ModelOptions {
    /// A GGUF file, a Hugging Face snapshot folder, or a hub id such as openai/clip-vit-base-patch32 (downloaded once;
    /// snapshots run in float32); the embedded small model by default.
    #[arg(long, value_name = "PATH|HUB_ID", env = "CLIPLET_MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceOptions,
}

impl ModelOptions {
    /// Loads the model, with a progress bar. Defaults that stand in for files which it lacks are reported on standard
    /// error.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such model, and those of reading it.
    pub fn load(&self) -> Result<Clip, Error> {
        let clip = self.open()?;
        clip.info().warnings.iter().for_each(terminal::warning);
        Ok(clip)
    }

    /// Loads the model as [`load`](Self::load) does, and leaves the report to the caller.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn open(&self) -> Result<Clip, Error> {
        let device = self.device.open()?;
        let path = self.model.as_deref().map(locate).transpose()?;
        let bar = progress::bytes("Loading");
        let moving = progress::moving(&bar);
        let options = LoadOptions::default()
            .device(device)
            .dtype(self.device.dtype())
            .progress(Some(&moving));
        let clip = match &path {
            Some(path) => Clip::open_with(path, &options),
            None => embedded(&options),
        };
        bar.finish_and_clear();
        clip
    }
}

/// The path of a model that is given by its path or by its id on the Hub, from which it is downloaded unless it is in
/// the Hub's cache.
///
/// # Errors
/// [`Error::Input`] where there is no such model, [`Error::Model`] where the Hub does not give it.
pub fn locate(model: &Path) -> Result<PathBuf, Error> {
    let path = match model.to_str().and_then(hub::ModelId::parse) {
        Some(id) if !model.exists() => id.snapshot()?,
        _ => model.to_path_buf(),
    };
    if !path.exists() {
        return Err(crate::not_found(
            path,
            "there is no such file or folder; give a GGUF file, a snapshot folder or a hub id (owner/name)",
        ));
    }
    Ok(path)
}

fn embedded(options: &LoadOptions) -> Result<Clip, Error> {
    let mut loader = Loader::with_options(Some(EMBEDDED.len() as u64), options).named(EMBEDDED_NAME);
    loader.push(EMBEDDED)?;
    loader.finish()
}
