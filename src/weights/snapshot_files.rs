//! The files of a snapshot on disk: the directory they lie in, their texts and their weights.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::weights::open_clip;
use crate::weights::snapshot_metadata::SnapshotFiles;

/// Longest JSON or model card read, in bytes; a tokenizer of 900,000 tokens, one a line, takes about 60 MB.
const MAX_TEXT_FILE: u64 = 128 << 20;
/// Files of settings, one of which a snapshot has.
const CONFIGS: [&str; 2] = ["config.json", open_clip::CONFIG];
/// Files that hold all weights, or list those that do: the first that is there is taken.
const WEIGHTS: [&str; 6] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
];
/// Files that hold the weights of a linear map of sentence-transformers.
const LINEAR_MAP: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
/// Folder in which sentence-transformers puts the CLIP of a model.
const SENTENCE_TRANSFORMERS: &str = "0_CLIPModel";

/// The directory that holds the configuration, for a path that may be one level or two above it: a model
/// of sentence-transformers, or a repository in the Hub's cache.
pub(super) fn directory_of_model(path: &Path) -> Result<PathBuf> {
    let within = |dir: &Path| {
        let inner = dir.join(SENTENCE_TRANSFORMERS);
        (!has_config(dir) && has_config(&inner)).then_some(inner)
    };
    let dir = match path.join("snapshots") {
        snapshots if !has_config(path) && snapshots.is_dir() => revision(path, &snapshots)?,
        _ => path.to_path_buf(),
    };
    Ok(within(&dir).unwrap_or(dir))
}

/// True where a directory holds a configuration.
pub(super) fn has_config(dir: &Path) -> bool {
    CONFIGS.iter().any(|config| dir.join(config).exists())
}

/// The snapshot of a repository in the Hub's cache: that of its branch `main`, or the only one.
fn revision(repository: &Path, snapshots: &Path) -> Result<PathBuf> {
    if let Some(commit) = text(&repository.join("refs").join("main"))? {
        let commit = commit.trim();
        let dir = snapshots.join(commit);
        // A commit is a name of hexadecimal digits, never a path that leads elsewhere.
        if !commit.is_empty() && commit.bytes().all(|b| b.is_ascii_hexdigit()) && dir.is_dir() {
            return Ok(dir);
        }
    }
    let entries = std::fs::read_dir(snapshots).map_err(|source| Error::Io {
        file: snapshots.display().to_string(),
        source,
    })?;
    let mut found = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir());
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(malformed(
            snapshots,
            "holds no snapshot; download the model again",
        )),
        _ => Err(malformed(
            snapshots,
            "holds several snapshots; name one of its directories",
        )),
    }
}

/// The single weights file, or the shards that the index names.
pub(super) fn weight_files(dir: &Path) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    // Weights that open_clip wrote are read by its own settings.
    let has_settings = |name: &&&str| !name.starts_with("open_clip") || dir.join(open_clip::CONFIG).exists();
    let found = WEIGHTS
        .iter()
        .filter(has_settings)
        .find(|name| dir.join(name).exists());
    let Some(found) = found else {
        return Ok(vec![only_weights(dir)?]);
    };
    let index_path = dir.join(found);
    if !found.ends_with(".json") {
        return Ok(vec![index_path]);
    }
    let json = require_text(&index_path)?;
    let index: Index = serde_json::from_str(&json).map_err(|e| malformed(&index_path, &e.to_string()))?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    // A shard lies beside its index; a path that leads elsewhere is not one.
    if let Some(name) = names
        .iter()
        .find(|name| Path::new(name).components().count() != 1 || *name == "..")
    {
        return Err(malformed(
            &index_path,
            &format!("shard {name:?} is not a file name"),
        ));
    }
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

/// The file of the weights of a linear map of sentence-transformers, in its own directory.
pub(super) fn linear_map(dir: &Path) -> Result<PathBuf> {
    let mut paths = LINEAR_MAP.iter().map(|name| dir.join(name));
    paths.find(|path| path.exists()).ok_or_else(|| {
        malformed(
            dir,
            &format!("holds neither {} nor {}", LINEAR_MAP[0], LINEAR_MAP[1]),
        )
    })
}

/// The only file of PyTorch's in a directory, which may have any name, as Apple's have.
fn only_weights(dir: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(dir).map_err(Error::io(dir))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let is_pytorch = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ending == "pt" || ending == "pth")
    };
    let mut found = paths.filter(|path| is_pytorch(path) && path.is_file());
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) if !has_config(dir) => Err(malformed(
            &dir.join(CONFIGS[0]),
            "file is missing, so that the folder is no model: give the folder of a snapshot, or a GGUF file",
        )),
        (None, _) => Err(malformed(
            dir,
            &format!("holds no {}, nor any of {}", WEIGHTS[0], WEIGHTS[1..].join(", ")),
        )),
        _ => Err(malformed(dir, "holds several .pt files; name one of them")),
    }
}

/// The texts of a snapshot in a directory.
pub(super) struct Directory<'a>(pub &'a Path);

impl SnapshotFiles for Directory<'_> {
    fn contents(&self, name: &str) -> Result<Option<Vec<u8>>> {
        contents(&self.0.join(name))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

/// Contents of a text file that a snapshot cannot be without.
pub(super) fn require_text(path: &Path) -> Result<String> {
    text(path)?.ok_or_else(|| malformed(path, "file is missing"))
}

/// Contents of a text file, or `None` where there is no such file.
pub(super) fn text(path: &Path) -> Result<Option<String>> {
    let bytes = contents(path)?.map(String::from_utf8).transpose();
    bytes.map_err(|e| malformed(path, &format!("is no text: {e}")))
}

/// Contents of a small file, or `None` where there is no such file.
fn contents(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(path)(e)),
        Ok(meta) if meta.len() > MAX_TEXT_FILE => Err(malformed(
            path,
            &format!("is {} bytes; at most {MAX_TEXT_FILE} are read", meta.len()),
        )),
        Ok(_) => std::fs::read(path).map(Some).map_err(Error::io(path)),
    }
}

fn malformed(path: &Path, reason: &str) -> Error {
    Error::Model {
        file: path.display().to_string(),
        reason: reason.into(),
    }
}
