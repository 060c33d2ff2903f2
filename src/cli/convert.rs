//! `cliplet convert`: a Hugging Face snapshot becomes one GGUF file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::weights::{Quant, convert};
use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};

use super::{Done, Outcome, progress};

/// Files of a snapshot that a model cannot be without.
const NEEDED: [&str; 4] = [
    "config.json",
    "tokenizer.json",
    "preprocessor_config.json",
    "model.safetensors",
];
/// Tells licence and origin, where there is one.
const CARD: &str = "README.md";

/// Turn a Hugging Face snapshot into one GGUF file.
#[derive(Args)]
pub struct Convert {
    /// A snapshot directory, or a hub id such as openai/clip-vit-base-patch32 (downloaded, resumable).
    #[arg(value_name = "SNAPSHOT_DIR|HUB_ID")]
    source: String,
    /// The file to write.
    #[arg(short, long, value_name = "OUT.gguf")]
    output: PathBuf,
    /// How weights are stored: 16-bit floats, 8 bits or 4 bits.
    #[arg(long, value_enum, default_value_t = Bits::Q8)]
    quant: Bits,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bits {
    F16,
    Q8,
    Q4,
}

impl Convert {
    pub fn run(&self) -> Outcome {
        let directory = match Path::new(&self.source) {
            local if local.exists() => local.to_path_buf(),
            _ => download(&self.source)?,
        };
        let quant = match self.quant {
            Bits::F16 => Quant::F16,
            Bits::Q8 => Quant::Q8,
            Bits::Q4 => Quant::Q4,
        };
        let bar = progress::bytes("Converting");
        let bytes = convert(&directory, &self.output, quant, Some(&progress::moving(&bar)))?;
        bar.finish_and_clear();
        eprintln!("{}: {bytes} bytes", self.output.display());
        Ok(Done::Whole)
    }
}

/// Brings a snapshot from the hub into its cache, with a bar a file, and gives its directory.
fn download(id: &str) -> Result<PathBuf, Error> {
    let parts: Vec<_> = id.split('/').collect();
    if parts.len() != 2 || parts.iter().any(|part| part.is_empty() || part.starts_with('.')) {
        return Err(Error::Input(format!(
            "{id} is neither a directory here nor a hub id (owner/name)"
        )));
    }
    let refused = |error: ApiError| Error::Model {
        file: id.to_string(),
        reason: format!("the hub: {error}"),
    };
    let repo = ApiBuilder::from_env()
        .with_progress(true)
        .build()
        .map_err(refused)?
        .model(id.to_string());
    let mut directory = PathBuf::new();
    for file in NEEDED {
        directory = fetch(&repo, file).map_err(refused)?;
    }
    // A model without a card converts too; it then tells no licence.
    let _ = fetch(&repo, CARD);
    Ok(directory)
}

/// Fetches one file and gives the directory it lies in.
fn fetch(repo: &ApiRepo, file: &str) -> Result<PathBuf, ApiError> {
    let path = repo.get(file)?;
    Ok(path.parent().map(Path::to_path_buf).unwrap_or_default())
}
