//! `cliplet convert`: a Hugging Face snapshot becomes one GGUF file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::weights::{Quant, convert};
use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Repo, RepoType};

use super::{Outcome, Status, progress};

const WEIGHTS: &str = "model.safetensors";
/// Index of weights that are stored in several files.
const INDEX: &str = "model.safetensors.index.json";
/// Texts of a snapshot, fetched where the repository has them; opening it tells what it lacks.
const TEXTS: [&str; 6] = [
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "processor_config.json",
    "preprocessor_config.json",
    "README.md",
];
/// Where sentence-transformers puts the CLIP of a model.
const SENTENCE_TRANSFORMERS: &str = "0_CLIPModel/";
/// Where the hub's own conversion to safetensors lies, for repositories whose main branch has none.
const CONVERTED: [(&str, &str); 1] = [("openai/clip-vit-base-patch32", "refs/pr/15")];

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
        let converted = convert(&directory, &self.output, quant, Some(&progress::moving(&bar)))?;
        bar.finish_and_clear();
        super::model::warn(&converted.warnings);
        eprintln!("{}: {} bytes", self.output.display(), converted.bytes);
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
    let mut files = names(&repo).map_err(refused)?;
    if weights(&files).is_none() {
        repo = match CONVERTED.iter().find(|(known, _)| *known == id) {
            Some((_, converted)) if revision.is_none() => at(converted),
            _ => {
                return Err(failed(format!(
                    "no {WEIGHTS} there; a revision that has it is named as {id}@REVISION"
                )));
            }
        };
        files = names(&repo).map_err(refused)?;
    }
    let Some(weights) = weights(&files) else {
        return Err(failed(format!("no {WEIGHTS} in its converted revision")));
    };
    let folder = folder(&files);
    let directory = fetch(&repo, &format!("{folder}config.json")).map_err(refused)?;
    for text in TEXTS.map(|text| format!("{folder}{text}")) {
        if files.contains(&text) {
            fetch(&repo, &text).map_err(refused)?;
        }
    }
    for file in weights {
        fetch(&repo, file).map_err(refused)?;
    }
    Ok(directory)
}

/// Names of a repository's files, with their folders.
fn names(repo: &ApiRepo) -> Result<Vec<String>, ApiError> {
    let files = repo.info()?.siblings;
    Ok(files.into_iter().map(|file| file.rfilename).collect())
}

/// The folder that holds the model among `files`: none, or that of sentence-transformers, with a slash.
fn folder(files: &[String]) -> &'static str {
    let has = |name: &str| files.iter().any(|file| file == name);
    match has("config.json") || !has("0_CLIPModel/config.json") {
        true => "",
        false => SENTENCE_TRANSFORMERS,
    }
}

/// The files that hold the weights among `files`: one, or the index and all shards.
fn weights(files: &[String]) -> Option<Vec<&str>> {
    let folder = folder(files);
    let within = |name: &str| files.iter().find(|file| **file == format!("{folder}{name}"));
    if let Some(single) = within(WEIGHTS) {
        return Some(vec![single]);
    }
    let index = within(INDEX)?;
    let prefix = format!("{folder}model-");
    let shards = files
        .iter()
        .filter(|file| file.starts_with(&prefix) && file.ends_with(".safetensors"));
    Some(std::iter::once(index).chain(shards).map(String::as_str).collect())
}

/// Fetches one file and gives the directory it lies in.
fn fetch(repo: &ApiRepo, file: &str) -> Result<PathBuf, ApiError> {
    let path = repo.get(file)?;
    Ok(path.parent().map(Path::to_path_buf).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_found_in_one_file_in_shards_and_in_a_folder() {
        let list = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let single = list(&["config.json", INDEX, WEIGHTS]);
        assert_eq!(weights(&single), Some(vec![WEIGHTS]));
        let shards = [
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ];
        let sharded = list(&["config.json", shards[0], shards[1], INDEX, "other.safetensors"]);
        assert_eq!(weights(&sharded), Some(vec![INDEX, shards[0], shards[1]]));
        let inner = list(&[
            "modules.json",
            "0_CLIPModel/config.json",
            "0_CLIPModel/model.safetensors",
        ]);
        assert_eq!(folder(&inner), "0_CLIPModel/");
        assert_eq!(weights(&inner), Some(vec!["0_CLIPModel/model.safetensors"]));
        assert_eq!(weights(&list(&["config.json", "pytorch_model.bin"])), None);
    }
}
