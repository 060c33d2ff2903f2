//! `cliplet convert`: a Hugging Face snapshot becomes one GGUF file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::weights::{Quant, convert};
use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Repo, RepoType};

use super::{Outcome, Status, progress};

const WEIGHTS: &str = "model.safetensors";
/// Files of a snapshot that a model cannot be without.
const NEEDED: [&str; 4] = [
    "config.json",
    "tokenizer.json",
    "preprocessor_config.json",
    WEIGHTS,
];
/// Where the hub's own conversion to safetensors lies, for repositories whose main branch has none.
const CONVERTED: [(&str, &str); 1] = [("openai/clip-vit-base-patch32", "refs/pr/15")];
/// Tells licence and origin, where there is one.
const CARD: &str = "README.md";

/// Turn a Hugging Face snapshot into one GGUF file.
#[derive(Args)]
pub struct Convert {
    /// A snapshot directory, or a hub id such as openai/clip-vit-base-patch32 (downloaded, resumable);
    /// ID@REVISION takes another branch than main.
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
        Ok(Status::Success)
    }
}

/// Brings a snapshot from the hub into its cache, with a bar a file, and gives its directory.
fn download(source: &str) -> Result<PathBuf, Error> {
    let (id, revision) = match source.split_once('@') {
        Some((id, revision)) => (id, Some(revision)),
        None => (source, None),
    };
    let parts: Vec<_> = id.split('/').collect();
    if parts.len() != 2 || parts.iter().any(|part| part.is_empty() || part.starts_with('.')) {
        return Err(Error::Input(format!(
            "{source} is neither a directory here nor a hub id (owner/name)"
        )));
    }
    let failed = |reason: String| Error::Model {
        file: source.to_string(),
        reason,
    };
    let refused = |error: ApiError| failed(format!("the hub: {error}"));
    let hub = ApiBuilder::from_env()
        .with_progress(true)
        .build()
        .map_err(refused)?;
    let at = |revision: &str| {
        hub.repo(Repo::with_revision(
            id.to_string(),
            RepoType::Model,
            revision.to_string(),
        ))
    };
    let mut repo = at(revision.unwrap_or("main"));
    let files = repo.info().map_err(refused)?.siblings;
    if !files.iter().any(|file| file.rfilename == WEIGHTS) {
        repo = match CONVERTED.iter().find(|(known, _)| *known == id) {
            Some((_, converted)) if revision.is_none() => at(converted),
            _ => {
                return Err(failed(format!(
                    "no {WEIGHTS} there; a revision that has it is named as {id}@REVISION"
                )));
            }
        };
    }
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
