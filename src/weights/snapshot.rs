//! A Hugging Face snapshot directory: `config.json`, safetensors (one file, or shards with an
//! index), `tokenizer.json` and `preprocessor_config.json`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::weights::layout::{TensorSpec, weight_specs};
use crate::weights::safetensors::file::SafetensorsFile;
use crate::weights::store::{Assembler, Placement};
use crate::weights::values::Values;
use crate::weights::{ModelFile, OnProgress, SnapshotMetadata, report};

/// Longest JSON or model card read, in bytes (the largest real one, a tokenizer, is under 4 MB).
const MAX_TEXT_FILE: u64 = 64 << 20;

/// An open snapshot: its texts in memory, its tensors on disk.
pub struct Snapshot {
    name: String,
    /// Everything but the weights.
    pub texts: SnapshotMetadata,
    shards: Vec<SafetensorsFile>,
    shard_of: HashMap<String, usize>,
}

impl Snapshot {
    /// Opens the snapshot at `path`: its directory, or the `.safetensors` file within it.
    pub fn open(path: &Path) -> Result<Self> {
        let single = path
            .extension()
            .is_some_and(|e| e == "safetensors")
            .then(|| path.to_path_buf());
        let dir = match &single {
            Some(file) => file.parent().unwrap_or(Path::new(".")),
            None => path,
        };
        let directory = dir.canonicalize().ok();
        let directory = directory.as_deref().and_then(|d| d.file_name()?.to_str());
        let texts = SnapshotMetadata::new(
            directory.unwrap_or("clip"),
            require_text(&dir.join("config.json"))?,
            require_text(&dir.join("tokenizer.json"))?,
            text(&dir.join("preprocessor_config.json"))?,
            text(&dir.join("README.md"))?.as_deref(),
        )
        .map_err(|e| e.in_file(&dir.join("config.json").display().to_string()))?;

        let files = match single {
            Some(file) => vec![file],
            None => weight_files(dir)?,
        };
        let mut shards = Vec::new();
        let mut shard_of = HashMap::new();
        for (i, file) in files.iter().enumerate() {
            let shard = SafetensorsFile::open(file)?;
            shard_of.extend(shard.tensor_names().into_iter().map(|name| (name, i)));
            shards.push(shard);
        }
        let name = path.display().to_string();
        Ok(Self {
            name,
            texts,
            shards,
            shard_of,
        })
    }

    /// Path of the snapshot, as errors name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads all weights, converted to the placement's type.
    pub fn load(&mut self, placement: Placement, progress: OnProgress) -> Result<ModelFile> {
        let parts: Vec<TensorSpec> = weight_specs(&self.texts.config)
            .into_iter()
            .flat_map(|spec| spec.parts)
            .collect();
        let total = parts.iter().map(TensorSpec::values).sum::<usize>() as u64 * 4;
        let quantization = placement.dtype.as_str();
        let mut assembler = Assembler::new(&self.texts.config, placement);
        let mut done = 0;
        for part in &parts {
            report(progress, done, total)?;
            assembler.accept(&part.name, Values::Dense(self.read(part)?))?;
            done += part.values() as u64 * 4;
        }
        report(progress, done, total)?;
        let weights = assembler.finish()?;
        Ok(ModelFile {
            weights,
            tokenizer_json: self.texts.tokenizer_json.clone(),
            preprocessor_json: self.texts.preprocessor_json.clone(),
            about: self.texts.about.clone(),
            quantization: quantization.into(),
            bytes: self.shards.iter().map(SafetensorsFile::bytes).sum(),
            checksum: None,
        })
    }

    /// Values of one published tensor, whose shape must be the configuration's.
    pub fn read(&mut self, part: &TensorSpec) -> Result<Vec<f32>> {
        let malformed = |file: &str, reason: String| Error::Model {
            file: file.into(),
            reason,
        };
        let Some(&index) = self.shard_of.get(&part.name) else {
            return Err(malformed(&self.name, format!("tensor {} is missing", part.name)));
        };
        let shard = &mut self.shards[index];
        let shape = shard.shape(&part.name).unwrap_or_default();
        if shape != part.shape {
            let reason = format!(
                "tensor {} is {shape:?} but config.json makes it {:?}",
                part.name, part.shape
            );
            return Err(malformed(shard.name(), reason));
        }
        shard.read(&part.name)
    }
}

/// The single weights file, or the shards that the index names.
fn weight_files(dir: &Path) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let single = dir.join("model.safetensors");
    if single.exists() {
        return Ok(vec![single]);
    }
    let index_path = dir.join("model.safetensors.index.json");
    let malformed = |path: &Path, reason: String| Error::Model {
        file: path.display().to_string(),
        reason,
    };
    let Some(json) = text(&index_path)? else {
        let reason = if dir.join("pytorch_model.bin").exists() {
            "has pytorch_model.bin but no model.safetensors; save it with safe_serialization=True"
        } else {
            "holds no model.safetensors"
        };
        return Err(malformed(dir, reason.into()));
    };
    let index: Index = serde_json::from_str(&json).map_err(|e| malformed(&index_path, e.to_string()))?;
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
            format!("shard {name:?} is not a file name"),
        ));
    }
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

fn require_text(path: &Path) -> Result<String> {
    text(path)?.ok_or_else(|| Error::Model {
        file: path.display().to_string(),
        reason: "file is missing".into(),
    })
}

/// Contents of a text file, or `None` where there is no such file.
fn text(path: &Path) -> Result<Option<String>> {
    let io = |source| Error::Io {
        file: path.display().to_string(),
        source,
    };
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io(e)),
        Ok(meta) if meta.len() > MAX_TEXT_FILE => Err(Error::Model {
            file: path.display().to_string(),
            reason: format!("is {} bytes; at most {MAX_TEXT_FILE} are read", meta.len()),
        }),
        Ok(_) => std::fs::read_to_string(path).map(Some).map_err(io),
    }
}
